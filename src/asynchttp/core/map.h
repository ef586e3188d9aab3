/* Map: finds entries by a string. An entry is embedded in the struct to find.
 *
 * The map owns its buckets, the user owns the entries and their keys. Each map is used by one thread. A map
 * of zeros is empty.
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

/* NULL: no entry has the key. */
MapEntry *map_find(const Map *map, const char *key);

/* Add an entry whose key is not in the map yet. Returns 0, or -1 when there is no memory. */
int map_add(Map *map, MapEntry *entry, const char *key);

void map_remove(Map *map, MapEntry *entry);

/* Call `visit` with each entry; `visit` may remove that entry. */
void map_each(Map *map, void (*visit)(MapEntry *entry, void *argument), void *argument);

/* Free the buckets, and not the entries. */
void map_free(Map *map);

#endif
