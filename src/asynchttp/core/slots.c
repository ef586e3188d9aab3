/* Slots: see slots.h. Each level has a queue of embedded links, and a counter.
 *
 * Rules: memory is allocated before the first change. A scope counts in at most one `lent`; only
 * `lend_from` changes these counters. Slots always have memory for the levels of their work: at the
 * end of a scope work moves to lower levels only, and the end cannot fail.
 */
#include "slots.h"

#include <stdlib.h>

enum { FIRST_LEVELS = 8 }; /* enough for most programs; doubled as needed */

/* A scope waits for work that is not its child. Freed when the work is gone or the scope is over. */
typedef struct {
    Link at_work;
    Link at_scope;
    SlotScope *scope;
    int lends_from; /* stays right until a pause: `pulled` keeps the level of the work from falling */
} Wait;

/* Levels. */

static int slots_reserve(Slots *slots, int level) {
    int depth = slots->depth ? slots->depth : FIRST_LEVELS;
    while (depth <= level) depth *= 2;
    if (depth == slots->depth) return 0;
    Level *levels = malloc((size_t)depth * sizeof *levels);
    if (levels == NULL) return -1;
    for (int i = 0; i < depth; i++) {
        list_init(&levels[i].queue);
        levels[i].lent = 0;
        if (i >= slots->depth) continue;
        list_move(&levels[i].queue, &slots->levels[i].queue);
        levels[i].lent = slots->levels[i].lent;
    }
    free(slots->levels);
    slots->levels = levels;
    slots->depth = depth;
    return 0;
}

static int level_under(const Work *work, const SlotScope *parent, int pulled) {
    int under = parent == NULL ? 0 : parent->level + 1;
    return work->rank + (under > pulled ? under : pulled);
}

static void enqueue(Work *work) {
    Slots *slots = work->slots;
    link_remove(&work->queued);
    list_append(&slots->levels[work->level].queue, &work->queued);
    if (work->level > slots->top) slots->top = work->level;
}

static void update_level(Work *work) {
    int level = level_under(work, work->parent, work->pulled);
    /* The level of called work never rises: children of the work's scope count from the level of the call,
     * and scopes that wait for the work lend from there. */
    if (level == work->level || (work->stage == WORK_CALLED && level > work->level)) return;
    work->level = level;
    if (work->stage == WORK_QUEUED) enqueue(work);
}

/* Lending. */

static int *lent_counter(Slots *slots, int level) {
    return level == LENDS_TO_ALL ? &slots->lent : &slots->levels[level].lent;
}

static void lend_from(SlotScope *scope, int level) {
    if (scope->lends_from != LENDS_NOTHING) --*lent_counter(scope->home, scope->lends_from);
    scope->lends_from = level;
    if (level != LENDS_NOTHING) ++*lent_counter(scope->home, level);
}

static void add_reason(SlotScope *scope, int level) {
    scope->reasons++;
    if (scope->lends_from == LENDS_NOTHING || level < scope->lends_from) lend_from(scope, level);
}

static int lowest_reason(const SlotScope *scope) {
    if (scope->own > 0) return LENDS_TO_ALL;
    int lowest = scope->level;
    for (const Link *link = scope->waits.next; link != &scope->waits; link = link->next) {
        int level = CONTAINER(link, Wait, at_scope)->lends_from;
        if (level < lowest) lowest = level;
        if (lowest == scope->lends_from) break; /* no wait is lower */
    }
    return lowest;
}

static void drop_reason(SlotScope *scope, int level) {
    scope->reasons--;
    if (scope->reasons == 0) {
        lend_from(scope, LENDS_NOTHING);
    } else if (level == scope->lends_from && level < scope->level) {
        lend_from(scope, lowest_reason(scope));
    }
}

/* Whether the child uses or gets the slot of the scope. */
static int is_own_child(const SlotScope *scope, const Work *work) {
    return work->slots == scope->home && work->stage != WORK_PAUSED;
}

static void add_child(SlotScope *scope, const Work *work) {
    int is_own = is_own_child(scope, work);
    scope->own += is_own;
    add_reason(scope, is_own ? LENDS_TO_ALL : scope->level);
}

static void drop_child(SlotScope *scope, const Work *work) {
    int is_own = is_own_child(scope, work);
    scope->own -= is_own;
    drop_reason(scope, is_own ? LENDS_TO_ALL : scope->level);
}

static void free_wait(Wait *wait) {
    link_remove(&wait->at_work);
    link_remove(&wait->at_scope);
    free(wait);
}

/* The level of the work has changed, and scopes that wait for the work lend from this level. */
static void update_lending(Work *work) {
    for (Link *link = work->waits.next; link != &work->waits; link = link->next) {
        Wait *wait = CONTAINER(link, Wait, at_work);
        SlotScope *scope = wait->scope;
        int before = wait->lends_from;
        wait->lends_from = work->level < scope->level ? work->level : scope->level;
        add_reason(scope, wait->lends_from);
        drop_reason(scope, before);
    }
}

/* Work. */

static SlotScope *innermost_open(SlotScope *scope) {
    while (scope != NULL && scope->over) scope = scope->around;
    return scope;
}

static void adopt(Work *work, SlotScope *parent) {
    work->parent = parent;
    if (parent != NULL) {
        list_append(&parent->children, &work->sibling);
        add_child(parent, work);
    }
    update_level(work);
}

static void change_stage(Work *work, WorkStage stage) {
    if (work->parent != NULL) drop_child(work->parent, work);
    work->stage = stage;
    if (work->parent != NULL) add_child(work->parent, work);
}

static void detach(Work *work) {
    if (work->parent != NULL) {
        link_remove(&work->sibling);
        drop_child(work->parent, work);
        work->parent = NULL;
    }
    work->stage = WORK_GONE;
    while (!list_is_empty(&work->waits)) {
        Wait *wait = CONTAINER(work->waits.next, Wait, at_work);
        SlotScope *scope = wait->scope;
        int level = wait->lends_from;
        free_wait(wait);
        drop_reason(scope, level);
    }
}

static int is_full_for(const Slots *slots, int level) {
    int busy = slots->working - slots->lent;
    for (int i = 0; i < level; i++) busy -= slots->levels[i].lent;
    return busy >= slots->limit;
}

static int is_awaited_by(const Work *work, const SlotScope *scope) {
    /* Few scopes wait for the same work, each with a thread, while a scope may wait for much. */
    for (const Link *link = work->waits.next; link != &work->waits; link = link->next)
        if (CONTAINER(link, Wait, at_work)->scope == scope) return 1;
    return 0;
}

/* The functions of slots.h. */

int slots_init(Slots *slots, int limit) {
    if (slots_reserve(slots, 0) < 0) return -1;
    slots->limit = limit;
    return 0;
}

void slots_release(Slots *slots) {
    free(slots->levels);
    *slots = (Slots){0};
}

void work_init(Work *work, Slots *slots, int rank) {
    list_init(&work->waits);
    work->slots = slots;
    work->rank = work->level = rank;
}

int slots_enter(Work *work, SlotScope *asked_by) {
    SlotScope *parent = innermost_open(asked_by);
    if (slots_reserve(work->slots, level_under(work, parent, work->pulled)) < 0) return -1;
    adopt(work, parent);
    work->stage = WORK_QUEUED;
    work->slots->queued++;
    enqueue(work);
    return 0;
}

Work *slots_take(Slots *slots) {
    if (slots->queued == 0) return NULL;
    while (list_is_empty(&slots->levels[slots->top].queue)) slots->top--;
    if (is_full_for(slots, slots->top)) return NULL;
    Work *work = CONTAINER(list_pop(&slots->levels[slots->top].queue), Work, queued);
    work->stage = WORK_WORKING;
    slots->queued--;
    slots->working++;
    return work;
}

int slots_are_full(const Slots *slots) { return is_full_for(slots, 0); }

void slots_leave(Work *work) {
    if (work->stage != WORK_WORKING && work->stage != WORK_CALLED) return;
    work->slots->working--;
    detach(work);
}

void slots_pause(Work *work) {
    if (work->stage != WORK_WORKING && work->stage != WORK_CALLED) return;
    work->slots->working--;
    change_stage(work, WORK_PAUSED);
    update_level(work);
    update_lending(work);
}

void slots_resume(Work *work) {
    Slots *slots = work->slots;
    if (work->stage != WORK_PAUSED) return;
    change_stage(work, WORK_QUEUED);
    slots->queued++;
    list_prepend(&slots->levels[work->level].queue, &work->queued);
    if (work->level > slots->top) slots->top = work->level;
}

int slots_withdraw(Work *work) {
    if (work->stage != WORK_NEW && work->stage != WORK_QUEUED && work->stage != WORK_PAUSED) return 0;
    int was_queued = work->stage == WORK_QUEUED;
    link_remove(&work->queued);
    work->slots->queued -= was_queued;
    detach(work);
    return was_queued;
}

SlotScope *scope_begin(Work *work) {
    SlotScope *scope = calloc(1, sizeof *scope);
    if (scope == NULL) return NULL;
    list_init(&scope->children);
    list_init(&scope->waits);
    scope->home = work->slots;
    scope->around = work->parent;
    scope->references = 1;
    scope->level = work->level;
    scope->lends_from = LENDS_NOTHING;
    if (scope->around != NULL) scope_retain(scope->around);
    work->stage = WORK_CALLED;
    return scope;
}

/* Skip scopes that are over: in an endless chain of callbacks each scope would keep all earlier scopes. */
static void shorten_around(SlotScope *scope) {
    SlotScope *before = scope->around;
    scope->around = innermost_open(before);
    if (scope->around != NULL) scope_retain(scope->around);
    scope_release(before);
}

void scope_end(SlotScope *scope) {
    lend_from(scope, LENDS_NOTHING);
    scope->over = 1;
    scope->reasons = scope->own = 0;
    if (scope->around != NULL) shorten_around(scope);
    while (!list_is_empty(&scope->waits))
        free_wait(CONTAINER(scope->waits.next, Wait, at_scope));
    for (Link *child; (child = list_pop(&scope->children)) != NULL;)
        adopt(CONTAINER(child, Work, sibling), scope->around);
    scope_release(scope);
}

void scope_retain(SlotScope *scope) { scope->references++; }

void scope_release(SlotScope *scope) {
    while (scope != NULL && --scope->references == 0) {
        SlotScope *around = scope->around;
        free(scope);
        scope = around;
    }
}

int scope_expect(SlotScope *scope, Work *work) {
    if (work->stage == WORK_GONE || scope->over || work->parent == scope) return 0;
    if (is_awaited_by(work, scope)) return 0;
    Wait *wait = calloc(1, sizeof *wait);
    if (wait == NULL) return -1;
    int pulled = scope->level + 1 > work->pulled ? scope->level + 1 : work->pulled;
    if (slots_reserve(work->slots, level_under(work, work->parent, pulled)) < 0) {
        free(wait);
        return -1;
    }
    list_append(&work->waits, &wait->at_work);
    list_append(&scope->waits, &wait->at_scope);
    wait->scope = scope;
    work->pulled = pulled;
    update_level(work);
    wait->lends_from = work->level < scope->level ? work->level : scope->level;
    add_reason(scope, wait->lends_from);
    return 0;
}
