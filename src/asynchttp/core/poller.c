/* Poller: see poller.h. Rule: descriptors are watched level-triggered, so that bytes that libcurl leaves
 * unread or unsent are reported again.
 */
#define _GNU_SOURCE
#include "poller.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <unistd.h>

static const double LONGEST = 3600; /* seconds: no system call takes more than 2**31 ms */

#ifdef __linux__

#include <sys/epoll.h>
#include <sys/eventfd.h>

int poller_open(Poller *poller) {
    poller->queue = epoll_create1(EPOLL_CLOEXEC);
    poller->wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    /* Edge-triggered: each write is reported once, and nobody has to read the eventfd. */
    struct epoll_event wakeups = {.events = EPOLLIN | EPOLLET, .data.fd = poller->wakeup};
    if (poller->queue >= 0 && poller->wakeup >= 0 &&
        epoll_ctl(poller->queue, EPOLL_CTL_ADD, poller->wakeup, &wakeups) == 0)
        return 0;
    int error = errno;
    poller_close(poller);
    errno = error;
    return -1;
}

void poller_close(Poller *poller) {
    if (poller->queue >= 0) close(poller->queue);
    if (poller->wakeup >= 0) close(poller->wakeup);
    poller->queue = poller->wakeup = -1;
}

int poller_watch(Poller *poller, int fd, int watched, int wanted) {
    struct epoll_event event = {.data.fd = fd};
    event.events = (wanted & READABLE ? (unsigned)EPOLLIN : 0u) |
                   (wanted & WRITABLE ? (unsigned)EPOLLOUT : 0u);
    int change = !wanted ? EPOLL_CTL_DEL : watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    return epoll_ctl(poller->queue, change, fd, &event);
}

static int milliseconds(double seconds) {
    if (seconds < 0 || seconds > LONGEST) seconds = LONGEST;
    return (int)ceil(seconds * 1000);
}

int poller_wait(Poller *poller, double seconds, Ready *ready) {
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(poller->queue, events, EVENTS_AT_ONCE, milliseconds(seconds));
    int found = count < 0 ? -1 : 0;
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == poller->wakeup) continue;
        unsigned is = events[i].events;
        ready[found].fd = events[i].data.fd;
        ready[found++].ready = (is & (EPOLLIN | EPOLLHUP) ? READABLE : 0) |
                               (is & EPOLLOUT ? WRITABLE : 0) | (is & EPOLLERR ? BROKEN : 0);
    }
    return found;
}

void poller_wake(const Poller *poller) {
    uint64_t one = 1;
    /* A full counter fails the write: the core is being woken already. */
    if (write(poller->wakeup, &one, sizeof one) < 0) return;
}

#else

#include <sys/event.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>

enum { WAKEUP = 1 }; /* the identifier of the user event */

int poller_open(Poller *poller) {
    struct kevent wakeups;
    EV_SET(&wakeups, WAKEUP, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
    poller->wakeup = -1;
    poller->queue = kqueue();
    if (poller->queue >= 0 && kevent(poller->queue, &wakeups, 1, NULL, 0, NULL) == 0) return 0;
    int error = errno;
    poller_close(poller);
    errno = error;
    return -1;
}

void poller_close(Poller *poller) {
    if (poller->queue >= 0) close(poller->queue);
    poller->queue = -1;
}

int poller_watch(Poller *poller, int fd, int watched, int wanted) {
    static const struct {
        int bit;
        short filter;
    } filters[] = {{READABLE, EVFILT_READ}, {WRITABLE, EVFILT_WRITE}};
    struct kevent changes[2];
    int count = 0;
    for (int i = 0; i < 2; i++) {
        if ((watched & filters[i].bit) == (wanted & filters[i].bit)) continue;
        unsigned short change = wanted & filters[i].bit ? EV_ADD : EV_DELETE;
        EV_SET(&changes[count++], (uintptr_t)fd, filters[i].filter, change, 0, 0, NULL);
    }
    return count ? kevent(poller->queue, changes, count, NULL, 0, NULL) : 0;
}

int poller_wait(Poller *poller, double seconds, Ready *ready) {
    struct kevent events[EVENTS_AT_ONCE];
    if (seconds < 0 || seconds > LONGEST) seconds = LONGEST;
    struct timespec pause = {.tv_sec = (time_t)seconds};
    pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
    int count = kevent(poller->queue, NULL, 0, events, EVENTS_AT_ONCE, &pause);
    int found = count < 0 ? -1 : 0;
    for (int i = 0; i < count; i++) {
        if (events[i].filter == EVFILT_USER) continue;
        ready[found].fd = (int)events[i].ident;
        ready[found++].ready = events[i].filter == EVFILT_WRITE ? WRITABLE : READABLE;
    }
    return found;
}

void poller_wake(const Poller *poller) {
    struct kevent wakeup;
    EV_SET(&wakeup, WAKEUP, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    kevent(poller->queue, &wakeup, 1, NULL, 0, NULL);
}

#endif
