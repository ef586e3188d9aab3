/* Timers: what is due when, in one heap.
 *
 * A timer is embedded in what the timer is for, whose owner keeps the memory while the timer is set.
 * Times are seconds of `clock_now`. One thread uses a heap and its timers: the core's.
 */
#ifndef ASYNCHTTP_TIMERS_H
#define ASYNCHTTP_TIMERS_H

#include <stddef.h>

typedef struct Timer Timer;

struct Timer {
    double due;
    size_t place; /* in the heap, counted from 1; 0 when the timer is not set */
    void (*run)(Timer *timer);
};

typedef struct {
    Timer **heap; /* owned */
    size_t count; /* timers that are set */
    size_t room;
    size_t reserved; /* timers that may be set: `room` is never less */
} Timers;

/* Seconds on a clock that never goes back, and stands while the machine is suspended. */
double clock_now(void);

/* Make room for one more timer, so that to set the timer cannot fail. Returns 0, or -1 when there is
 * no memory. `timers_release` takes the room back; the timer may not be set any more. */
int timers_reserve(Timers *timers);
void timers_release(Timers *timers, Timer *timer);

/* Have the timer run at `due`, instead of the time it is set to, if any. */
void timers_set(Timers *timers, Timer *timer, double due);

/* The timer does not run, if it has not yet. */
void timers_clear(Timers *timers, Timer *timer);

/* When the next is due; INFINITY when none is set. */
double timers_next(const Timers *timers);

/* Run what is due at `now`; a timer is not set any more when it runs, and may be set again. */
void timers_run(Timers *timers, double now);

#endif
