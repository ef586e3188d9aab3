/* Clocks: the time limits of a ticket, for the wait for a slot and for the whole ticket; and the delay before
 * a transfer. Few tickets have clocks: no option of `Http` sets any yet, and only the core's tests do.
 *
 * Rules:
 * - A ticket has one timer, set to the first of its times. Timers of tickets run after libcurl has acted.
 * - The timer calls `queue_go_on` or `queue_expire`: queue.c decides what happens to the ticket.
 * - The time between two transfers counts. A timeout in this time is found at the next transfer.
 */
#include <math.h>
#include <stdlib.h>

#include "state.h"

/* NULL: no memory. */
static Clocks *make_clocks(Ticket *ticket) {
    if (ticket->clocks != NULL) return ticket->clocks;
    Clocks *clocks = calloc(1, sizeof *clocks);
    if (clocks == NULL) return NULL;
    clocks->ticket = ticket;
    clocks->queue_timeout = clocks->total_timeout = INFINITY;
    clocks->slot_due = clocks->end_due = clocks->begin_due = INFINITY;
    return ticket->clocks = clocks;
}

/* ---- set on any thread, before the ticket is posted ---- */

int ticket_set_timeouts(Ticket *ticket, double queue, double total) {
    Clocks *clocks = make_clocks(ticket);
    if (clocks == NULL) return -1;
    clocks->queue_timeout = queue;
    clocks->total_timeout = total;
    return 0;
}

int ticket_delay(Ticket *ticket, double seconds) {
    Clocks *clocks = make_clocks(ticket);
    if (clocks == NULL) return -1;
    clocks->delay = seconds;
    return 0;
}

/* ---- on the core's thread ---- */

static void set_timer(Clocks *clocks) {
    Timers *timers = &clocks->ticket->account->core->ticket_timers;
    double due = fmin(clocks->begin_due, fmin(clocks->slot_due, clocks->end_due));
    if (!clocks->has_timer) return;
    if (isinf(due)) timers_clear(timers, &clocks->timer);
    else timers_set(timers, &clocks->timer, due);
}

static void on_due(Timer *timer) {
    Clocks *clocks = CONTAINER(timer, Clocks, timer);
    Ticket *ticket = clocks->ticket;
    double now = ticket->account->core->now;
    if (now >= clocks->end_due) {
        clocks->is_late = 1;
        clocks->end_due = INFINITY;
        queue_expire(ticket, OUTCOME_TOTAL_TIMEOUT);
    } else if (now >= clocks->slot_due) {
        queue_expire(ticket, OUTCOME_QUEUE_TIMEOUT);
    } else if (now >= clocks->begin_due) {
        clocks->begin_due = INFINITY;
        set_timer(clocks);
        queue_go_on(ticket);
    } else set_timer(clocks);
}

/* Without memory the ticket has no timer, and is never late. A ticket may get its clocks after the first
 * transfer, for a delay before the second. */
static void reserve_timer(Clocks *clocks) {
    if (clocks->has_timer) return;
    clocks->timer.run = on_due;
    clocks->has_timer = timers_reserve(&clocks->ticket->account->core->ticket_timers) == 0;
}

void clocks_start(Ticket *ticket) {
    Clocks *clocks = ticket->clocks;
    if (clocks == NULL) return;
    reserve_timer(clocks);
    clocks->end_due = clock_now() + clocks->total_timeout;
    set_timer(clocks);
}

int clocks_hold_back(Ticket *ticket) {
    Clocks *clocks = ticket->clocks;
    if (clocks == NULL || clocks->delay <= 0) return 0;
    reserve_timer(clocks);
    if (!clocks->has_timer) return 0;
    clocks->begin_due = clock_now() + clocks->delay;
    clocks->delay = 0;
    set_timer(clocks);
    return 1;
}

void clocks_wait_for_slot(Ticket *ticket) {
    Clocks *clocks = ticket->clocks;
    if (clocks == NULL) return;
    clocks->slot_due = clock_now() + clocks->queue_timeout;
    set_timer(clocks);
}

void clocks_have_slot(Ticket *ticket) {
    Clocks *clocks = ticket->clocks;
    if (clocks == NULL) return;
    clocks->slot_due = INFINITY;
    set_timer(clocks);
}

int clocks_are_late(const Ticket *ticket) { return ticket->clocks != NULL && ticket->clocks->is_late; }

void clocks_stop(Ticket *ticket) {
    Clocks *clocks = ticket->clocks;
    if (clocks == NULL || !clocks->has_timer) return;
    timers_release(&ticket->account->core->ticket_timers, &clocks->timer);
    clocks->has_timer = 0;
}
