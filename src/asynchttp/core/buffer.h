/* Buffer: bytes that grow as they come.
 *
 * A buffer belongs to the struct that holds it, and is used by one thread at a time; the owner says
 * which. A buffer of zeros is an empty one.
 */
#ifndef ASYNCHTTP_BUFFER_H
#define ASYNCHTTP_BUFFER_H

#include <stddef.h>

typedef struct {
    char *bytes; /* owned by the buffer, unless `lent` */
    size_t size; /* bytes that are there */
    size_t room; /* bytes that fit */
    int lent;    /* the memory is somebody else's: neither grown nor freed here */
} Buffer;

/* Append `size` bytes. Returns 0; or -1, and nothing is appended, when there is no memory, or when
 * lent memory is full. */
int buffer_append(Buffer *buffer, const char *bytes, size_t size);

/* Have room for `size` more bytes. Returns 0, or -1 as above. */
int buffer_reserve(Buffer *buffer, size_t size);

/* Have room for `size` bytes that are going to come, and for no more, if there is memory; for a buffer that
 * is empty. */
void buffer_expect(Buffer *buffer, size_t size);

/* Write to `memory` of `room` bytes from now on, which stays the caller's and has to last as long as
 * the buffer is used. What the buffer had is freed. */
void buffer_lend(Buffer *buffer, char *memory, size_t room);

/* Give back memory that is not used, where that is most of it. */
void buffer_trim(Buffer *buffer);

/* Be empty; the memory is kept for the next bytes. */
void buffer_clear(Buffer *buffer);

/* Be empty, and give the memory back. */
void buffer_free(Buffer *buffer);

#endif
