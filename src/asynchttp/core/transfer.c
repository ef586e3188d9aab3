/* Transfers by libcurl: a ticket's way from its slot to the end of the transfer. An engine (engine.h).
 *
 *     start > host names > first connection of an origin > libcurl > end
 *
 * Rules:
 * - A ticket enters libcurl in `enter`, and leaves libcurl in `stop` or, when the request was refused before
 *   a byte was written, in `begin_again`; nowhere else.
 * - httplib2's timeout limits each silence, not the whole transfer. Time in which the thread could not
 *   listen, or the transfer was paused, does not count as silence.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "head.h"
#include "state.h"

enum { TICKS = 8 }; /* checks for silence within a timeout */

/* Seconds. A timeout with a shorter rest is over: a tiny rest added to the clock's time may add nothing. */
static const double MOMENT = 1e-6;

/* ---- the beginning ---- */

/* Returns 1 when all addresses are known; 0 while a lookup runs, or when a lookup has failed and the transfer
 * has ended. */
static int resolve_hosts(Ticket *ticket) {
    for (int i = 0; i < ticket->plan->route->host_count; i++) {
        int failed;
        atomic_store(&ticket->stage, STAGE_RESOLVING);
        if (resolver_look_up(ticket->account, &ticket->plan->route->hosts[i], ticket, &failed) != NULL)
            continue;
        if (failed) transfer_end(ticket, OUTCOME_NOT_FOUND, failed);
        return 0;
    }
    return 1;
}

static MultiHandle *multi_for(Ticket *ticket) {
    return ticket->plan->route->is_https ? origin_multi(ticket) : multi_with_room(ticket->account);
}

static void enter(Ticket *ticket) {
    MultiHandle *multi = multi_for(ticket);
    int code = CURLE_OUT_OF_MEMORY;
    EasyHandle *handle =
        multi == NULL ? NULL : handle_take(ticket->account->core, ticket->plan->profile, &code);
    if (handle == NULL) {
        transfer_end(ticket, OUTCOME_FAILED, code);
        return;
    }
    atomic_store(&ticket->stage, STAGE_ACTIVE);
    ticket->progress->handle = handle;
    LivePhases *phases = &ticket->received->phases;
    moment_set(phases, &phases->named, ticket->account->core->now);
    ticket->progress->moved = ticket->account->core->now;
    code = handle_prepare(handle, ticket);
    if (code == CURLE_OK) code = resolver_load(handle, multi, ticket);
    if (code == CURLE_OK && multi_add(multi, handle) < 0) code = CURLE_OUT_OF_MEMORY;
    if (code != CURLE_OK) transfer_end(ticket, OUTCOME_FAILED, code);
}

static void begin(Ticket *ticket) {
    if (!resolve_hosts(ticket)) return;
    atomic_store(&ticket->stage, STAGE_WAITING);
    int admitted = ticket->plan->route->is_https ? origin_admit(ticket) : 1;
    if (admitted < 0) transfer_end(ticket, OUTCOME_FAILED, CURLE_OUT_OF_MEMORY);
    else if (admitted) enter(ticket);
}

void transfers_begin_again(Core *core) {
    Link begun;
    list_init(&begun);
    list_move(&begun, &core->to_begin);
    for (Link *link; (link = list_pop(&begun)) != NULL;)
        begin(CONTAINER(link, Ticket, link));
}

static void check_silence(Timer *timer);

static int watch_silence(Progress *progress, Core *core, double timeout) {
    if (timers_reserve(&core->ticket_timers) < 0) return -1;
    progress->silence.run = check_silence;
    timers_set(&core->ticket_timers, &progress->silence, progress->moved + timeout / TICKS);
    return 0;
}

static void start(Ticket *ticket) {
    Core *core = ticket->account->core;
    double timeout = ticket->plan->timeout;
    Progress *progress = calloc(1, sizeof *progress);
    atomic_store(&ticket->stage, STAGE_WAITING);
    if (progress != NULL) {
        progress->ticket = ticket;
        progress->moved = clock_now();
        ticket_set_progress(ticket, progress);
    }
    ticket_set_received(ticket, received_new());
    if (progress == NULL || ticket->received == NULL
        || (timeout >= 0 && watch_silence(progress, core, timeout) < 0))
        transfer_end(ticket, OUTCOME_FAILED, CURLE_OUT_OF_MEMORY);
    else begin(ticket);
}

/* ---- silence ---- */

/* Whether other transfers may share the connection, so that bytes on the socket prove nothing: on HTTP/2, or
 * before the answer has begun, when libcurl does not know the version yet. */
static int may_share(const EasyHandle *handle) {
    if (!handle->ticket->plan->route->is_https) return 0;
    long version = info_long(handle->easy, CURLINFO_HTTP_VERSION);
    return version == 0 || version >= CURL_HTTP_VERSION_2_0;
}

static int update_counters(EasyHandle *handle) {
    int64_t now[] = {
        info_offset(handle->easy, CURLINFO_PRETRANSFER_TIME_T),
        info_offset(handle->easy, CURLINFO_SIZE_UPLOAD_T),
        info_offset(handle->easy, CURLINFO_SIZE_DOWNLOAD_T),
        info_long(handle->easy, CURLINFO_HEADER_SIZE),
    };
    int is_same = memcmp(now, handle->progress, sizeof now) == 0;
    memcpy(handle->progress, now, sizeof now);
    return !is_same;
}

static void note_progress(EasyHandle *handle) {
    Progress *progress = handle->ticket->progress;
    Core *core = handle->core;
    int has_moved = update_counters(handle);
    const Socket *socket = may_share(handle) ? NULL : socket_at(core, info_socket(handle->easy));
    if (handle->is_paused) progress->moved = core->now;
    else if (socket != NULL) progress->moved = fmax(progress->moved, socket->moved);
    else if (has_moved) progress->moved = core->now;
}

static void check_silence(Timer *timer) {
    Progress *progress = CONTAINER(timer, Progress, silence);
    Ticket *ticket = progress->ticket;
    Core *core = ticket->account->core;
    double timeout = ticket->plan->timeout;
    double late = fmax(0, core->now - timer->due); /* the thread could not listen for so long */
    progress->moved = fmin(core->now, progress->moved + late);
    if (progress->handle != NULL) note_progress(progress->handle);
    double left = progress->moved + timeout - core->now;
    if (left <= MOMENT) {
        if (progress->handle != NULL) handle_note_silence(progress->handle);
        transfer_end(ticket, OUTCOME_SILENT, CURLE_OPERATION_TIMEDOUT);
    } else timers_set(&core->ticket_timers, timer, core->now + fmin(left, timeout / TICKS));
}

/* ---- answers to events ---- */

static void take_memory(Ticket *ticket) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    int has_come = ticket->progress->has_next_memory; /* 0: the post is of an earlier transfer */
    ticket->progress->has_next_memory = 0;
    char *memory = ticket->progress->next_memory;
    pthread_mutex_unlock(&core->lock);
    Received *received = ticket->received;
    if (!has_come) return;
    ticket->progress->handle->awaits_memory = 0;
    if (memory != NULL) buffer_lend(&received->content, memory, (size_t)received->content_length);
}

static void resume(Ticket *ticket, unsigned what) {
    if (ticket->progress == NULL || ticket->progress->handle == NULL) return;
    EasyHandle *handle = ticket->progress->handle;
    if (what & INBOX_MEMORY) take_memory(ticket);
    if (what & INBOX_PIECE) handle_take_piece(handle);
    handle->is_paused = 0;
    ticket->progress->moved = clock_now();
    curl.easy_pause(handle->easy, CURLPAUSE_CONT);
}

/* ---- the end ---- */

static void fill_error(EasyHandle *handle, TransferError *error) {
    CURL *easy = handle->easy;
    error->message = strdup(handle->reason[0]    ? handle->reason
                            : handle->message[0] ? handle->message
                                                 : curl.easy_strerror(error->code));
    error->os_errno = (int)info_long(easy, CURLINFO_OS_ERRNO);
    error->verify_result = info_long(easy, CURLINFO_SSL_VERIFYRESULT);
    error->connect_code = info_long(easy, CURLINFO_HTTP_CONNECTCODE);
    error->request_size = info_long(easy, CURLINFO_REQUEST_SIZE);
    error->length = info_offset(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
    error->is_connected = info_offset(easy, CURLINFO_CONNECT_TIME_T) != 0;
    error->is_reused = handle->is_http1;
    error->has_begun = handle->is_sent && socket_has_answer(handle->core, handle->fd);
    if (handle->decoder != NULL) decoder_counts(handle->decoder, &error->consumed, &error->produced);
}

static void leave(Ticket *ticket) {
    EasyHandle *handle = ticket->progress->handle;
    MultiHandle *multi = handle->multi;
    multi_remove(handle);
    /* Load the addresses again next time: libcurl may not have read CURLOPT_RESOLVE yet. */
    if (handle->resolve != NULL && !handle->is_sent && multi != NULL) resolver_load_again(multi);
    handle_give_back(handle);
    ticket->progress->handle = NULL;
}

/* Take the transfer out of libcurl and all lists, and free the Progress. */
static void stop(Ticket *ticket) {
    Progress *progress = ticket->progress;
    Core *core = ticket->account->core;
    link_remove(&ticket->link);
    if (progress == NULL) return;
    if (progress->handle != NULL) leave(ticket);
    if (progress->silence.run != NULL) timers_release(&core->ticket_timers, &progress->silence);
    origin_release(ticket);
    ticket_set_progress(ticket, NULL);
    free(progress);
}

/* libcurl itself reads a body in memory: only libcurl has counted the bytes. */
static void note_end(Ticket *ticket) {
    Received *received = ticket->received;
    EasyHandle *handle = ticket->progress == NULL ? NULL : ticket->progress->handle;
    if (received == NULL || handle == NULL) return;
    moment_set(&received->phases, &received->phases.ended, handle->core->now);
    if (ticket->body != NULL)
        atomic_store(&received->phases.uploaded, (size_t)info_offset(handle->easy, CURLINFO_SIZE_UPLOAD_T));
}

void transfer_end(Ticket *ticket, OutcomeKind outcome, int code) {
    ticket->outcome = outcome;
    note_end(ticket);
    if (outcome != OUTCOME_ANSWERED) {
        TransferError *error = ticket_make_error(ticket);
        if (error != NULL) error->code = code;
        EasyHandle *handle = ticket->progress == NULL ? NULL : ticket->progress->handle;
        if (error != NULL && handle != NULL) fill_error(handle, error);
    }
    stop(ticket);
    queue_tell_ended(ticket);
}

/* Begin again a transfer that was refused before a byte of the request was written. */
static void begin_again(Ticket *ticket) {
    leave(ticket);
    atomic_store(&ticket->stage, STAGE_WAITING);
    list_append(&ticket->account->core->to_begin, &ticket->link);
}

/* Whether the connection closed within a content whose length libcurl ignores. Answers to HEAD, 204 and 304
 * have a length, and no content (RFC 9110, 8.6). */
static int is_cut_off(const EasyHandle *handle) {
    const Ticket *ticket = handle->ticket;
    int status = ticket->received->status;
    return handle->left > 0 && ticket->flags & TRANSFER_DECODE && status != 204 && status != 304;
}

static void answered(EasyHandle *handle) {
    Ticket *ticket = handle->ticket;
    Received *received = ticket->received;
    received->status = (int)info_long(handle->easy, CURLINFO_RESPONSE_CODE);
    received->is_decoded = handle->decoder != NULL;
    buffer_trim(&received->content);
    if (ticket->plan->route->is_https)
        origin_learn(ticket, info_long(handle->easy, CURLINFO_HTTP_VERSION) >= CURL_HTTP_VERSION_2_0);
    DecodeResult result = handle->decoder == NULL ? DECODED : decoder_end(handle->decoder);
    if (!head_is_whole(&received->head)) transfer_end(ticket, OUTCOME_CUT_HEAD, 0);
    else if (!head_has_status_line(&received->head))
        transfer_end(ticket, OUTCOME_BAD_HEAD, HEAD_NO_STATUS);
    else if (is_cut_off(handle)) transfer_end(ticket, OUTCOME_FAILED, CURLE_PARTIAL_FILE);
    else if (result == DECODE_NO_MEMORY) transfer_end(ticket, OUTCOME_FAILED, CURLE_OUT_OF_MEMORY);
    else if (result != DECODED) transfer_end(ticket, OUTCOME_BAD_CONTENT, (int)result);
    else transfer_end(ticket, OUTCOME_ANSWERED, 0);
}

void transfer_done(EasyHandle *handle, int code) {
    Ticket *ticket = handle->ticket;
    if (code == CURLE_OK || handle->is_over) answered(handle);
    else if (handle->is_stale) begin_again(ticket);
    else if (handle->refusal != OUTCOME_ANSWERED)
        transfer_end(ticket, handle->refusal, handle->refusal_code);
    else transfer_end(ticket, OUTCOME_FAILED, code);
}

/* ---- the engine ---- */

static void dispose(Account *account) {
    for (Link *link; (link = list_pop(&account->multis)) != NULL;)
        multi_free(CONTAINER(link, MultiHandle, sibling));
    resolver_free(account);
    origins_free(account);
}

const Engine libcurl_engine = {
    .start = start, .abort = stop, .resume = resume, .close = account_close_multis, .dispose = dispose,
};
