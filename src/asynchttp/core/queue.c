/* The queue: a ticket's way from the inbox to its slot, and out of the core; scopes.
 *
 *     submitted > delayed > queued > has a slot: transfers and events > left
 *
 * Rules:
 * - Only this file gives slots, and takes slots back (slots.h).
 * - A plain answer ends in this file: the ticket becomes FINISHED, unless observed, and leaves. A ticket that
 *   was cancelled during the transfer leaves at any end of the transfer. Every other end is an event: the
 *   ticket keeps its slot, and the taker of the event decides what comes next.
 * - Each turn looks for work that may begin, once for each changed ("dirty") account.
 */
#include <stdlib.h>

#include "state.h"

static void mark_dirty(Account *account) {
    if (!link_is_listed(&account->dirty)) list_append(&account->core->dirty, &account->dirty);
}

static void mark_home_dirty(const SlotScope *scope) {
    if (scope != NULL && !scope->over) mark_dirty(CONTAINER(scope->home, Account, slots));
}

/* ---- out of the core ---- */

static void leave_account(Ticket *ticket) {
    Account *account = ticket->account;
    Core *core = account->core;
    pthread_mutex_lock(&core->lock);
    link_remove(&ticket->pending);
    account->pending--;
    for (Link *link = account->era_waits.next; link != &account->era_waits; link = link->next) {
        EraWait *wait = CONTAINER(link, EraWait, listed);
        if (era_is_before(ticket->era, wait->era) && --wait->left == 0) pthread_cond_broadcast(&core->changed);
    }
    pthread_mutex_unlock(&core->lock);
}

/* The ticket has no slot any more, and is not queued. */
static void leave(Ticket *ticket) {
    Core *core = ticket->account->core;
    atomic_store(&ticket->stage, STAGE_GONE);
    clocks_stop(ticket);
    mark_dirty(ticket->account);
    int was = atomic_fetch_and(&ticket->state, ~STATE_IN_CORE);
    leave_account(ticket);
    if (was & STATE_KEPT)
        core_tell(core, &ticket->event, EVENT_LEFT);
    ticket_release(ticket);
}

void queue_leave(Ticket *ticket) {
    if (atomic_load(&ticket->stage) == STAGE_GONE) return;
    slots_leave(&ticket->work);
    leave(ticket);
}

/* Tickets that were submitted before the cancellation begin before the cancellation: other transfers to an
 * origin have to wait for the first transfer, not for the second. But a slot that a cancellation frees must
 * not go to the ticket that is cancelled next: the pump runs only after a submission. */
void queue_cancel(Ticket *ticket) {
    if (ticket->account->core->has_submitted) accounts_pump(ticket->account->core);
    switch (atomic_load(&ticket->stage)) {
    case STAGE_DELAYED:
    case STAGE_QUEUED:
        slots_withdraw(&ticket->work);
        leave(ticket);
        break;
    case STAGE_RESOLVING:
    case STAGE_WAITING:
    case STAGE_ACTIVE:
        ticket->account->engine->abort(ticket);
        queue_leave(ticket);
        break;
    default: /* IN_EVENT: the taker of the event frees the slot */
        break;
    }
}

/* ---- the end of a transfer ---- */

static int is_cancelled(const Ticket *ticket) { return ticket_state(ticket) & STATE_DONE; }

/* Make the ticket FINISHED, unless observed or cancelled. */
static int finish(Ticket *ticket) {
    int was = atomic_load(&ticket->state);
    do {
        if (was & (STATE_OBSERVED | STATE_DONE)) return 0;
    } while (!atomic_compare_exchange_weak(&ticket->state, &was, was | STATE_FINISHED));
    return 1;
}

void queue_tell_ended(Ticket *ticket) {
    atomic_store(&ticket->stage, STAGE_IN_EVENT); /* first: a thread that sees FINISHED may read the answer */
    int is_plain =
        ticket->outcome == OUTCOME_ANSWERED && !plan_observes(ticket->plan, ticket_status(ticket));
    if (is_plain && finish(ticket)) {
        ticket_hold(ticket);
        queue_leave(ticket); /* first: a woken waiter may drop the user's object at once */
        ticket_wake(ticket);
        ticket_release(ticket);
        return;
    }
    if (is_cancelled(ticket)) {
        queue_leave(ticket);
        return;
    }
    if (!is_plain) atomic_fetch_or(&ticket->state, STATE_OBSERVED);
    core_tell(ticket->account->core, &ticket->event, EVENT_ENDED | (is_plain ? EVENT_PLAIN : 0));
}

static void fail(Ticket *ticket, OutcomeKind outcome) {
    ticket->outcome = outcome;
    queue_tell_ended(ticket);
}

/* ---- into the queue, and to a slot ---- */

static void pause(Ticket *ticket) {
    atomic_store(&ticket->stage, STAGE_DELAYED);
    slots_pause(&ticket->work);
    mark_dirty(ticket->account);
}

void queue_transfer(Ticket *ticket) {
    if (is_cancelled(ticket)) queue_leave(ticket);
    else if (clocks_are_late(ticket)) fail(ticket, OUTCOME_TOTAL_TIMEOUT);
    else if (ticket->work.stage == WORK_GONE) fail(ticket, OUTCOME_QUEUE_TIMEOUT); /* no slot */
    else if (clocks_hold_back(ticket)) pause(ticket);
    else ticket->account->engine->start(ticket);
}

static void begin(Ticket *ticket) {
    clocks_have_slot(ticket);
    if (is_cancelled(ticket)) queue_leave(ticket);
    else if (ticket->plan != NULL) ticket->account->engine->start(ticket);
    else {
        atomic_store(&ticket->stage, STAGE_IN_EVENT);
        atomic_fetch_or(&ticket->state, STATE_OBSERVED);
        core_tell(ticket->account->core, &ticket->event, EVENT_BEGUN);
    }
}

static void enqueue(Ticket *ticket) {
    CallbackScope *asked_by = ticket->asked_by;
    SlotScope *scope = asked_by == NULL ? NULL : asked_by->scope;
    ticket->asked_by = NULL;
    atomic_store(&ticket->stage, STAGE_QUEUED);
    clocks_wait_for_slot(ticket);
    if (slots_enter(&ticket->work, scope) < 0) { /* no memory: the ticket begins without a slot */
        begin(ticket);
    } else {
        ticket->account->core->has_submitted = 1;
        mark_dirty(ticket->account);
        mark_home_dirty(scope);
    }
    scope_drop(asked_by);
}

void queue_submit(Ticket *ticket) {
    clocks_start(ticket);
    if (clocks_hold_back(ticket)) atomic_store(&ticket->stage, STAGE_DELAYED);
    else enqueue(ticket);
}

void queue_go_on(Ticket *ticket) {
    if (ticket->work.stage == WORK_NEW) {
        enqueue(ticket);
        return;
    }
    atomic_store(&ticket->stage, STAGE_QUEUED);
    clocks_wait_for_slot(ticket);
    slots_resume(&ticket->work);
    mark_dirty(ticket->account);
    mark_home_dirty(ticket->work.parent);
}

void queue_expire(Ticket *ticket, OutcomeKind outcome) {
    int stage = atomic_load(&ticket->stage);
    if (stage == STAGE_IN_EVENT) return; /* the next transfer will fail */
    if (stage == STAGE_DELAYED || stage == STAGE_QUEUED) slots_withdraw(&ticket->work);
    else ticket->account->engine->abort(ticket);
    mark_dirty(ticket->account); /* the number of queued tickets has changed */
    fail(ticket, outcome);
}

static void pump(Account *account) {
    int has_moved = atomic_load(&account->queued) == 0;
    for (Work *work; (work = slots_take(&account->slots)) != NULL; has_moved = 1)
        begin(CONTAINER(work, Ticket, work));
    if (has_moved) atomic_store_explicit(&account->moved, account->core->now, memory_order_relaxed);
    atomic_store(&account->is_full, slots_are_full(&account->slots));
    atomic_store(&account->queued, account->slots.queued);
    atomic_store(&account->working, account->slots.working);
}

void accounts_pump(Core *core) {
    core->has_submitted = 0;
    for (Link *link; (link = list_pop(&core->dirty)) != NULL;)
        pump(CONTAINER(link, Account, dirty));
}

void account_apply_limit(Account *account) {
    account->slots.limit = atomic_load(&account->limit);
    mark_dirty(account);
}

/* ---- scopes ---- */

/* Without a slot the scope has nothing to lend, and stays NULL: the ticket has failed in the queue, is
 * delayed, or began without a slot for lack of memory. */
void queue_open(CallbackScope *scope) {
    WorkStage stage = scope->ticket->work.stage;
    if (stage != WORK_WORKING && stage != WORK_CALLED) return;
    scope->scope = scope_begin(&scope->ticket->work);
    if (scope->scope != NULL) scope_retain(scope->scope);
}

void queue_shut(CallbackScope *scope) {
    if (scope->scope == NULL) return;
    mark_home_dirty(scope->scope->around);
    scope_end(scope->scope);
}

void queue_dispose(CallbackScope *scope) {
    if (scope->scope != NULL) scope_release(scope->scope);
    ticket_release(scope->ticket);
    free(scope);
}

void queue_await(ScopeWait *wait) {
    SlotScope *scope = wait->scope->scope;
    if (scope != NULL && wait->ticket->account != NULL) {
        scope_expect(scope, &wait->ticket->work); /* without memory the wait lends nothing */
        mark_dirty(wait->ticket->account);
        mark_home_dirty(scope);
    }
    scope_drop(wait->scope);
    ticket_release(wait->ticket);
    free(wait);
}
