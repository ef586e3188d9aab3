/* Easy handles, pooled by profile, and the functions that libcurl calls.
 *
 * Rules:
 * - Handles of a profile differ only in options that every transfer sets. An option that libcurl keeps from
 *   one transfer to the next can therefore not leak into a transfer of another kind.
 * - Functions that libcurl calls call no function of libcurl except getinfo.
 * - libcurl never sends a request twice: libcurl calls PREREQFUNCTION before each sending, and the function
 *   refuses the second sending. SOCKOPTFUNCTION refuses a new connection for the second sending.
 * - On some reused connections PREREQFUNCTION refuses the first sending too: on HTTP/1, if the connection is
 *   readable, since an unexpected answer has come, or the end of the connection (RFC 9112, 9.2); on HTTP/2,
 *   if a transfer has timed out and nothing has come since then. The transfer begins again.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "head.h"
#include "state.h"

static const long BUFFER = 512 << 10; /* bytes: doubles the speed of large downloads */
static const int64_t LARGE = 1 << 20; /* bytes: memory for a larger content is asked for by NEEDS_MEMORY */

enum { CURLOPT_BUFFERSIZE = 98, CURLOPT_DNS_CACHE_TIMEOUT = 92, POOLED = 1000 };

enum { INTERIM_AT_MOST = 100 }; /* each answer ends a silence: without a limit they could go on for ever */

enum { PIECE_NONE, PIECE_ASKED, PIECE_THERE, PIECE_END, PIECE_REFUSED };

/* ---- the end of a transfer by a callback ---- */

static int refuse(EasyHandle *handle, OutcomeKind outcome, int code) {
    handle->refusal = outcome;
    handle->refusal_code = code;
    return -1;
}

/* The answer is whole. libcurl closes the connection. */
static int finish(EasyHandle *handle) {
    handle->is_over = 1;
    return -1;
}

/* ---- callbacks of libcurl: the head ---- */

static int starts_with(const char *bytes, size_t size, const char *prefix) {
    size_t length = strlen(prefix);
    return size >= length && memcmp(bytes, prefix, length) == 0;
}

static void note_version(EasyHandle *handle, const char *line, size_t size) {
    Socket *socket = socket_at(handle->core, handle->fd);
    if (socket != NULL) socket->is_http1 = starts_with(line, size, "HTTP/1");
}

static void begin_head(EasyHandle *handle, const char *line, size_t size) {
    if (!head_is_interim(&handle->ticket->received->head)) return; /* a trailer that looks like a status line */
    note_version(handle, line, size);
    buffer_clear(&handle->ticket->received->head);
}

/* Only the core's thread writes the counter. */
static void add_to_counter(atomic_size_t *counter, size_t size) {
    size_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + size, memory_order_relaxed);
}

/* The head of an interim answer is whole. libcurl would wait for the next answer. */
static int end_interim(EasyHandle *handle, const Buffer *head) {
    int is_last = starts_with(strchr(head->bytes, ' '), 4, " 101"); /* RFC 9110, 15.2.2 */
    if (is_last) return finish(handle);
    if (++handle->interim_count <= INTERIM_AT_MOST) return 0;
    return refuse(handle, OUTCOME_BAD_HEAD, HEAD_TOO_MANY_INTERIM);
}

/* The head is whole. With "identity" libcurl would read until the connection closes. */
static int end_head(EasyHandle *handle, const Buffer *head) {
    int64_t length = head_length(head);
    handle->head_is_checked = 1;
    if (length == LENGTH_TOO_LARGE) return refuse(handle, OUTCOME_BAD_HEAD, HEAD_LENGTH_TOO_LARGE);
    if (length >= 0 && head_is_identity(head)) handle->left = length;
    return handle->left == 0 ? finish(handle) : 0;
}

static int check_head(EasyHandle *handle, const char *line, size_t size) {
    const Buffer *head = &handle->ticket->received->head;
    if (handle->head_is_checked || !head_ends_with(line, size)) return 0;
    if (!head_has_status_line(head)) return 0; /* see `answered` */
    return head_is_interim(head) ? end_interim(handle, head) : end_head(handle, head);
}

static size_t on_header(char *line, size_t unit, size_t count, void *argument) {
    EasyHandle *handle = argument;
    size_t size = unit * count;
    handle->ticket->progress->moved = handle->core->now;
    Received *received = handle->ticket->received;
    LivePhases *phases = &received->phases;
    if (phases->downloaded == 0) moment_set(phases, &phases->answered, handle->core->now);
    add_to_counter(&phases->downloaded, size);
    if (starts_with(line, size, "HTTP/")) begin_head(handle, line, size);
    if (buffer_append(&received->head, line, size) < 0) return 0;
    return check_head(handle, line, size) < 0 ? 0 : size;
}

/* ---- the content ---- */

/* Append the value of Content-Encoding to `coding`; several fields are joined (RFC 9110, 5.3). */
static int find_coding(const Buffer *head, Buffer *coding) {
    static const char name[] = "content-encoding";
    size_t size;
    const char *value = NULL;
    while ((value = head_next_value(head, name, value, &size)) != NULL) {
        if (coding->size && buffer_append(coding, ",", 1) < 0) return -1;
        if (buffer_append(coding, value, size) < 0) return -1;
    }
    return 0;
}

static int make_decoder(EasyHandle *handle) {
    Ticket *ticket = handle->ticket;
    Buffer coding = {0};
    int failed = find_coding(&ticket->received->head, &coding);
    if (failed == 0 && coding.size && is_decodable(coding.bytes, coding.size)) {
        handle->decoder =
            decoder_new(coding.bytes, coding.size, &ticket->plan->limits);
        if (handle->decoder == NULL) failed = -1;
    }
    buffer_free(&coding);
    return failed < 0 ? refuse(handle, OUTCOME_FAILED, CURLE_OUT_OF_MEMORY) : 0;
}

/* Ask for memory for a large content by an event. */
static void prepare_memory(EasyHandle *handle, int64_t length) {
    Ticket *ticket = handle->ticket;
    ticket->received->content_length = length;
    if (handle->decoder != NULL || length <= 0) return;
    if (length <= LARGE) {
        buffer_expect(&ticket->received->content, (size_t)length);
        return;
    }
    handle->awaits_memory = 1;
    core_tell(handle->core, &ticket->event, EVENT_NEEDS_MEMORY);
}

static int is_too_large(const EasyHandle *handle, int64_t size) {
    size_t most = handle->ticket->plan->limits.content;
    return most > 0 && size > 0 && (uint64_t)size > most;
}

/* Refuse a content that is too large by its length before memory is taken. */
static int begin_content(EasyHandle *handle) {
    int64_t length = info_offset(handle->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
    handle->content_has_begun = 1;
    if (handle->ticket->flags & TRANSFER_DECODE && make_decoder(handle) < 0) return -1;
    if (handle->decoder == NULL && is_too_large(handle, length))
        return refuse(handle, OUTCOME_BAD_CONTENT, DECODE_OVER_CONTENT);
    prepare_memory(handle, length);
    return 0;
}

static int add_content(EasyHandle *handle, const char *bytes, size_t size) {
    Buffer *content = &handle->ticket->received->content;
    DecodeResult result;
    if (handle->decoder != NULL) result = decoder_feed(handle->decoder, bytes, size, content);
    else if (is_too_large(handle, (int64_t)(content->size + size))) result = DECODE_OVER_CONTENT;
    else result = buffer_append(content, bytes, size) < 0 ? DECODE_NO_MEMORY : DECODED;
    if (result == DECODE_NO_MEMORY) return refuse(handle, OUTCOME_FAILED, CURLE_OUT_OF_MEMORY);
    return result == DECODED ? 0 : refuse(handle, OUTCOME_BAD_CONTENT, (int)result);
}

/* Add content, up to the length that libcurl ignores. */
static int add_counted(EasyHandle *handle, const char *bytes, size_t size) {
    if (handle->left < 0) return add_content(handle, bytes, size);
    if ((int64_t)size > handle->left) size = (size_t)handle->left;
    handle->left -= (int64_t)size;
    if (add_content(handle, bytes, size) < 0) return -1;
    return handle->left == 0 ? finish(handle) : 0;
}

static size_t on_content(char *bytes, size_t unit, size_t count, void *argument) {
    EasyHandle *handle = argument;
    size_t size = unit * count;
    handle->ticket->progress->moved = handle->core->now;
    if (!handle->content_has_begun && begin_content(handle) < 0) return CURL_WRITEFUNC_ERROR;
    if (handle->awaits_memory) { /* again, when a piece of the body has resumed the transfer */
        handle->is_paused = 1;
        return CURL_WRITEFUNC_PAUSE;
    }
    add_to_counter(&handle->ticket->received->phases.downloaded, size);
    return add_counted(handle, bytes, size) < 0 ? CURL_WRITEFUNC_ERROR : size;
}

/* ---- a body in pieces ---- */

static size_t on_read(char *into, size_t unit, size_t count, void *argument) {
    EasyHandle *handle = argument;
    size_t size = unit * count;
    if (handle->piece_state == PIECE_REFUSED) return CURL_READFUNC_ABORT;
    if (handle->piece_state == PIECE_END) return 0;
    if (handle->piece_size == 0) {
        if (handle->piece_state != PIECE_ASKED)
            core_tell(handle->core, &handle->ticket->event, EVENT_NEEDS_PIECE);
        handle->piece_state = PIECE_ASKED;
        handle->is_paused = 1;
        return CURL_READFUNC_PAUSE;
    }
    if (size > handle->piece_size) size = handle->piece_size;
    memcpy(into, handle->piece, size);
    handle->piece += size;
    handle->piece_size -= size;
    add_to_counter(&handle->ticket->received->phases.uploaded, size);
    handle->ticket->progress->moved = handle->core->now;
    return size;
}

/* libcurl seeks to the beginning before a second sending, which PREREQFUNCTION refuses. */
static int on_seek(void *argument, int64_t offset, int origin) {
    (void)argument, (void)offset, (void)origin;
    return CURL_SEEKFUNC_OK;
}

void handle_take_piece(EasyHandle *handle) {
    Core *core = handle->core;
    Progress *progress = handle->ticket->progress;
    pthread_mutex_lock(&core->lock);
    int has_come = progress->has_next_piece; /* 0: the post is of an earlier transfer */
    progress->has_next_piece = 0;
    const char *piece = progress->next_piece;
    size_t size = progress->next_piece_size;
    int is_refused = progress->piece_is_refused;
    pthread_mutex_unlock(&core->lock);
    if (!has_come) return;
    handle->piece = piece;
    handle->piece_size = size;
    handle->piece_state = is_refused            ? PIECE_REFUSED
                          : handle->piece_size  ? PIECE_THERE
                                                : PIECE_END;
}

/* ---- the connection ---- */

static int is_readable(int fd) {
    struct pollfd descriptor = {.fd = fd, .events = POLLIN};
    return poll(&descriptor, 1, 0) != 0;
}

static int is_unusable(const EasyHandle *handle, const Socket *socket) {
    return socket->is_http1 ? is_readable(handle->fd) : socket->is_silent;
}

/* Whether another transfer waits for an answer on the connection. */
static int is_shared(const EasyHandle *handle) {
    const Link *all = &handle->multi->active;
    for (const Link *link = all->next; link != all; link = link->next) {
        const EasyHandle *other = CONTAINER(link, EasyHandle, active);
        if (other != handle && other->fd == handle->fd && other->is_sent && !other->is_stale) return 1;
    }
    return 0;
}

/* Other transfers on a silent connection go on waiting. libcurl closes an idle connection that has ended. */
static void avoid_silent_connection(EasyHandle *handle) {
    if (is_shared(handle)) handle->ticket->flags |= TRANSFER_ON_NEW_CONNECTION;
    else shutdown(handle->fd, SHUT_RDWR);
}

void handle_note_silence(EasyHandle *handle) {
    Socket *socket = handle->is_sent ? socket_at(handle->core, handle->fd) : NULL;
    if (socket != NULL && socket->heard <= handle->ticket->progress->moved) socket->is_silent = 1;
}

static void add_connected_event(EasyHandle *handle, const char *address, int port) {
    Ticket *ticket = handle->ticket;
    Received *received = ticket->received;
    if (received->connected == NULL) received->connected = calloc(1, sizeof *received->connected);
    if (received->connected == NULL) return;
    strncpy(received->connected->address, address, sizeof received->connected->address - 1);
    received->connected->port = port;
    received->connected->is_new = info_long(handle->easy, CURLINFO_NUM_CONNECTS) > 0;
    received->connected->seconds = clock_now() - handle->entered;
    core_tell(handle->core, &ticket->event, EVENT_CONNECTED);
}

/* libcurl counts from `entered`. */
static void set_moment(EasyHandle *handle, Moment *moment, int option) {
    int64_t microseconds = info_offset(handle->easy, option);
    if (microseconds > 0)
        moment_set(&handle->ticket->received->phases, moment, handle->entered + (double)microseconds * 1e-6);
}

static void note_connection(EasyHandle *handle) {
    LivePhases *phases = &handle->ticket->received->phases;
    moment_set(phases, &phases->sent, handle->core->now);
    if (info_long(handle->easy, CURLINFO_NUM_CONNECTS) == 0) return;
    set_moment(handle, &phases->connected, CURLINFO_CONNECT_TIME_T);
    set_moment(handle, &phases->secured, CURLINFO_APPCONNECT_TIME_T);
}

/* libcurl's last message. Before a second connection libcurl empties the buffer, by the first byte only. */
static const char *last_message(const EasyHandle *handle) {
    return handle->message[0] ? handle->message : handle->message + 1;
}

/* libcurl has a message for each reason to send again but two: a closed HTTP/1 connection, and a refused
 * HTTP/2 stream. */
static void refuse_second_sending(EasyHandle *handle) {
    strcpy(handle->reason, last_message(handle));
    if (info_long(handle->easy, CURLINFO_REQUEST_SIZE) == 0) handle->is_stale = 1; /* nothing was written */
    else if (handle->reason[0]) refuse(handle, OUTCOME_FAILED, CURLE_RECV_ERROR);
    else if (handle->is_http1) refuse(handle, OUTCOME_FAILED, CURLE_GOT_NOTHING);
    else refuse(handle, OUTCOME_REFUSED, CURLE_RECV_ERROR);
}

static int before_connecting(void *argument, int fd, int purpose) {
    (void)purpose;
    EasyHandle *handle = argument;
    if (!handle->is_sent && socket_opened(handle->core, fd) == 0) return CURL_SOCKOPT_OK;
    if (handle->is_sent) refuse_second_sending(handle);
    return CURL_SOCKOPT_ERROR;
}

static void note_first_sending(EasyHandle *handle) {
    handle->is_sent = 1;
    handle->fd = info_socket(handle->easy);
    Socket *socket = socket_at(handle->core, handle->fd);
    if (socket == NULL) return;
    socket_begin_request(socket, handle->fd);
    if (info_long(handle->easy, CURLINFO_NUM_CONNECTS) > 0) return; /* a new connection */
    handle->is_http1 = socket->is_http1;
    handle->is_stale = is_unusable(handle, socket);
}

static int before_sending(void *argument, char *address, char *local, int port, int local_port) {
    (void)local, (void)local_port;
    EasyHandle *handle = argument;
    if (handle->is_sent) {
        refuse_second_sending(handle);
        return CURL_PREREQFUNC_ABORT;
    }
    note_first_sending(handle);
    if (handle->is_stale) {
        if (!handle->is_http1) avoid_silent_connection(handle);
        return CURL_PREREQFUNC_ABORT;
    }
    handle->ticket->progress->moved = handle->core->now;
    note_connection(handle);
    if (handle->ticket->flags & TRANSFER_TELL_CONNECTED) add_connected_event(handle, address, port);
    origin_release(handle->ticket);
    return CURL_PREREQFUNC_OK;
}

/* ---- the trace, for httplib2's debuglevel ---- */

static int on_debug(CURL *easy, int kind, char *bytes, size_t size, void *argument) {
    (void)easy;
    EasyHandle *handle = argument;
    Core *core = handle->core;
    Ticket *ticket = handle->ticket;
    if (kind != CURLINFO_HEADER_IN && kind != CURLINFO_HEADER_OUT && kind != CURLINFO_DATA_OUT) return 0;
    TraceRecord record = {.kind = kind, .size = size};
    pthread_mutex_lock(&core->lock);
    Buffer *trace = &ticket->received->trace;
    if (buffer_reserve(trace, sizeof record + size) == 0) {
        buffer_append(trace, (const char *)&record, sizeof record);
        buffer_append(trace, bytes, size);
    }
    pthread_mutex_unlock(&core->lock);
    core_tell(core, &ticket->event, EVENT_TRACED);
    return 0;
}

/* ---- handles ---- */

typedef void (*Function)(void);

static int set_functions(EasyHandle *handle) {
    CURL *easy = handle->easy;
    Core *core = handle->core;
    const struct {
        int option;
        Function function;
        int argument_option;
        void *argument;
    } functions[] = {
        {CURLOPT_HEADERFUNCTION, (Function)on_header, CURLOPT_HEADERDATA, handle},
        {CURLOPT_WRITEFUNCTION, (Function)on_content, CURLOPT_WRITEDATA, handle},
        {CURLOPT_READFUNCTION, (Function)on_read, CURLOPT_READDATA, handle},
        {CURLOPT_SEEKFUNCTION, (Function)on_seek, CURLOPT_SEEKDATA, handle},
        {CURLOPT_PREREQFUNCTION, (Function)before_sending, CURLOPT_PREREQDATA, handle},
        {CURLOPT_SOCKOPTFUNCTION, (Function)before_connecting, CURLOPT_SOCKOPTDATA, handle},
        {CURLOPT_CLOSESOCKETFUNCTION, (Function)socket_closed, CURLOPT_CLOSESOCKETDATA, core},
        {CURLOPT_DEBUGFUNCTION, (Function)on_debug, CURLOPT_DEBUGDATA, handle},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        int code = set_function(easy, functions[i].option, functions[i].function);
        if (code == CURLE_OK)
            code = set_pointer(easy, functions[i].argument_option, functions[i].argument);
        if (code != CURLE_OK) return code;
    }
    return CURLE_OK;
}

static int set_option(CURL *easy, const Option *option) {
    if (option->option >= CURLOPTTYPE_OFF_T) return set_offset(easy, option->option, option->number);
    if (option->option < CURLOPTTYPE_OBJECTPOINT)
        return set_long(easy, option->option, (long)option->number);
    return set_pointer(easy, option->option, option->text ? (void *)option->text : (void *)option->list);
}

static int set_up(EasyHandle *handle) {
    CURL *easy = handle->easy;
    int code = set_functions(handle);
    if (code == CURLE_OK) code = set_pointer(easy, CURLOPT_PRIVATE, handle);
    if (code == CURLE_OK) code = set_pointer(easy, CURLOPT_ERRORBUFFER, handle->message);
    if (code == CURLE_OK) code = set_long(easy, CURLOPT_NOSIGNAL, 1);
    if (code == CURLE_OK) code = set_long(easy, CURLOPT_BUFFERSIZE, BUFFER);
    if (code == CURLE_OK) code = set_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1); /* see resolver.c */
    for (size_t i = 0; i < handle->profile->count && code == CURLE_OK; i++)
        code = set_option(easy, &handle->profile->options[i]);
    return code;
}

static EasyHandle *handle_new(Core *core, Profile *profile, int *code) {
    EasyHandle *handle = calloc(1, sizeof *handle);
    *code = CURLE_OUT_OF_MEMORY;
    if (handle == NULL) return NULL;
    handle->core = core;
    handle->profile = profile;
    handle->easy = curl.easy_init();
    if (handle->easy != NULL && (*code = set_up(handle)) == CURLE_OK) return handle;
    handle_free(handle);
    return NULL;
}

EasyHandle *handle_take(Core *core, Profile *profile, int *code) {
    if (profile->core != core) { /* in a forked child: do not touch the parent's handles */
        list_init(&profile->idle);
        profile->idle_count = 0;
        profile->core = core;
    }
    Link *link = list_pop(&profile->idle);
    if (link == NULL) return handle_new(core, profile, code);
    profile->idle_count--;
    return CONTAINER(link, EasyHandle, pooled);
}

void handle_free(EasyHandle *handle) {
    if (handle->easy != NULL) curl.easy_cleanup(handle->easy);
    headers_release(handle->headers);
    free(handle);
}

static void clear_lists(EasyHandle *handle) {
    if (handle->resolve) set_pointer(handle->easy, CURLOPT_RESOLVE, NULL);
    if (handle->connect_to) set_pointer(handle->easy, CURLOPT_CONNECT_TO, NULL);
    curl.slist_free_all(handle->resolve);
    curl.slist_free_all(handle->connect_to);
    handle->resolve = handle->connect_to = NULL;
}

void handle_give_back(EasyHandle *handle) {
    clear_lists(handle);
    if (handle->decoder != NULL) decoder_free(handle->decoder);
    handle->decoder = NULL;
    handle->ticket = NULL;
    if (handle->profile->idle_count < POOLED) {
        handle->profile->idle_count++;
        /* Use the last handle first: the memory of this handle is still in the CPU's cache. */
        list_append(handle->profile->idle.next, &handle->pooled);
    } else handle_free(handle);
}

/* ---- options of a transfer ---- */

static int is_hex_letter(char c) { return c >= 'a' && c <= 'f'; }

/* Whether libcurl would rewrite the path: libcurl writes %-escapes in upper case. */
static int would_be_rewritten(const char *url) {
    for (const char *at = strchr(url, '%'); at != NULL; at = strchr(at + 1, '%'))
        if (is_hex_letter(at[1]) || (at[1] && is_hex_letter(at[2]))) return 1;
    return 0;
}

static int set_target(EasyHandle *handle, const char *url) {
    int is_kept = would_be_rewritten(url);
    if (!is_kept && !handle->has_target) return CURLE_OK;
    handle->has_target = is_kept;
    const char *authority = strstr(url, "://");
    const char *path = is_kept && authority ? strchr(authority + 3, '/') : NULL;
    return set_pointer(handle->easy, CURLOPT_REQUEST_TARGET, path);
}

static int set_headers(EasyHandle *handle, Headers *headers) {
    if (handle->headers == headers) return CURLE_OK;
    atomic_fetch_add(&headers->references, 1);
    headers_release(handle->headers);
    handle->headers = headers;
    return set_pointer(handle->easy, CURLOPT_HTTPHEADER, headers->list);
}

static int set_body(EasyHandle *handle, const Ticket *ticket) {
    CURL *easy = handle->easy;
    if (ticket->flags & TRANSFER_READ_BODY)
        return set_offset(easy, CURLOPT_INFILESIZE_LARGE, ticket->body_size);
    if (ticket->body == NULL) return CURLE_OK;
    int code = set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, ticket->body_size);
    return code ? code : set_pointer(easy, CURLOPT_POSTFIELDS, ticket->body);
}

static int set_flag(EasyHandle *handle, int option, int *is_set, int wanted) {
    if (*is_set == wanted) return CURLE_OK;
    *is_set = wanted;
    return set_long(handle->easy, option, wanted);
}

static void reset_for_transfer(EasyHandle *handle, Ticket *ticket) {
    handle->ticket = ticket;
    handle->is_sent = handle->is_stale = handle->is_http1 = handle->is_paused = 0;
    handle->content_has_begun = handle->awaits_memory = 0;
    handle->interim_count = handle->head_is_checked = handle->is_over = 0;
    handle->left = -1;
    handle->refusal = OUTCOME_ANSWERED;
    handle->refusal_code = 0;
    handle->fd = -1;
    handle->piece = NULL;
    handle->piece_size = 0;
    handle->piece_state = PIECE_NONE;
    handle->message[0] = handle->message[1] = handle->reason[0] = '\0';
    handle->entered = clock_now();
    memset(handle->progress, 0, sizeof handle->progress);
}

int handle_prepare(EasyHandle *handle, Ticket *ticket) {
    int flags = ticket->flags;
    reset_for_transfer(handle, ticket);
    int code = set_pointer(handle->easy, CURLOPT_URL, ticket->url);
    if (code == CURLE_OK) code = set_target(handle, ticket->url);
    if (code == CURLE_OK) code = set_headers(handle, ticket->plan->headers);
    if (code == CURLE_OK) code = set_body(handle, ticket);
    if (code == CURLE_OK)
        code = set_flag(handle, CURLOPT_PIPEWAIT, &handle->waits_for_connection,
                        ticket->plan->route->is_https && origin_speaks_http2(ticket));
    if (code == CURLE_OK)
        code = set_flag(handle, CURLOPT_FRESH_CONNECT, &handle->is_on_new_connection,
                        (flags & TRANSFER_ON_NEW_CONNECTION) != 0);
    if (code == CURLE_OK)
        code = set_flag(handle, CURLOPT_VERBOSE, &handle->is_traced, (flags & TRANSFER_TRACE) != 0);
    return code;
}
