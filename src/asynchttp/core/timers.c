/* Timers: see timers.h. A binary heap; each timer knows its place, so that any timer can be cleared. */
#define _GNU_SOURCE
#include "timers.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { FIRST_ROOM = 64 };

double clock_now(void) {
    struct timespec now;
#ifdef __APPLE__
    clock_gettime(CLOCK_UPTIME_RAW, &now);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int timers_reserve(Timers *timers) {
    if (timers->reserved == timers->room) {
        size_t room = timers->room ? timers->room * 2 : FIRST_ROOM;
        Timer **heap = realloc(timers->heap, room * sizeof *heap);
        if (heap == NULL) return -1;
        timers->heap = heap;
        timers->room = room;
    }
    timers->reserved++;
    return 0;
}

void timers_release(Timers *timers, Timer *timer) {
    timers_clear(timers, timer);
    timers->reserved--;
}

static void put(Timers *timers, Timer *timer, size_t place) {
    timers->heap[place - 1] = timer;
    timer->place = place;
}

static void sift_up(Timers *timers, Timer *timer) {
    size_t place = timer->place;
    for (; place > 1; place /= 2) {
        Timer *parent = timers->heap[place / 2 - 1];
        if (parent->due <= timer->due) break;
        put(timers, parent, place);
    }
    put(timers, timer, place);
}

static void sift_down(Timers *timers, Timer *timer) {
    size_t place = timer->place;
    for (size_t child; (child = place * 2) <= timers->count; place = child) {
        if (child < timers->count && timers->heap[child]->due < timers->heap[child - 1]->due) child++;
        if (timer->due <= timers->heap[child - 1]->due) break;
        put(timers, timers->heap[child - 1], place);
    }
    put(timers, timer, place);
}

void timers_set(Timers *timers, Timer *timer, double due) {
    if (timer->place == 0) put(timers, timer, ++timers->count);
    timer->due = due;
    sift_up(timers, timer);
    sift_down(timers, timer);
}

void timers_clear(Timers *timers, Timer *timer) {
    if (timer->place == 0) return;
    Timer *last = timers->heap[--timers->count];
    if (last != timer) {
        put(timers, last, timer->place);
        sift_up(timers, last);
        sift_down(timers, last);
    }
    timer->place = 0;
}

double timers_next(const Timers *timers) {
    return timers->count ? timers->heap[0]->due : INFINITY;
}

void timers_run(Timers *timers, double now) {
    while (timers->count && timers->heap[0]->due <= now) {
        Timer *timer = timers->heap[0];
        timers_clear(timers, timer);
        timer->run(timer);
    }
}
