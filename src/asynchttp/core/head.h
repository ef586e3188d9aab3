/* The head of an answer: lines, each with its LF, and an empty line at the end. Pure functions.
 *
 * Rule: libcurl has checked the syntax of each field line, and unfolded the lines. The functions accept any
 * bytes nevertheless.
 */
#ifndef ASYNCHTTP_HEAD_H
#define ASYNCHTTP_HEAD_H

#include <stdint.h>

#include "buffer.h"

/* Whether the head has its empty line: libcurl also accepts a connection that closes within the head. */
int head_is_whole(const Buffer *head);

/* Whether the line, of `size` bytes, is the empty line. */
int head_ends_with(const char *line, size_t size);

/* Whether the head begins with a status line: a version, then a status of three digits (RFC 9112, 4). */
int head_has_status_line(const Buffer *head);

/* Whether the head so far is empty, or of an interim answer (1xx). */
int head_is_interim(const Buffer *head);

/* The value of the first field called `name` (in lower case) after `value`, of `*size` bytes; NULL when the
 * head has no such field. NULL for `value`: after the status line. */
const char *head_next_value(const Buffer *head, const char *name, const char *value, size_t *size);

/* The value of Content-Length. */
enum { LENGTH_UNKNOWN = -1, LENGTH_TOO_LARGE = -2 };
int64_t head_length(const Buffer *head);

/* Whether Transfer-Encoding names no coding but "identity", which RFC 9112 has no longer, and some servers
 * send in front of a content with Content-Length. */
int head_is_identity(const Buffer *head);

#endif
