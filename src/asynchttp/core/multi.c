/* Multi handles, their sockets and timers.
 *
 * The more transfers a multi handle has, the more each transfer costs. 250 transfers fill a multi handle, and
 * the next transfer makes another multi handle. All transfers to an HTTP/2 origin use the multi handle
 * that has the connection.
 *
 * Rules:
 * - Only this file calls libcurl's multi interface.
 * - A socket stays in the poller while its connection is idle: to remove and add the socket for every request
 *   would cost two system calls. The poller drops the socket when an idle connection becomes readable.
 * - A descriptor leaves the poller before libcurl closes the descriptor: a forked child may still have the
 *   descriptor open, and the system would go on reporting.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/tcp.h>
#else
#include <netinet/tcp.h>
#endif

#include "state.h"

static const double SECOND_LOOK = 1; /* seconds after bytes have come on an HTTP/2 connection */

enum { TRANSFERS = 250, CONNECTIONS = 250 }; /* limits of a multi handle; of idle connections */

/* ---- sockets ---- */

Socket *socket_at(Core *core, int fd) {
    if (fd < 0 || (size_t)fd >= core->socket_room) return NULL;
    Socket *socket = &core->sockets[fd];
    return socket->multi != NULL || socket->is_connection ? socket : NULL;
}

static Socket *make_socket_at(Core *core, int fd) {
    if ((size_t)fd >= core->socket_room) {
        size_t room = core->socket_room ? core->socket_room : 64;
        while (room <= (size_t)fd) room *= 2;
        Socket *sockets = realloc(core->sockets, room * sizeof *sockets);
        if (sockets == NULL) return NULL;
        memset(sockets + core->socket_room, 0, (room - core->socket_room) * sizeof *sockets);
        core->sockets = sockets;
        core->socket_room = room;
    }
    return &core->sockets[fd];
}

static void watch(Core *core, int fd, Socket *socket, int wanted) {
    if (socket->watched == wanted) return;
    if (poller_watch(&core->poller, fd, socket->watched, wanted) < 0) {
        /* ENOENT: the system has dropped a closed descriptor. EEXIST: the system has not. */
        if (errno == ENOENT && wanted) poller_watch(&core->poller, fd, 0, wanted);
        if (errno == EEXIST) poller_watch(&core->poller, fd, wanted, wanted);
    }
    socket->watched = wanted;
}

/* CURLMOPT_SOCKETFUNCTION */
static int on_socket_change(CURL *easy, int fd, int what, void *argument, void *unused) {
    (void)easy, (void)unused;
    MultiHandle *multi = argument;
    Core *core = multi->core;
    Socket *socket = make_socket_at(core, fd);
    if (socket == NULL) return -1;
    socket->multi = multi;
    if (what != CURL_POLL_REMOVE) {
        socket->wanted = (what & CURL_POLL_IN ? READABLE : 0) | (what & CURL_POLL_OUT ? WRITABLE : 0);
        watch(core, fd, socket, socket->wanted);
        return 0;
    }
    socket->wanted = 0;
    if (socket->watched & WRITABLE) watch(core, fd, socket, READABLE);
    return 0;
}

/* How many bytes the system has received on a connection, read by libcurl or not. */
static uint64_t count_received(int fd) {
#ifdef __linux__
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ? 0 : info.tcpi_bytes_received;
#else
    struct tcp_connection_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_CONNECTION_INFO, &info, &size) < 0 ? 0 : info.tcpi_rxbytes;
#endif
}

void socket_begin_request(Socket *socket, int fd) {
    socket->received = count_received(fd);
}

int socket_has_answer(Core *core, int fd) {
    if (fd < 0 || (size_t)fd >= core->socket_room) return 0;
    const Socket *socket = &core->sockets[fd];
    /* Linux counts the end of a connection as one byte. */
    return socket->is_connection ? count_received(fd) > socket->received + 1 : socket->had_answer;
}

int socket_opened(Core *core, int fd) {
    Socket *socket = make_socket_at(core, fd);
    if (socket == NULL) return -1;
    *socket = (Socket){.is_connection = 1};
    return 0;
}

int socket_closed(void *argument, int fd) {
    Core *core = argument;
    Socket *socket = socket_at(core, fd);
    if (socket != NULL) {
        watch(core, fd, socket, 0);
        *socket = (Socket){.had_answer = socket_has_answer(core, fd)};
    }
    return close(fd);
}

/* A multi handle closes its own descriptors without calling `socket_closed`. */
static void forget_own_sockets(MultiHandle *multi) {
    Core *core = multi->core;
    for (size_t fd = 0; fd < core->socket_room; fd++) {
        Socket *socket = &core->sockets[fd];
        if (socket->multi != multi || socket->is_connection) continue;
        watch(core, (int)fd, socket, 0);
        *socket = (Socket){0};
    }
}

void sockets_close(Core *core) {
    for (size_t fd = 0; fd < core->socket_room; fd++)
        if (core->sockets[fd].is_connection) close((int)fd);
}

static void note_readable(Core *core, Socket *socket) {
    socket->heard = core->now;
    socket->is_silent = 0;
}

/* libcurl finds an error of an HTTP/2 connection (RFC 9113, 5.4.1) in one run of a transfer, and fails the
 * transfer in the next run: for this run, libcurl waits for bytes, which may never come. */
static void look_again_later(MultiHandle *multi) {
    if (multi->second_look.place == 0)
        timers_set(&multi->core->timers, &multi->second_look, multi->core->now + SECOND_LOOK);
}

void socket_ready(Core *core, int fd, int ready) {
    Socket *socket = socket_at(core, fd);
    if (socket == NULL || socket->multi == NULL) return;
    socket->moved = core->now;
    if (ready & READABLE) note_readable(core, socket);
    if (ready & READABLE && !socket->is_http1) look_again_later(socket->multi);
    if (socket->wanted) multi_act(socket->multi, fd, ready);
    else watch(core, fd, socket, 0);
}

/* ---- multi handles ---- */

static void on_timeout(Timer *timer) {
    multi_act(CONTAINER(timer, MultiHandle, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* Have libcurl look at the HTTP/2 connections on which bytes have come of late. */
static void on_second_look(Timer *timer) {
    MultiHandle *multi = CONTAINER(timer, MultiHandle, second_look);
    Core *core = multi->core;
    for (size_t fd = 0; fd < core->socket_room; fd++) {
        const Socket *socket = &core->sockets[fd];
        int is_recent = socket->heard > core->now - 2 * SECOND_LOOK;
        if (socket->multi == multi && socket->wanted && !socket->is_http1 && is_recent)
            multi_act(multi, (int)fd, READABLE);
    }
}

/* CURLMOPT_TIMERFUNCTION: must not call libcurl. */
static int on_timer_change(CURLM *unused, long milliseconds, void *argument) {
    (void)unused;
    MultiHandle *multi = argument;
    if (milliseconds < 0) timers_clear(&multi->core->timers, &multi->timer);
    else
        timers_set(&multi->core->timers, &multi->timer,
                   clock_now() + (double)milliseconds / 1000);
    return 0;
}

static int set_up(MultiHandle *multi) {
    return curl.multi_setopt(multi->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change) ||
           curl.multi_setopt(multi->multi, CURLMOPT_SOCKETDATA, multi) ||
           curl.multi_setopt(multi->multi, CURLMOPT_TIMERFUNCTION, on_timer_change) ||
           curl.multi_setopt(multi->multi, CURLMOPT_TIMERDATA, multi) ||
           curl.multi_setopt(multi->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
}

static int reserve_timers(Core *core) {
    if (timers_reserve(&core->timers) < 0) return -1;
    if (timers_reserve(&core->timers) == 0) return 0;
    core->timers.reserved--;
    return -1;
}

static MultiHandle *multi_new(Account *account) {
    Core *core = account->core;
    MultiHandle *multi = calloc(1, sizeof *multi);
    if (multi == NULL) return NULL;
    multi->core = core;
    multi->account = account;
    multi->timer.run = on_timeout;
    multi->second_look.run = on_second_look;
    list_init(&multi->active);
    multi->multi = curl.multi_init();
    if (multi->multi != NULL && set_up(multi) == 0 && reserve_timers(core) == 0) {
        list_append(&account->multis, &multi->sibling);
        return multi;
    }
    if (multi->multi != NULL) curl.multi_cleanup(multi->multi);
    free(multi);
    return NULL;
}

MultiHandle *multi_with_room(Account *account) {
    for (Link *link = account->multis.next; link != &account->multis; link = link->next) {
        MultiHandle *multi = CONTAINER(link, MultiHandle, sibling);
        if (multi->active_count < TRANSFERS && !multi->is_closing) return multi;
    }
    return multi_new(account);
}

void multi_free(MultiHandle *multi) {
    link_remove(&multi->sibling);
    link_remove(&multi->touched);
    link_remove(&multi->closing);
    origins_forget_multi(multi);
    forget_own_sockets(multi);
    curl.multi_cleanup(multi->multi);
    forget_own_sockets(multi); /* libcurl may have reported these sockets again */
    timers_release(&multi->core->timers, &multi->timer);
    timers_release(&multi->core->timers, &multi->second_look);
    resolver_unload(multi);
    free(multi);
}

static void touch(MultiHandle *multi) {
    if (!link_is_listed(&multi->touched)) list_append(&multi->core->touched, &multi->touched);
}

int multi_add(MultiHandle *multi, EasyHandle *handle) {
    if (curl.multi_add_handle(multi->multi, handle->easy) != 0) return -1;
    handle->multi = multi;
    list_append(&multi->active, &handle->active);
    multi->active_count++;
    multi->core->active++;
    return 0;
}

static void close_soon(MultiHandle *multi) {
    if (link_is_listed(&multi->closing)) return;
    list_append(&multi->core->closing, &multi->closing);
    multi->account->closing++;
}

void multi_remove(EasyHandle *handle) {
    MultiHandle *multi = handle->multi;
    if (multi == NULL) return;
    curl.multi_remove_handle(multi->multi, handle->easy);
    link_remove(&handle->active);
    multi->active_count--;
    multi->core->active--;
    handle->multi = NULL;
    if (multi->is_closing && multi->active_count == 0) close_soon(multi);
}

void multi_act(MultiHandle *multi, int fd, int ready) {
    int mask = (ready & READABLE ? CURL_CSELECT_IN : 0) | (ready & WRITABLE ? CURL_CSELECT_OUT : 0) |
               (ready & BROKEN ? CURL_CSELECT_ERR : 0);
    curl.multi_socket_action(multi->multi, fd, mask, &multi->running);
    touch(multi);
}

static void read_messages(MultiHandle *multi) {
    int left;
    for (CURLMsg *message; (message = curl.multi_info_read(multi->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE) continue;
        EasyHandle *handle = NULL;
        int code = message->data.result;
        curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &handle);
        transfer_done(handle, code);
    }
}

void multis_read_messages(Core *core) {
    for (Link *link; (link = list_pop(&core->touched)) != NULL;)
        read_messages(CONTAINER(link, MultiHandle, touched));
}

/* ---- closing ---- */

static void announce_if_closed(Account *account) {
    if (account->closing == 0) account_tell_closed(account);
}

void account_close_multis(Account *account) {
    for (Link *link = account->multis.next; link != &account->multis; link = link->next) {
        MultiHandle *multi = CONTAINER(link, MultiHandle, sibling);
        if (multi->is_closing) continue;
        multi->is_closing = 1;
        origins_forget_multi(multi); /* new transfers use other multi handles */
        if (multi->active_count == 0) close_soon(multi);
    }
    announce_if_closed(account);
}

void multis_free_closed(Core *core) {
    for (Link *link; (link = list_pop(&core->closing)) != NULL;) {
        MultiHandle *multi = CONTAINER(link, MultiHandle, closing);
        Account *account = multi->account;
        multi_free(multi);
        account->closing--;
        announce_if_closed(account);
    }
}
