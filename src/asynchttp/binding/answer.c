/* Parses heads of answers into Responses; and finds URIs that need no normalizing.
 *
 * Rule: the last short texts are kept for later answers. Names and values of fields repeat from answer to
 * answer, so that most strs are made once. All with the GIL.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "binding.h"

/* ---- texts ---- */

enum { TEXTS = 512, LONGEST_TEXT = 32 };

typedef struct {
    PyObject *text;
    unsigned char size;
    char bytes[LONGEST_TEXT];
} KnownText;

static KnownText known_texts[TEXTS];

static KnownText *place_of(const char *bytes, size_t size) {
    unsigned hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    return &known_texts[(hash ^ hash >> 16) % TEXTS];
}

/* A str, decoded from latin-1. */
static PyObject *text_of(const char *bytes, size_t size) {
    if (size > LONGEST_TEXT) return PyUnicode_DecodeLatin1(bytes, (Py_ssize_t)size, NULL);
    KnownText *known = place_of(bytes, size);
    if (known->text != NULL && known->size == size && memcmp(known->bytes, bytes, size) == 0)
        return Py_NewRef(known->text);
    PyObject *text = PyUnicode_DecodeLatin1(bytes, (Py_ssize_t)size, NULL);
    if (text == NULL) return NULL;
    PyObject *before = known->text;
    known->text = Py_NewRef(text);
    known->size = (unsigned char)size;
    memcpy(known->bytes, bytes, size);
    Py_XDECREF(before);
    return text;
}

/* ---- fields ---- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* The name of a field, in lower case. */
static PyObject *name_of(const char *line, size_t size) {
    char small[128];
    PyObject *name = NULL;
    int is_ascii = size <= sizeof small;
    for (size_t i = 0; i < size && is_ascii; i++) {
        is_ascii = (unsigned char)line[i] < 128;
        small[i] = lower(line[i]);
    }
    if (is_ascii) return text_of(small, size);
    PyObject *given = PyUnicode_DecodeLatin1(line, (Py_ssize_t)size, NULL);
    if (given != NULL) name = PyObject_CallMethod(given, "lower", NULL);
    Py_XDECREF(given);
    return name;
}

static PyObject *value_of(const char *value, const char *end) {
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    return text_of(value, (size_t)(end - value));
}

/* Add the value of a repeated field to `*several`, which maps a name to all its values. */
static int note_several(PyObject **several, PyObject *name, PyObject *first, PyObject *value) {
    if (*several == NULL && (*several = PyDict_New()) == NULL) return -1;
    PyObject *values = PyDict_GetItemWithError(*several, name);
    if (values != NULL) return PyList_Append(values, value);
    if (PyErr_Occurred()) return -1;
    values = Py_BuildValue("[OO]", first, value);
    int failed = values == NULL ? -1 : PyDict_SetItem(*several, name, values);
    Py_XDECREF(values);
    return failed;
}

/* Add a field. The values of a repeated field are joined (RFC 9110, 5.2). */
static int join_field(PyObject *fields, PyObject **several, PyObject *name, PyObject *value) {
    PyObject *before = PyDict_GetItemWithError(fields, name);
    if (before == NULL) return PyErr_Occurred() ? -1 : PyDict_SetItem(fields, name, value);
    Py_INCREF(before);
    PyObject *joined = PyUnicode_FromFormat("%U, %U", before, value);
    int failed = joined == NULL ? -1 : note_several(several, name, before, value);
    if (failed == 0) failed = PyDict_SetItem(fields, name, joined);
    Py_XDECREF(joined);
    Py_DECREF(before);
    return failed;
}

static int add_field(PyObject *fields, PyObject **several, const char *line, const char *end) {
    const char *colon = memchr(line, ':', (size_t)(end - line));
    PyObject *name = name_of(line, (size_t)((colon ? colon : end) - line));
    PyObject *value = value_of(colon ? colon + 1 : end, end);
    int failed = name == NULL || value == NULL ? -1 : join_field(fields, several, name, value);
    Py_XDECREF(name);
    Py_XDECREF(value);
    return failed;
}

/* ---- heads ---- */

/* The end of a line, without its CR and LF; `*next` is the beginning of the next line. An LF alone ends a
 * line too (RFC 9112, 2.2). */
static const char *end_of_line(const char *line, const char *end, const char **next) {
    const char *feed = memchr(line, '\n', (size_t)(end - line));
    *next = feed == NULL ? end : feed + 1;
    if (feed == NULL) return end;
    return feed > line && feed[-1] == '\r' ? feed - 1 : feed;
}

static int is_interim(const char *line, const char *end) {
    const char *space = memchr(line, ' ', (size_t)(end - line));
    return space != NULL && end - space >= 4 && space[1] == '1';
}

/* The beginning of the response after an interim response (1xx); NULL when `head` is final. An interim
 * response without a next response, 101 for example, is final (RFC 9110, 15.2). */
static const char *after_interim(const char *head, const char *end) {
    const char *next;
    if (!is_interim(head, end_of_line(head, end, &next))) return NULL;
    for (const char *line = next; line < end; line = next) {
        if (end_of_line(line, end, &next) != line) continue;
        return end - next >= 5 && memcmp(next, "HTTP/", 5) == 0 ? next : NULL;
    }
    return NULL;
}

static const char *final_head(const char *head, const char *end) {
    for (const char *after; (after = after_interim(head, end)) != NULL;) head = after;
    return head;
}

static int set_several(PyObject *response, PyObject *several) {
    return several == NULL ? 0 : PyObject_SetAttrString(response, "_several", several);
}

PyObject *fill_response(PyObject *response, const char *head, size_t size) {
    const char *end = head + size, *line = final_head(head, end), *next;
    const char *stop = end_of_line(line, end, &next);
    PyObject *status_line = text_of(line, (size_t)(stop - line)), *several = NULL;
    int failed = status_line == NULL;
    while (!failed && next < end) {
        line = next;
        stop = end_of_line(line, end, &next);
        if (stop == line) break; /* trailers may follow */
        if (*line == '-') continue; /* httplib2 marks entries of a cache with such names */
        failed = add_field(response, &several, line, stop) < 0;
    }
    if (!failed) failed = set_several(response, several) < 0;
    Py_XDECREF(several);
    if (failed) Py_CLEAR(status_line);
    return status_line;
}

PyObject *parse_head(PyObject *module, PyObject *arguments) {
    (void)module;
    const char *head;
    Py_ssize_t size;
    PyObject *response;
    if (!PyArg_ParseTuple(arguments, "y#O!", &head, &size, &PyDict_Type, &response)) return NULL;
    return fill_response(response, head, (size_t)size);
}

/* ---- URIs ---- */

static int is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static int is_usual_address(const char *host, size_t size) {
    char copy[16];
    struct in_addr address;
    if (size >= sizeof copy) return 0;
    memcpy(copy, host, size);
    copy[size] = '\0';
    return inet_pton(AF_INET, copy, &address) == 1;
}

/* Whether libcurl may ask for the host in another form, as for 127.1 and 0x7f000001: the last label begins
 * with a digit, or is empty. */
static int is_unusual_address(const char *host, const char *end) {
    const char *last = end;
    while (last > host && last[-1] != '.') last--;
    if (last < end && (*last < '0' || *last > '9')) return 0;
    return !is_usual_address(host, (size_t)(end - host));
}

/* The end of `host` or `host:port` in lower case; NULL for other text. */
static const char *end_of_authority(const char *at, const char *end) {
    const char *begin = at;
    while (at < end && is_name(*at)) at++;
    if (is_unusual_address(begin, at)) return NULL;
    if (at == begin || at == end || *at != ':') return at == begin ? NULL : at;
    const char *port = ++at;
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at == port || at - port > 5 ? NULL : at;
}

/* The size of the scheme and authority of a URI that needs no change; 0 for a URI that has to be normalized
 * (RFC 3986, 6.2.2) or refused. */
size_t origin_size(const char *uri, size_t size) {
    const char *end = uri + size, *at = NULL;
    if (size > 7 && memcmp(uri, "http://", 7) == 0) at = end_of_authority(uri + 7, end);
    else if (size > 8 && memcmp(uri, "https://", 8) == 0) at = end_of_authority(uri + 8, end);
    if (at == NULL || at == end || *at != '/' || end[-1] == '?') return 0;
    size_t origin = (size_t)(at - uri);
    for (; at < end; at++)
        if (*at < '!' || *at > '~' || *at == '#') return 0;
    return origin;
}

PyObject *origin_of(PyObject *module, PyObject *uri) {
    (void)module;
    Py_ssize_t size;
    if (!PyUnicode_Check(uri)) return PyErr_Format(PyExc_TypeError, "uri: expected a str");
    const char *text = PyUnicode_AsUTF8AndSize(uri, &size);
    if (text == NULL) { /* surrogates have no UTF-8 */
        PyErr_Clear();
        return PyUnicode_FromString("");
    }
    return PyUnicode_FromStringAndSize(text, (Py_ssize_t)origin_size(text, (size_t)size));
}
