/* Poller: wait until a descriptor is ready, or another thread wakes the core.
 *
 * epoll on Linux, kqueue elsewhere. The core's thread uses all of it, but for `poller_wake`, which any
 * thread may call.
 */
#ifndef ASYNCHTTP_POLLER_H
#define ASYNCHTTP_POLLER_H

enum { READABLE = 1, WRITABLE = 2, BROKEN = 4 };

enum { EVENTS_AT_ONCE = 256 };

typedef struct {
    int fd;
    int ready; /* READABLE, WRITABLE, BROKEN */
} Ready;

typedef struct {
    int queue;  /* of epoll or kqueue; -1 when closed */
    int wakeup; /* an eventfd, where there is one; else -1 */
} Poller;

/* Returns 0, or -1 with errno. */
int poller_open(Poller *poller);
void poller_close(Poller *poller);

/* Watch a descriptor for `wanted` instead of `watched` (READABLE and WRITABLE; 0 for not at all).
 * Returns 0, or -1 with errno. */
int poller_watch(Poller *poller, int fd, int watched, int wanted);

/* Wait at most `seconds`; a negative number waits for ever. Returns how many are ready, 0 after a
 * wake-up too, -1 after a signal. */
int poller_wait(Poller *poller, double seconds, Ready *ready);

/* Have `poller_wait` return, now or the next time. Safe in signal handlers. */
void poller_wake(const Poller *poller);

#endif
