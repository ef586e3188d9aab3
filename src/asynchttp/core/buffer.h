/* Buffer: a string of bytes that grows by appending.
 *
 * The struct that contains a buffer owns the buffer, and says which thread uses the buffer, a
 * single thread at a time. A buffer of zeros is empty.
 */
#ifndef ASYNCHTTP_BUFFER_H
#define ASYNCHTTP_BUFFER_H

#include <stddef.h>

typedef struct {
    char *bytes; /* owned by the buffer, unless `lent` */
    size_t size; /* bytes in use */
    size_t room; /* bytes of memory */
    int lent;    /* the memory has another owner: the buffer neither grows nor frees the memory */
} Buffer;

/* Append `size` bytes. Returns 0; or -1 with no change, when there is no memory, or lent memory is full. */
int buffer_append(Buffer *buffer, const char *bytes, size_t size);

/* Make room for `size` more bytes. Returns 0, or -1 as buffer_append does. */
int buffer_reserve(Buffer *buffer, size_t size);

/* Make room for exactly `size` bytes, if there is memory. Call this for an empty buffer. */
void buffer_expect(Buffer *buffer, size_t size);

/* Write to `memory` of `room` bytes from now on, and free the old memory. The caller owns `memory`, and keeps
 * `memory` as long as the buffer is used. */
void buffer_lend(Buffer *buffer, char *memory, size_t room);

/* Free the unused memory, if less than half is used. */
void buffer_trim(Buffer *buffer);

/* Remove all bytes, and keep the memory. */
void buffer_clear(Buffer *buffer);

/* Remove all bytes, and free the memory. */
void buffer_free(Buffer *buffer);

#endif
