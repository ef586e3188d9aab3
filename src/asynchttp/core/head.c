/* The head of an answer: see head.h. */
#include "head.h"

#include <string.h>

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static int is_blank(char c) { return c == ' ' || c == '\t'; }

static const char *end_of(const Buffer *head) { return head->bytes + head->size; }

/* The beginning of the line after the line that has the byte `at`. */
static const char *next_line(const Buffer *head, const char *at) {
    const char *feed = memchr(at, '\n', (size_t)(end_of(head) - at));
    return feed == NULL ? end_of(head) : feed + 1;
}

/* ---- lines ---- */

int head_ends_with(const char *line, size_t size) {
    return (size == 1 && line[0] == '\n') || (size == 2 && line[0] == '\r' && line[1] == '\n');
}

int head_is_whole(const Buffer *head) {
    if (head->size == 0) return 0;
    for (const char *line = head->bytes, *next; line < end_of(head); line = next) {
        next = next_line(head, line);
        if (head_ends_with(line, (size_t)(next - line))) return 1;
    }
    return 0;
}

int head_has_status_line(const Buffer *head) {
    const char *at = head->size ? memchr(head->bytes, ' ', head->size) : NULL;
    while (at != NULL && at < end_of(head) && *at == ' ') at++;
    if (at == NULL || end_of(head) - at < 4) return 0;
    return is_digit(at[0]) && is_digit(at[1]) && is_digit(at[2]) && !is_digit(at[3]) &&
           (at[3] == ' ' || at[3] == '\r' || at[3] == '\n');
}

int head_is_interim(const Buffer *head) {
    const char *space = head->size ? memchr(head->bytes, ' ', head->size) : NULL;
    return space == NULL || (space + 1 < end_of(head) && space[1] == '1');
}

/* ---- fields ---- */

/* How many bytes of the line are `name` and the colon; 0 for another name. */
static size_t skip_name(const char *line, size_t size, const char *name) {
    size_t i = 0;
    while (i < size && name[i] && lower(line[i]) == name[i]) i++;
    return name[i] == '\0' && i < size && line[i] == ':' ? i + 1 : 0;
}

/* The value without the blanks around; `*size` is the size of the value. */
static const char *trimmed(const char *value, const char *end, size_t *size) {
    while (value < end && is_blank(*value)) value++;
    while (end > value && (is_blank(end[-1]) || end[-1] == '\r' || end[-1] == '\n')) end--;
    *size = (size_t)(end - value);
    return value;
}

const char *head_next_value(const Buffer *head, const char *name, const char *value, size_t *size) {
    if (head->size == 0) return NULL;
    const char *line = next_line(head, value == NULL ? head->bytes : value);
    for (const char *next; line < end_of(head); line = next) {
        next = next_line(head, line);
        if (head_ends_with(line, (size_t)(next - line))) return NULL; /* trailers follow */
        size_t skip = skip_name(line, (size_t)(next - line), name);
        if (skip) return trimmed(line + skip, next, size);
    }
    return NULL;
}

/* ---- framing ---- */

/* The number that the value begins with. libcurl refuses different numbers in a list. */
static int64_t number_of(const char *value, size_t size) {
    int64_t number = 0;
    if (size == 0 || !is_digit(*value)) return LENGTH_UNKNOWN;
    for (; size > 0 && is_digit(*value); value++, size--) {
        int digit = *value - '0';
        if (number > (INT64_MAX - digit) / 10) return LENGTH_TOO_LARGE;
        number = number * 10 + digit;
    }
    return number;
}

int64_t head_length(const Buffer *head) {
    size_t size;
    const char *value = head_next_value(head, "content-length", NULL, &size);
    return value == NULL ? LENGTH_UNKNOWN : number_of(value, size);
}

static int is_identity(const char *value, size_t size) {
    static const char name[] = "identity";
    if (size != sizeof name - 1) return size == 0;
    for (size_t i = 0; i < size; i++)
        if (lower(value[i]) != name[i]) return 0;
    return 1;
}

/* Whether all elements of a list are "identity", or empty. */
static int is_list_of_identity(const char *value, size_t size) {
    const char *end = value + size;
    for (const char *comma; value <= end; value = comma + 1) {
        size_t length;
        comma = memchr(value, ',', (size_t)(end - value));
        if (comma == NULL) comma = end;
        const char *element = trimmed(value, comma, &length);
        if (!is_identity(element, length)) return 0;
    }
    return 1;
}

int head_is_identity(const Buffer *head) {
    size_t size;
    const char *value = head_next_value(head, "transfer-encoding", NULL, &size);
    if (value == NULL) return 0;
    for (; value != NULL; value = head_next_value(head, "transfer-encoding", value, &size))
        if (!is_list_of_identity(value, size)) return 0;
    return 1;
}
