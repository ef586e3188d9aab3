/* Map: entries found by a string. An entry is embedded in what is found.
 *
 * The map owns its buckets, the user the entries and their keys; one thread uses a map.
 */
#ifndef ASYNCHTTP_MAP_H
#define ASYNCHTTP_MAP_H

#include <stddef.h>

typedef struct MapEntry {
    struct MapEntry *next;
    const char *key;
    size_t hash;
} MapEntry;

typedef struct {
    MapEntry **buckets;
    size_t room;
    size_t count;
} Map;

MapEntry *map_find(const Map *map, const char *key);

/* Add an entry whose key is not in the map yet. Returns 0, or -1 when there is no memory. */
int map_add(Map *map, MapEntry *entry, const char *key);

void map_remove(Map *map, MapEntry *entry);

/* Call `visit` with each entry; `visit` may remove that entry. */
void map_each(Map *map, void (*visit)(MapEntry *entry, void *argument), void *argument);

/* Give the buckets back; the entries are left alone. */
void map_free(Map *map);

#endif
