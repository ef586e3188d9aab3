/* The loop: the core's thread, turn by turn, or a caller in its place; the inbox and the events; the gate,
 * and forks.
 *
 * A turn: give the gate to waiting threads, sleep until something happens, call libcurl for ready sockets,
 * read the inbox, begin transfers, end transfers, wake the dispatcher.
 *
 * Rules:
 * - The thread takes no lock for longer than a few instructions, and holds no lock in libcurl.
 * - Timers of tickets run after libcurl has acted: a transfer whose answer has come is not silent.
 * - A forked child closes the parent's sockets, and frees no handle of libcurl: libcurl would send bytes to
 *   the parent's peers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state.h"

enum { POSTS_AT_ONCE = 256 };

/* The core of the process, and the lock for making the core; a fork holds the lock too. */
static Core *_Atomic the_core;
static pthread_mutex_t core_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the inbox ---- */

static void post_hold(Post *post) {
    if (post->kind == INBOX_TICKET) ticket_hold(CONTAINER(post, Ticket, post));
    if (post->kind == INBOX_ACCOUNT)
        atomic_fetch_add(&CONTAINER(post, Account, post)->references, 1);
    if (post->kind == INBOX_LOOKUP) lookup_hold(CONTAINER(post, Lookup, post));
    if (post->kind == INBOX_SCOPE) scope_hold(CONTAINER(post, CallbackScope, post));
}

/* Under `lock`. */
static void append_post(Core *core, Post *post, unsigned what) {
    if (post->what == 0) {
        if (what != INBOX_DISPOSE) post_hold(post); /* the inbox has a reference of its own */
        post->next = NULL;
        *core->inbox_end = post;
        core->inbox_end = &post->next;
    }
    post->what |= what;
}

/* How to wake the thread that takes the turns. */
typedef enum { WAKE_NONE, WAKE_POLLER, WAKE_RESTING } Wake;

/* Mark the thread that takes the turns as awake, under `lock`. The caller has to `wake` the thread. */
static Wake take_sleeper(Core *core) {
    if (!core->is_asleep) return WAKE_NONE;
    core->is_asleep = 0;
    return core->is_resting && !core->is_driven ? WAKE_RESTING : WAKE_POLLER;
}

static void wake(Core *core, Wake how) {
    if (how == WAKE_POLLER) poller_wake(&core->poller);
    if (how == WAKE_RESTING) pthread_cond_signal(&core->roused);
}

int core_post(Core *core, Post *post, unsigned what) {
    pthread_mutex_lock(&core->lock);
    int is_gone = core->is_gone;
    if (!is_gone) append_post(core, post, what);
    Wake how = is_gone ? WAKE_NONE : take_sleeper(core);
    pthread_mutex_unlock(&core->lock);
    wake(core, how);
    return is_gone ? -1 : 0;
}

/* Whether a ticket has to wait for a slot. The event that frees a slot wakes the thread anyway. */
static int has_to_wait(Ticket *ticket) {
    return ticket->asked_by == NULL && ticket->work.rank == 0 && ticket->clocks == NULL &&
           atomic_load(&ticket->account->is_full);
}

/* Under `lock`. */
static void append_ticket(Core *core, Ticket *ticket) {
    list_append(&ticket->account->tickets, &ticket->pending);
    ticket->account->pending++;
    Link *waits = &ticket->account->era_waits;
    for (Link *link = waits->next; link != waits; link = link->next) {
        EraWait *wait = CONTAINER(link, EraWait, listed);
        wait->left += (size_t)era_is_before(ticket->era, wait->era);
    }
    append_post(core, &ticket->post, INBOX_SUBMIT);
}

int core_submit(Core *core, Ticket *ticket) {
    pthread_mutex_lock(&core->lock);
    int is_gone = core->is_gone;
    if (!is_gone) append_ticket(core, ticket);
    Wake how = is_gone || has_to_wait(ticket) ? WAKE_NONE : take_sleeper(core);
    pthread_mutex_unlock(&core->lock);
    wake(core, how);
    return is_gone ? -1 : 0;
}

static void carry_out_for_ticket(Ticket *ticket, unsigned what) {
    if (what & INBOX_SUBMIT) queue_submit(ticket);
    if (what & INBOX_TRANSFER) queue_transfer(ticket);
    if (what & (INBOX_PIECE | INBOX_MEMORY | INBOX_ANSWER)) ticket->account->engine->resume(ticket, what);
    if (what & INBOX_LEAVE) queue_leave(ticket);
    if (what & INBOX_CANCEL) queue_cancel(ticket);
    ticket_release(ticket);
}

static void carry_out_for_account(Account *account, unsigned what) {
    if (what & INBOX_DISPOSE) {
        account_dispose(account);
        return;
    }
    if (what & INBOX_LIMIT) account_apply_limit(account);
    if (what & INBOX_CLOSE) {
        pthread_mutex_lock(&account->core->lock);
        account->closings_seen = account->closings_asked;
        pthread_mutex_unlock(&account->core->lock);
        account->engine->close(account);
    }
    account_release(account);
}

static void carry_out_for_scope(CallbackScope *scope, unsigned what) {
    if (what & INBOX_DISPOSE) {
        queue_dispose(scope);
        return;
    }
    if (what & INBOX_OPEN) queue_open(scope);
    if (what & INBOX_SHUT) queue_shut(scope);
    scope_drop(scope);
}

static void carry_out(Post *post, unsigned what) {
    switch (post->kind) {
    case INBOX_TICKET:
        carry_out_for_ticket(CONTAINER(post, Ticket, post), what);
        break;
    case INBOX_ACCOUNT:
        carry_out_for_account(CONTAINER(post, Account, post), what);
        break;
    case INBOX_PROFILE:
        profile_dispose(CONTAINER(post, Profile, post));
        break;
    case INBOX_LOOKUP:
        resolver_learn(CONTAINER(post, Lookup, post));
        lookup_release(CONTAINER(post, Lookup, post));
        break;
    case INBOX_SCOPE:
        carry_out_for_scope(CONTAINER(post, CallbackScope, post), what);
        break;
    case INBOX_WAIT:
        queue_await(CONTAINER(post, ScopeWait, post));
        break;
    }
}

typedef struct {
    Post *post;
    unsigned what;
} TakenPost;

static int take_posts(Core *core, TakenPost *posts, int room) {
    int count = 0;
    pthread_mutex_lock(&core->lock);
    while (core->inbox != NULL && count < room) {
        Post *post = core->inbox;
        posts[count++] = (TakenPost){post, post->what};
        core->inbox = post->next;
        post->what = 0;
    }
    if (core->inbox == NULL) core->inbox_end = &core->inbox;
    pthread_mutex_unlock(&core->lock);
    return count;
}

/* Read a part of a long inbox: libcurl has to act in between. */
static void read_inbox(Core *core) {
    TakenPost posts[POSTS_AT_ONCE];
    int count = take_posts(core, posts, POSTS_AT_ONCE);
    for (int i = 0; i < count; i++) carry_out(posts[i].post, posts[i].what);
}

/* ---- events ---- */

/* Under `lock`. */
static void append_event(Core *core, EventNode *event, unsigned what) {
    if (event->what == 0) {
        event_hold(event, what);
        event->next = NULL;
        *core->events_end = event;
        core->events_end = &event->next;
    }
    event->what |= what;
}

void core_tell(Core *core, EventNode *event, unsigned what) {
    pthread_mutex_lock(&core->lock);
    append_event(core, event, what);
    core->has_unannounced_events = 1;
    pthread_mutex_unlock(&core->lock);
}

static Event pop_event(Core *core) {
    EventNode *node = core->events;
    core->events = node->next;
    if (core->events == NULL) core->events_end = &core->events;
    Event event = {.what = node->what};
    node->what = 0;
    if (event.what & EVENT_NEEDS_NAME) event.lookup = CONTAINER(node, Lookup, event);
    else event.ticket = CONTAINER(node, Ticket, event);
    return event;
}

size_t core_take_events(Core *core, Event *events, size_t room) {
    size_t count = 0;
    pthread_mutex_lock(&core->lock);
    while (core->events != NULL && count < room) events[count++] = pop_event(core);
    pthread_mutex_unlock(&core->lock);
    return count;
}

/* ---- conditions, by the monotonic clock ---- */

static void condition_init(pthread_cond_t *condition) {
#ifdef __APPLE__
    pthread_cond_init(condition, NULL);
#else
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
#endif
}

/* Wait under `lock`. Returns 0 after `end`, by clock_now. */
static int wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, double end) {
#ifdef __APPLE__
    end = fmax(0, end - clock_now());
#endif
    struct timespec time = {.tv_sec = (time_t)end, .tv_nsec = (long)((end - floor(end)) * 1e9)};
#ifdef __APPLE__
    return pthread_cond_timedwait_relative_np(condition, lock, &time) == 0;
#else
    return pthread_cond_timedwait(condition, lock, &time) == 0;
#endif
}

/* ---- the dispatcher's role; static functions under `lock`, except wake_dispatcher ---- */

static WaitingThread *pop_waiting(Core *core) {
    WaitingThread *waiting = core->waiting;
    if (waiting == NULL) return NULL;
    core->waiting = waiting->next;
    waiting->is_called = 1;
    pthread_cond_signal(&waiting->called);
    return waiting;
}

/* Give the role to a waiting thread, if there are events. */
static void give_role(Core *core) {
    if (core->events == NULL || core->is_dispatched) return;
    WaitingThread *waiting = pop_waiting(core);
    if (waiting != NULL) waiting->has_role = core->is_dispatched = 1;
}

void ticket_tell_again(Ticket *ticket, unsigned what) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    append_event(core, &ticket->event, what);
    give_role(core);
    pthread_mutex_unlock(&core->lock);
}

static void remove_waiting(Core *core, WaitingThread *self) {
    WaitingThread **at = &core->waiting;
    while (*at != NULL && *at != self) at = &(*at)->next;
    if (*at == self) *at = self->next;
}

static void wait_for_call(Core *core, WaitingThread *self, double seconds) {
    double end = clock_now() + seconds;
    condition_init(&self->called);
    self->next = core->waiting;
    core->waiting = self;
    while (!self->is_called) {
        if (seconds < 0) pthread_cond_wait(&self->called, &core->lock);
        else if (!wait_until(&self->called, &core->lock, end)) break;
    }
    if (!self->is_called) remove_waiting(core, self);
    pthread_cond_destroy(&self->called);
}

WaitResult core_wait(Core *core, double seconds, int has_role) {
    WaitingThread self = {0};
    pthread_mutex_lock(&core->lock);
    if (has_role && core->events == NULL) core->is_dispatched = has_role = 0;
    if (!has_role && core->events != NULL && !core->is_dispatched)
        core->is_dispatched = has_role = 1;
    self.has_role = has_role;
    if (!has_role) wait_for_call(core, &self, seconds);
    pthread_mutex_unlock(&core->lock);
    if (self.has_role) return WAIT_ROLE;
    return self.is_called ? WAIT_CALLED : WAIT_TIMED_OUT;
}

void core_pass_on(Core *core) {
    pthread_mutex_lock(&core->lock);
    core->is_dispatched = 0;
    give_role(core);
    pthread_mutex_unlock(&core->lock);
}

int core_call_waiting(Core *core) {
    pthread_mutex_lock(&core->lock);
    int is_called = pop_waiting(core) != NULL;
    pthread_mutex_unlock(&core->lock);
    return is_called;
}

int core_count_waiting(Core *core) {
    int count = 0;
    pthread_mutex_lock(&core->lock);
    for (WaitingThread *each = core->waiting; each != NULL; each = each->next) count++;
    pthread_mutex_unlock(&core->lock);
    return count;
}

static void wake_dispatcher(Core *core) {
    if (!core->has_unannounced_events) return;
    core->has_unannounced_events = 0;
    pthread_mutex_lock(&core->lock);
    give_role(core);
    pthread_mutex_unlock(&core->lock);
}

/* ---- the gate: mutexes are not fair, so a thread that wants the gate counts itself first ---- */

static void take_gate(Core *core) {
    atomic_fetch_add(&core->gate_waiters, 1);
    pthread_mutex_lock(&core->gate);
    atomic_fetch_sub(&core->gate_waiters, 1);
}

static void give_way(Core *core) {
    if (atomic_load(&core->gate_waiters) == 0) return;
    pthread_mutex_unlock(&core->gate);
    while (atomic_load(&core->gate_waiters)) sched_yield();
    pthread_mutex_lock(&core->gate);
}

/* ---- the thread ---- */

static double time_to_timer(Core *core) {
    if (!list_is_empty(&core->to_begin) || !list_is_empty(&core->dirty)) return 0;
    double due = fmin(timers_next(&core->timers), timers_next(&core->ticket_timers));
    return isinf(due) ? -1 : fmax(0, due - clock_now());
}

/* Mark the thread as asleep, if the inbox is empty: the next post wakes the thread. Returns 0 otherwise. */
static int fall_asleep(Core *core) {
    pthread_mutex_lock(&core->lock);
    core->is_asleep = core->inbox == NULL;
    int is_asleep = core->is_asleep;
    pthread_mutex_unlock(&core->lock);
    return is_asleep;
}

static void mark_awake(Core *core) {
    pthread_mutex_lock(&core->lock);
    core->is_asleep = 0;
    pthread_mutex_unlock(&core->lock);
}

/* Whether only a post can give the thread work: no transfer, no timer. */
static int has_nothing_to_do(Core *core) { return core->active == 0 && time_to_timer(core) < 0; }

/* Called without the gate. */
static void wait_for_post(Core *core) {
    pthread_mutex_lock(&core->lock);
    core->is_resting = 1;
    while (core->is_asleep || core->is_driven) pthread_cond_wait(&core->roused, &core->lock);
    core->is_resting = 0;
    pthread_mutex_unlock(&core->lock);
}

/* Call `poller_wait` for at most `longest` seconds. With INFINITY the core's thread may rest instead. */
static int wait_for_sockets(Core *core, Ready *ready, double longest) {
    double pause = time_to_timer(core);
    if (pause == 0 || !fall_asleep(core)) return poller_wait(&core->poller, 0, ready);
    int may_rest = isinf(longest) && has_nothing_to_do(core), count = 0;
    if (!isinf(longest)) pause = pause < 0 ? longest : fmin(pause, longest);
    pthread_mutex_unlock(&core->gate);
    if (may_rest) wait_for_post(core);
    else count = poller_wait(&core->poller, pause, ready);
    pthread_mutex_lock(&core->gate);
    mark_awake(core);
    return count;
}

static void act_once(Core *core, const Ready *ready, int count) {
    core->now = clock_now();
    for (int i = 0; i < count; i++) socket_ready(core, ready[i].fd, ready[i].ready);
    read_inbox(core);
    transfers_begin_again(core);
    accounts_pump(core);
    timers_run(&core->timers, clock_now());
    multis_read_messages(core);
    timers_run(&core->ticket_timers, core->now);
    accounts_pump(core);
    multis_free_closed(core);
    wake_dispatcher(core);
}

/* Returns how many sockets were ready; negative: a signal came. */
static int turn(Core *core, double longest) {
    Ready ready[EVENTS_AT_ONCE];
    give_way(core);
    int count = wait_for_sockets(core, ready, longest);
    act_once(core, ready, count);
    return count;
}

/* Debuggers, profilers and top show the name. */
static void name_thread(void) {
#ifdef __APPLE__
    pthread_setname_np("asynchttp core");
#else
    pthread_setname_np(pthread_self(), "asynchttp core");
#endif
}

static void *run(void *argument) {
    Core *core = argument;
    name_thread();
    pthread_mutex_lock(&core->gate);
    core->now = clock_now();
    for (;;) turn(core, INFINITY);
    return NULL;
}

/* ---- a waiting caller takes the turns, while the core's thread rests ---- */

/* A write to a closed TLS connection sends SIGPIPE to the writing thread. Python ignores the signal; where a
 * program has changed this setting, no caller takes turns. */
static int ignores_pipe_signal(void) {
    struct sigaction action;
    return sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* A caller that stops while other requests are under way has to wake the core's thread, which costs more than
 * the turns have saved. The next REFUSALS callers must not take the turns then. */
enum { REFUSALS = 100 };

/* Take the place of the core's thread, under `lock`. Returns 0 if the place is not free: the core's thread
 * does not rest, or another caller has the place. */
static int take_place(Core *core) {
    if (core->is_gone || !core->is_resting || core->is_driven) return 0;
    if (core->refusals > 0) {
        core->refusals--;
        return 0;
    }
    core->is_driven = 1;
    core->is_asleep = 0;
    return 1;
}

/* The core's thread goes on if there is work. */
static void give_place_back(Core *core, int is_idle) {
    pthread_mutex_lock(&core->lock);
    core->is_driven = 0;
    core->is_asleep = is_idle && core->inbox == NULL;
    int is_to_go_on = !core->is_asleep;
    if (is_to_go_on) core->refusals = REFUSALS;
    pthread_mutex_unlock(&core->lock);
    if (is_to_go_on) pthread_cond_signal(&core->roused);
}

static void take_turns(Core *core, Ticket *ticket, double end) {
    int count = 0;
    take_gate(core);
    act_once(core, NULL, 0);
    for (double left; count >= 0 && !(ticket_state(ticket) & STATE_DONE) && (left = end - clock_now()) > 0;)
        count = turn(core, left);
    give_place_back(core, has_nothing_to_do(core));
    pthread_mutex_unlock(&core->gate);
}

int core_submit_and_wait(Core *core, Ticket *ticket, double seconds) {
    if (!ignores_pipe_signal()) return core_submit(core, ticket);
    pthread_mutex_lock(&core->lock);
    int has_place = core->is_asleep && take_place(core);
    if (has_place) append_ticket(core, ticket);
    pthread_mutex_unlock(&core->lock);
    if (!has_place) return core_submit(core, ticket);
    take_turns(core, ticket, clock_now() + seconds);
    return 0;
}

void ticket_take_turns(Ticket *ticket, double seconds) {
    if (ticket->account == NULL || !ignores_pipe_signal()) return;
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    int has_place = take_place(core);
    pthread_mutex_unlock(&core->lock);
    if (has_place) take_turns(core, ticket, clock_now() + seconds);
}

/* ---- birth, fork and end ---- */

int start_thread(void *(*function)(void *), void *argument) {
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, function, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

static Core *make_core(void) {
    Core *core = calloc(1, sizeof *core);
    if (core == NULL) return NULL;
    pthread_mutex_init(&core->lock, NULL);
    pthread_mutex_init(&core->gate, NULL);
    condition_init(&core->changed);
    condition_init(&core->roused);
    core->inbox_end = &core->inbox;
    core->events_end = &core->events;
    list_init(&core->touched);
    list_init(&core->to_begin);
    list_init(&core->dirty);
    list_init(&core->closing);
    int error = poller_open(&core->poller) < 0 ? errno : start_thread(run, core);
    if (error == 0) return core;
    poller_close(&core->poller);
    free(core);
    errno = error;
    return NULL;
}

/* Whether the fork has taken the gate: is_parked may change during the fork. Under `core_lock`. */
static int fork_has_gate;

static void before_fork(void) {
    pthread_mutex_lock(&core_lock);
    if (the_core != NULL) {
        fork_has_gate = !the_core->is_parked;
        if (fork_has_gate) take_gate(the_core);
        pthread_mutex_lock(&the_core->lock);
    }
    ticket_lock_waiters(); /* last: the core's thread takes this lock while holding the gate */
}

static void after_fork_in_parent(void) {
    ticket_unlock_waiters();
    if (the_core != NULL) {
        pthread_mutex_unlock(&the_core->lock);
        if (fork_has_gate) pthread_mutex_unlock(&the_core->gate);
    }
    pthread_mutex_unlock(&core_lock);
}

static void after_fork_in_child(void) {
    Core *core = the_core;
    ticket_forget_waiters();
    if (core != NULL) {
        core->is_gone = 1;
        sockets_close(core);
        poller_close(&core->poller);
        pthread_mutex_unlock(&core->lock);
        the_core = NULL;
    }
    pthread_mutex_unlock(&core_lock);
}

static void watch_forks(void) {
    static int is_watching;
    if (is_watching) return;
    is_watching = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

Core *core_get(void) {
    pthread_mutex_lock(&core_lock);
    watch_forks();
    if (the_core == NULL) the_core = make_core();
    Core *core = the_core;
    pthread_mutex_unlock(&core_lock);
    return core;
}

void core_park(void) {
    Core *core = the_core;
    if (core != NULL && !atomic_exchange(&core->is_parked, 1)) take_gate(core);
}

/* ---- accounts ---- */

void account_set_limit(Account *account, int limit) {
    atomic_store(&account->limit, limit);
    core_post(account->core, &account->post, INBOX_LIMIT);
}

Counts account_counts(const Account *account) {
    return (Counts){.queued = atomic_load(&account->queued), .working = atomic_load(&account->working)};
}

double account_last_moved(const Account *account) {
    return atomic_load_explicit(&account->moved, memory_order_relaxed);
}

size_t account_pending(Account *account) {
    Core *core = account->core;
    pthread_mutex_lock(&core->lock);
    size_t pending = account->pending;
    pthread_mutex_unlock(&core->lock);
    return pending;
}

size_t account_tickets(Account *account, Ticket **tickets, size_t room) {
    Core *core = account->core;
    size_t count = 0;
    pthread_mutex_lock(&core->lock);
    for (Link *link = account->tickets.next; link != &account->tickets; link = link->next, count++) {
        if (count >= room) continue;
        tickets[count] = CONTAINER(link, Ticket, pending);
        ticket_hold(tickets[count]);
    }
    pthread_mutex_unlock(&core->lock);
    return count;
}

unsigned account_begin_era(Account *account) { return atomic_fetch_add(&account->era, 1) + 1; }

/* Under `lock`. */
static size_t count_past(const Account *account, unsigned era) {
    size_t count = 0;
    for (const Link *link = account->tickets.next; link != &account->tickets; link = link->next)
        count += (size_t)era_is_before(CONTAINER(link, Ticket, pending)->era, era);
    return count;
}

int account_wait_for_past(Account *account, unsigned era, double seconds) {
    Core *core = account->core;
    double end = clock_now() + seconds;
    pthread_mutex_lock(&core->lock);
    EraWait wait = {.era = era, .left = count_past(account, era)};
    list_append(&account->era_waits, &wait.listed);
    while (!core->is_gone && wait.left)
        if (!wait_until(&core->changed, &core->lock, end)) break;
    int is_over = core->is_gone || !wait.left;
    link_remove(&wait.listed);
    pthread_mutex_unlock(&core->lock);
    return is_over;
}

int account_wait(Account *account, double seconds) {
    return account_wait_for_past(account, account_begin_era(account), seconds);
}

void account_close(Account *account) {
    Core *core = account->core;
    pthread_mutex_lock(&core->lock);
    account->closings_asked++;
    pthread_mutex_unlock(&core->lock);
    core_post(core, &account->post, INBOX_CLOSE);
}

void account_tell_closed(Account *account) {
    Core *core = account->core;
    pthread_mutex_lock(&core->lock);
    account->closings_done = account->closings_seen;
    pthread_cond_broadcast(&core->changed);
    pthread_mutex_unlock(&core->lock);
}

int account_join(Account *account, double seconds) {
    Core *core = account->core;
    double end = clock_now() + seconds;
    pthread_mutex_lock(&core->lock);
    unsigned asked = account->closings_asked;
    while (!core->is_gone && (int)(account->closings_done - asked) < 0)
        if (!wait_until(&core->changed, &core->lock, end)) break;
    int is_closed = core->is_gone || (int)(account->closings_done - asked) >= 0;
    pthread_mutex_unlock(&core->lock);
    return is_closed;
}
