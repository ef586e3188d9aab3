/* Poller: waits until a descriptor is ready, or another thread wakes the core.
 *
 * epoll on Linux, kqueue elsewhere. Only the core's thread calls these functions, except `poller_wake`, which
 * any thread may call. The core owns the poller.
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
    int queue;  /* the descriptor of epoll or kqueue; -1 when closed */
    int wakeup; /* an eventfd; -1 with kqueue */
} Poller;

/* Returns 0, or -1 with errno. */
int poller_open(Poller *poller);
void poller_close(Poller *poller);

/* Watch a descriptor for `wanted` instead of `watched` (READABLE and WRITABLE; 0: do not watch).
 * Returns 0, or -1 with errno. */
int poller_watch(Poller *poller, int fd, int watched, int wanted);

/* Wait at most `seconds`; negative: for ever. Returns how many descriptors are ready; 0 after a wake-up or
 * the timeout; -1 after a signal. */
int poller_wait(Poller *poller, double seconds, Ready *ready);

/* Make `poller_wait` return: the present call or the next. Safe in signal handlers. */
void poller_wake(const Poller *poller);

#endif
