/* Buffer: see buffer.h. Rule: growth doubles, so that many small pieces cost little. */
#include "buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256 }; /* bytes: most heads fit twice */

static size_t room_for(size_t room, size_t needed) {
    if (room == 0) room = SMALLEST;
    while (room < needed && room <= SIZE_MAX / 2) room *= 2;
    return room < needed ? needed : room;
}

static int make_room(Buffer *buffer, size_t room) {
    char *bytes = realloc(buffer->bytes, room);
    if (bytes == NULL) return -1;
    buffer->bytes = bytes;
    buffer->room = room;
    return 0;
}

int buffer_reserve(Buffer *buffer, size_t size) {
    if (size <= buffer->room - buffer->size) return 0;
    if (buffer->lent || size > SIZE_MAX - buffer->size) return -1;
    return make_room(buffer, room_for(buffer->room, buffer->size + size));
}

void buffer_expect(Buffer *buffer, size_t size) {
    if (size > buffer->room) make_room(buffer, size);
}

int buffer_append(Buffer *buffer, const char *bytes, size_t size) {
    if (size == 0) return 0;
    if (buffer_reserve(buffer, size) < 0) return -1;
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    return 0;
}

void buffer_lend(Buffer *buffer, char *memory, size_t room) {
    buffer_free(buffer);
    *buffer = (Buffer){.bytes = memory, .room = room, .lent = 1};
}

void buffer_trim(Buffer *buffer) {
    if (buffer->lent || buffer->size == 0 || buffer->size > buffer->room / 2) return;
    make_room(buffer, buffer->size);
}

void buffer_clear(Buffer *buffer) { buffer->size = 0; }

void buffer_free(Buffer *buffer) {
    if (!buffer->lent) free(buffer->bytes);
    *buffer = (Buffer){0};
}
