/* Map: see map.h. Buckets of chains; a full map doubles the number of buckets. */
#include "map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 16 };

static size_t hash_of(const char *key) { /* FNV-1a */
    uint64_t hash = 14695981039346656037u;
    for (; *key; key++) hash = (hash ^ (unsigned char)*key) * 1099511628211u;
    return (size_t)hash;
}

MapEntry *map_find(const Map *map, const char *key) {
    if (map->room == 0) return NULL;
    size_t hash = hash_of(key);
    MapEntry *entry = map->buckets[hash % map->room];
    while (entry != NULL && (entry->hash != hash || strcmp(entry->key, key) != 0))
        entry = entry->next;
    return entry;
}

static void insert(Map *map, MapEntry *entry) {
    MapEntry **bucket = &map->buckets[entry->hash % map->room];
    entry->next = *bucket;
    *bucket = entry;
}

static int grow(Map *map) {
    Map larger = {.room = map->room ? map->room * 2 : FIRST_ROOM};
    larger.buckets = calloc(larger.room, sizeof *larger.buckets);
    if (larger.buckets == NULL) return -1;
    for (size_t i = 0; i < map->room; i++)
        for (MapEntry *next, *entry = map->buckets[i]; entry != NULL; entry = next) {
            next = entry->next;
            insert(&larger, entry);
        }
    free(map->buckets);
    map->buckets = larger.buckets;
    map->room = larger.room;
    return 0;
}

int map_add(Map *map, MapEntry *entry, const char *key) {
    /* Without memory a full map goes on with longer chains. */
    if (map->count >= map->room && grow(map) < 0 && map->room == 0) return -1;
    entry->key = key;
    entry->hash = hash_of(key);
    insert(map, entry);
    map->count++;
    return 0;
}

void map_remove(Map *map, MapEntry *entry) {
    MapEntry **at = &map->buckets[entry->hash % map->room];
    while (*at != entry) at = &(*at)->next;
    *at = entry->next;
    map->count--;
}

void map_each(Map *map, void (*visit)(MapEntry *entry, void *argument), void *argument) {
    for (size_t i = 0; i < map->room; i++)
        for (MapEntry *next, *entry = map->buckets[i]; entry != NULL; entry = next) {
            next = entry->next;
            visit(entry, argument);
        }
}

void map_free(Map *map) {
    free(map->buckets);
    *map = (Map){0};
}
