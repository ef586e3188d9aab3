/* Tickets, and the objects that tickets share: made and released by any thread.
 *
 * Rule: the thread that drops the last reference frees the object. Profiles, accounts and scopes belong to
 * the core's thread too: a post has the core's thread free these.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

static int is_last(atomic_int *references) { return atomic_fetch_sub(references, 1) == 1; }

/* ---- profiles ---- */

Profile *profile_new(void) {
    Profile *profile = calloc(1, sizeof *profile);
    if (profile == NULL) return NULL;
    profile->post.kind = INBOX_PROFILE;
    atomic_init(&profile->references, 1);
    list_init(&profile->idle);
    return profile;
}

static int profile_add(Profile *profile, Option option) {
    if (profile->count == profile->room) {
        size_t room = profile->room ? profile->room * 2 : 16;
        Option *options = realloc(profile->options, room * sizeof *options);
        if (options == NULL) return -1;
        profile->options = options;
        profile->room = room;
    }
    profile->options[profile->count++] = option;
    return 0;
}

int profile_add_number(Profile *profile, int option, int64_t value) {
    return profile_add(profile, (Option){.option = option, .number = value});
}

int profile_add_text(Profile *profile, int option, const char *text) {
    char *copy = strdup(text);
    if (copy != NULL && profile_add(profile, (Option){.option = option, .text = copy}) == 0) return 0;
    free(copy);
    return -1;
}

static struct curl_slist *list_of(const char *const *lines, size_t count) {
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < count; i++) {
        struct curl_slist *longer = curl.slist_append(list, lines[i]);
        if (longer == NULL) {
            curl.slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

int profile_add_list(Profile *profile, int option, const char *const *lines, size_t count) {
    struct curl_slist *list = list_of(lines, count);
    if (list == NULL && count > 0) return -1;
    if (profile_add(profile, (Option){.option = option, .list = list}) == 0) return 0;
    curl.slist_free_all(list);
    return -1;
}

static void profile_free(Profile *profile) {
    for (size_t i = 0; i < profile->count; i++) {
        free(profile->options[i].text);
        curl.slist_free_all(profile->options[i].list);
    }
    free(profile->options);
    free(profile);
}

void profile_dispose(Profile *profile) {
    for (Link *link; (link = list_pop(&profile->idle)) != NULL;)
        handle_free(CONTAINER(link, EasyHandle, pooled));
    profile_free(profile);
}

void profile_release(Profile *profile) {
    if (profile == NULL || !is_last(&profile->references)) return;
    if (profile->core == NULL) profile_free(profile);
    else core_post(profile->core, &profile->post, INBOX_DISPOSE);
}

/* ---- headers ---- */

Headers *headers_new(const char *const *lines, size_t count) {
    Headers *headers = calloc(1, sizeof *headers);
    if (headers == NULL) return NULL;
    atomic_init(&headers->references, 1);
    headers->list = list_of(lines, count);
    if (headers->list != NULL || count == 0) return headers;
    free(headers);
    return NULL;
}

void headers_release(Headers *headers) {
    if (headers == NULL || !is_last(&headers->references)) return;
    if (headers->list != NULL) curl.slist_free_all(headers->list);
    free(headers);
}

/* ---- routes ---- */

Route *route_new(const char *origin, int is_https, ProxyTakes proxy_takes) {
    Route *route = calloc(1, sizeof *route);
    if (route == NULL) return NULL;
    atomic_init(&route->references, 1);
    route->is_https = is_https;
    route->proxy_takes = proxy_takes;
    route->origin = strdup(origin);
    if (route->origin != NULL) return route;
    free(route);
    return NULL;
}

static char *key_of(const char *name, int port) {
    size_t size = strlen(name) + sizeof ":65535";
    char *key = malloc(size);
    if (key != NULL) snprintf(key, size, "%s:%d", name, port & 0xFFFF);
    return key;
}

int route_add_host(Route *route, const char *name, int port) {
    Host host = {.name = strdup(name), .port = port, .key = key_of(name, port)};
    if (host.name != NULL && host.key != NULL) {
        route->hosts[route->host_count++] = host;
        return 0;
    }
    free(host.name);
    free(host.key);
    return -1;
}

void route_release(Route *route) {
    if (route == NULL || !is_last(&route->references)) return;
    for (int i = 0; i < route->host_count; i++) {
        free(route->hosts[i].name);
        free(route->hosts[i].key);
    }
    free(route->origin);
    free(route);
}

/* ---- plans ---- */

Plan *plan_new(Profile *profile, Route *route, Headers *headers, double timeout, int flags,
               const DecodeLimits *limits, const char *statuses) {
    Plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) return NULL;
    *plan = (Plan){.profile = profile, .route = route, .headers = headers};
    plan->timeout = timeout;
    plan->flags = flags;
    plan->limits = *limits;
    atomic_init(&plan->references, 1);
    atomic_fetch_add(&profile->references, 1);
    atomic_fetch_add(&route->references, 1);
    atomic_fetch_add(&headers->references, 1);
    for (int status = 0; status <= LAST_STATUS; status++)
        if (statuses[status]) plan->statuses[status / 8] |= (unsigned char)(1 << status % 8);
    return plan;
}

int plan_observes(const Plan *plan, int status) {
    if (status < 0 || status > LAST_STATUS) return 1; /* an unknown status is an event */
    return plan->statuses[status / 8] >> status % 8 & 1;
}

void plan_release(Plan *plan) {
    if (plan == NULL || !is_last(&plan->references)) return;
    profile_release(plan->profile);
    route_release(plan->route);
    headers_release(plan->headers);
    free(plan);
}

/* ---- accounts ---- */

static Account *make_account(Core *core, int limit, const Engine *engine) {
    Account *account = calloc(1, sizeof *account);
    if (account == NULL) return NULL;
    if (slots_init(&account->slots, limit) < 0) {
        free(account);
        return NULL;
    }
    account->post.kind = INBOX_ACCOUNT;
    atomic_init(&account->references, 1);
    atomic_init(&account->limit, limit);
    account->core = core;
    account->engine = engine;
    list_init(&account->multis);
    list_init(&account->tickets);
    list_init(&account->era_waits);
    return account;
}

Account *account_new(Core *core, int limit) { return make_account(core, limit, &libcurl_engine); }
Account *account_new_scripted(Core *core, int limit) { return make_account(core, limit, &scripted_engine); }

void account_release(Account *account) {
    if (account == NULL || !is_last(&account->references)) return;
    core_post(account->core, &account->post, INBOX_DISPOSE);
}

void account_dispose(Account *account) {
    account->engine->dispose(account);
    link_remove(&account->dirty);
    slots_release(&account->slots);
    free(account);
}

/* ---- scopes ---- */

CallbackScope *scope_open(Ticket *ticket) {
    CallbackScope *scope = calloc(1, sizeof *scope);
    if (scope == NULL) return NULL;
    scope->post.kind = INBOX_SCOPE;
    atomic_init(&scope->references, 1);
    scope->ticket = ticket;
    ticket_hold(ticket);
    return scope;
}

void scope_announce(CallbackScope *scope) {
    int stage = SCOPE_NEW;
    if (atomic_compare_exchange_strong(&scope->stage, &stage, SCOPE_OPEN))
        core_post(scope->ticket->account->core, &scope->post, INBOX_OPEN);
}

void scope_close(CallbackScope *scope) {
    if (atomic_exchange(&scope->stage, SCOPE_SHUT) == SCOPE_OPEN)
        core_post(scope->ticket->account->core, &scope->post, INBOX_SHUT);
}

int scope_await(CallbackScope *scope, Ticket *ticket) {
    ScopeWait *wait = calloc(1, sizeof *wait);
    if (wait == NULL) return -1;
    wait->post.kind = INBOX_WAIT;
    wait->scope = scope;
    wait->ticket = ticket;
    scope_announce(scope);
    scope_hold(scope);
    ticket_hold(ticket);
    if (core_post(scope->ticket->account->core, &wait->post, INBOX_AWAIT) == 0) return 0;
    scope_drop(scope);
    ticket_release(ticket);
    free(wait);
    return 0;
}

void scope_hold(CallbackScope *scope) { atomic_fetch_add(&scope->references, 1); }

void scope_drop(CallbackScope *scope) {
    if (scope == NULL || !is_last(&scope->references)) return;
    core_post(scope->ticket->account->core, &scope->post, INBOX_DISPOSE);
}

/* ---- tickets ---- */

Ticket *ticket_new(Account *account, void *user, int rank) {
    Ticket *ticket = calloc(1, sizeof *ticket);
    if (ticket == NULL) return NULL;
    if (account != NULL) {
        atomic_fetch_add(&account->references, 1);
        work_init(&ticket->work, &account->slots, rank);
        ticket->era = atomic_load(&account->era);
    }
    ticket->account = account;
    ticket->post.kind = INBOX_TICKET;
    atomic_init(&ticket->references, 1);
    ticket->user = user;
    ticket->body_size = -1;
    return ticket;
}

static void error_free(TransferError *error) {
    if (error != NULL) free(error->message);
    free(error);
}

static void phases_begin(LivePhases *phases) {
    Moment *moments[] = {&phases->named, &phases->connected, &phases->secured,
                         &phases->sent, &phases->answered, &phases->ended};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) atomic_init(moments[i], -1);
    phases->begun = clock_now();
}

void moment_set(LivePhases *phases, Moment *moment, double when) {
    atomic_store_explicit(moment, (float)fmax(0, when - phases->begun), memory_order_relaxed);
}

Received *received_new(void) {
    Received *received = calloc(1, sizeof *received);
    if (received == NULL) return NULL;
    received->content_length = -1;
    phases_begin(&received->phases);
    return received;
}

/* The core's thread reads the clock once in a turn, so that a later phase may seem earlier. */
static float not_before(float moment, float before) { return moment < 0 ? moment : fmaxf(moment, before); }

static Phases copy_phases(const LivePhases *live) {
    Phases now = {
        .begun = live->begun,
        .named = live->named,
        .connected = live->connected,
        .secured = live->secured,
        .uploaded = live->uploaded,
        .downloaded = live->downloaded,
    };
    now.sent = not_before(live->sent, fmaxf(now.named, fmaxf(now.connected, now.secured)));
    now.answered = not_before(live->answered, now.sent);
    now.ended = not_before(live->ended, now.answered);
    return now;
}

int ticket_phases(Ticket *ticket, Phases *phases) {
    if (ticket->account == NULL) return 0;
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    int has_any = ticket->received != NULL;
    if (has_any) *phases = copy_phases(&ticket->received->phases);
    pthread_mutex_unlock(&core->lock);
    return has_any;
}

void received_free(Received *received) {
    if (received == NULL) return;
    buffer_free(&received->head);
    buffer_free(&received->content);
    error_free(received->error);
    free(received->connected);
    buffer_free(&received->trace);
    free(received);
}

/* Other threads may be reading phases, or taking the trace: hence the lock in ticket_set_received. */
void ticket_forget_answer(Ticket *ticket) {
    Received *received = ticket->received; /* not changed between two transfers */
    if (received == NULL) return;
    ticket_set_received(ticket, NULL);
    received_free(received);
}

void ticket_set_transfer(Ticket *ticket, Plan *plan, const char *url, int flags, const char *body,
                         int64_t body_size) {
    ticket_forget_answer(ticket);
    ticket->outcome = OUTCOME_ANSWERED;
    atomic_fetch_add(&plan->references, 1);
    plan_release(ticket->plan);
    ticket->plan = plan;
    ticket->url = url;
    ticket->flags = flags | plan->flags;
    ticket->body = body;
    ticket->body_size = body_size;
}

/* The core holds a reference until the ticket has left. */
static void enter_core(Ticket *ticket) {
    atomic_fetch_or(&ticket->state, STATE_IN_CORE);
    ticket_hold(ticket);
}

static int undo_if_lost(Ticket *ticket, int result) {
    if (result == 0) return 0;
    atomic_fetch_and(&ticket->state, ~STATE_IN_CORE);
    ticket_release(ticket);
    return -1;
}

/* A ticket that user code submits on behalf of another ticket belongs to the era of the other ticket. */
static void inherit_era(Ticket *ticket, const Ticket *parent) {
    if (parent->account == ticket->account && era_is_before(parent->era, ticket->era))
        ticket->era = parent->era;
}

int ticket_submit(Ticket *ticket, CallbackScope *asked_by) {
    if (asked_by != NULL) {
        inherit_era(ticket, asked_by->ticket);
        scope_announce(asked_by);
        scope_hold(asked_by);
    }
    ticket->asked_by = asked_by;
    enter_core(ticket);
    return undo_if_lost(ticket, core_submit(ticket->account->core, ticket));
}

int ticket_submit_and_wait(Ticket *ticket, double seconds) {
    enter_core(ticket);
    return undo_if_lost(ticket, core_submit_and_wait(ticket->account->core, ticket, seconds));
}

void ticket_hold(Ticket *ticket) { atomic_fetch_add(&ticket->references, 1); }

void ticket_release(Ticket *ticket) {
    if (ticket == NULL || !is_last(&ticket->references)) return;
    account_release(ticket->account);
    scope_drop(ticket->asked_by);
    plan_release(ticket->plan);
    received_free(ticket->received);
    free(ticket->clocks);
    free(ticket);
}

TransferError *ticket_make_error(Ticket *ticket) {
    Received *received = ticket->received;
    if (received == NULL) return NULL;
    if (received->error == NULL) received->error = calloc(1, sizeof *received->error);
    if (received->error != NULL) received->error->length = -1;
    return received->error;
}

void ticket_set_progress(Ticket *ticket, Progress *progress) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    ticket->progress = progress;
    pthread_mutex_unlock(&core->lock);
}

void ticket_set_received(Ticket *ticket, Received *received) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    ticket->received = received;
    pthread_mutex_unlock(&core->lock);
}

static void post(Ticket *ticket, unsigned what) {
    if (ticket->account != NULL) core_post(ticket->account->core, &ticket->post, what);
}

void ticket_transfer(Ticket *ticket) { post(ticket, INBOX_TRANSFER); }
void ticket_leave(Ticket *ticket) { post(ticket, INBOX_LEAVE); }
void ticket_cancel(Ticket *ticket) { post(ticket, INBOX_CANCEL); }

/* ---- the state ---- */

int ticket_state(const Ticket *ticket) { return atomic_load(&ticket->state); }

int ticket_has_slot(const Ticket *ticket) {
    int stage = atomic_load(&ticket->stage);
    return stage > STAGE_QUEUED && stage < STAGE_GONE;
}

int ticket_observe(Ticket *ticket) {
    return !(atomic_fetch_or(&ticket->state, STATE_OBSERVED) & STATE_DONE);
}

int ticket_settle(Ticket *ticket, int state) {
    int was = atomic_load(&ticket->state);
    int forbids = state == STATE_CANCELLED ? STATE_DONE | STATE_RUNNING : STATE_DONE;
    do {
        if (was & forbids) return 0;
    } while (!atomic_compare_exchange_weak(&ticket->state, &was, was | state));
    return 1;
}

int ticket_run(Ticket *ticket) {
    int was = atomic_load(&ticket->state);
    do {
        if (was & STATE_DONE) return 0;
    } while (!atomic_compare_exchange_weak(&ticket->state, &was, was | STATE_RUNNING));
    return 1;
}

int ticket_keep(Ticket *ticket) {
    int was = atomic_load(&ticket->state);
    do {
        if (!(was & STATE_IN_CORE)) return 0;
    } while (!atomic_compare_exchange_weak(&ticket->state, &was, was | STATE_KEPT | STATE_OBSERVED));
    return 1;
}

/* ---- waiting ---- */

static pthread_mutex_t waiters_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*wake_waiter)(void *wakeup);

static unsigned forks; /* how many forks led to this process; under `waiters_lock` */

void ticket_lock_waiters(void) { pthread_mutex_lock(&waiters_lock); }
void ticket_unlock_waiters(void) { pthread_mutex_unlock(&waiters_lock); }

void ticket_forget_waiters(void) {
    forks++;
    ticket_unlock_waiters();
}

/* Under `waiters_lock`. A fork loses the waiters, with the stacks of their threads. */
static Waiter **waiters_of(Ticket *ticket) {
    if (ticket->forks != forks) ticket->waiters = NULL;
    ticket->forks = forks;
    return &ticket->waiters;
}

void waiters_wake_by(void (*how)(void *wakeup)) { wake_waiter = how; }

int ticket_add_waiter(Ticket *ticket, Waiter *waiter) {
    pthread_mutex_lock(&waiters_lock);
    int is_done = ticket_state(ticket) & STATE_DONE;
    if (!is_done) {
        waiter->next = *waiters_of(ticket);
        ticket->waiters = waiter;
    }
    pthread_mutex_unlock(&waiters_lock);
    return !is_done;
}

int ticket_remove_waiter(Ticket *ticket, Waiter *waiter) {
    pthread_mutex_lock(&waiters_lock);
    Waiter **at = waiters_of(ticket);
    while (*at != NULL && *at != waiter) at = &(*at)->next;
    int is_there = *at == waiter;
    if (is_there) *at = waiter->next;
    pthread_mutex_unlock(&waiters_lock);
    return is_there;
}

void ticket_wake(Ticket *ticket) {
    pthread_mutex_lock(&waiters_lock);
    while (*waiters_of(ticket) != NULL) {
        void *wakeup = ticket->waiters->wakeup;
        ticket->waiters = ticket->waiters->next;
        wake_waiter(wakeup); /* the waiter may be gone afterwards */
    }
    pthread_mutex_unlock(&waiters_lock);
}

void ticket_tell_driver(Ticket *ticket) {
    Core *core = ticket->account == NULL ? NULL : ticket->account->core;
    if (core == NULL) return;
    pthread_mutex_lock(&core->lock);
    int is_driven = core->is_driven && !core->is_gone;
    pthread_mutex_unlock(&core->lock);
    if (is_driven) poller_wake(&core->poller);
}

int ticket_is_under_way(const Ticket *ticket) {
    int stage = atomic_load(&ticket->stage);
    return stage == STAGE_RESOLVING || stage == STAGE_WAITING || stage == STAGE_ACTIVE;
}

/* ---- answers to events ---- */

void ticket_give_piece(Ticket *ticket, const char *bytes, size_t size) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    if (ticket->progress != NULL) {
        ticket->progress->next_piece = bytes;
        ticket->progress->next_piece_size = size;
        ticket->progress->has_next_piece = 1;
    }
    pthread_mutex_unlock(&core->lock);
    post(ticket, INBOX_PIECE);
}

void ticket_refuse_piece(Ticket *ticket) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    if (ticket->progress != NULL)
        ticket->progress->piece_is_refused = ticket->progress->has_next_piece = 1;
    pthread_mutex_unlock(&core->lock);
    post(ticket, INBOX_PIECE);
}

void ticket_give_memory(Ticket *ticket, char *memory) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    if (ticket->progress != NULL) {
        ticket->progress->next_memory = memory;
        ticket->progress->has_next_memory = 1;
    }
    pthread_mutex_unlock(&core->lock);
    post(ticket, INBOX_MEMORY);
}

Buffer ticket_take_trace(Ticket *ticket) {
    Core *core = ticket->account->core;
    Buffer trace = {0};
    pthread_mutex_lock(&core->lock);
    if (ticket->received != NULL) {
        trace = ticket->received->trace;
        ticket->received->trace = (Buffer){0};
    }
    pthread_mutex_unlock(&core->lock);
    return trace;
}

void *ticket_user(const Ticket *ticket) { return ticket->user; }
void ticket_forget_user(Ticket *ticket) { ticket->user = NULL; }
OutcomeKind ticket_outcome(const Ticket *ticket) { return ticket->outcome; }

static const Received nothing = {.content_length = -1};

static const Received *received_of(const Ticket *ticket) {
    return ticket->received == NULL ? &nothing : ticket->received;
}

int64_t ticket_content_length(const Ticket *ticket) { return received_of(ticket)->content_length; }
const TransferError *ticket_error(const Ticket *ticket) { return received_of(ticket)->error; }
int ticket_status(const Ticket *ticket) { return received_of(ticket)->status; }
int ticket_is_decoded(const Ticket *ticket) { return received_of(ticket)->is_decoded; }
const Buffer *ticket_head(const Ticket *ticket) { return &received_of(ticket)->head; }
const Buffer *ticket_content(const Ticket *ticket) { return &received_of(ticket)->content; }
const Connected *ticket_connected(const Ticket *ticket) { return received_of(ticket)->connected; }
