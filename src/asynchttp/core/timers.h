/* Timers: functions to call at a time, in one heap.
 *
 * A timer is embedded in another struct, whose owner keeps the memory while the timer is set. Times are
 * seconds of `clock_now`. Only the core's thread uses a heap and its timers.
 */
#ifndef ASYNCHTTP_TIMERS_H
#define ASYNCHTTP_TIMERS_H

#include <stddef.h>

typedef struct Timer Timer;

struct Timer {
    double due;
    size_t place; /* index in the heap, from 1; 0 when the timer is not set */
    void (*run)(Timer *timer);
};

typedef struct {
    Timer **heap; /* owned */
    size_t count; /* timers that are set */
    size_t room;
    size_t reserved; /* timers that may be set: `room` is never less */
} Timers;

/* Seconds on a clock that never goes back, and stops while the machine is suspended. Any thread. */
double clock_now(void);

/* Reserve room for one more timer, so that timers_set cannot fail. Returns 0, or -1 when there is no memory.
 * `timers_release` clears the timer, and gives the room back. */
int timers_reserve(Timers *timers);
void timers_release(Timers *timers, Timer *timer);

/* Set the timer to `due`, in place of an earlier time. */
void timers_set(Timers *timers, Timer *timer, double due);

/* Clear the timer: the timer does not run. */
void timers_clear(Timers *timers, Timer *timer);

/* When the next timer is due; INFINITY when no timer is set. */
double timers_next(const Timers *timers);

/* Run the timers that are due at `now`. A timer is cleared before its function runs, which may set the timer
 * again. */
void timers_run(Timers *timers, double now);

#endif
