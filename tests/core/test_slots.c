/* Slots: the rule of slots.h, sentence by sentence; then random histories, compared step by step
 * with a slow model, which computes levels, order and lending anew from the definition. Each
 * allocation of these histories fails once before the same call succeeds; a failed call changes
 * nothing.
 *
 *     test_slots [COUNT [FIRST]]    how many histories, and the number of the first
 *
 * Compile this file and slots.c with -Dmalloc=test_malloc -Dcalloc=test_calloc -Dfree=test_free, so
 * that allocations are counted and can fail.
 */
#ifndef malloc
#error "compile with -Dmalloc=test_malloc -Dcalloc=test_calloc -Dfree=test_free"
#endif
#undef malloc
#undef calloc
#undef free

#include "slots.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Allocations of slots.c. */

void *test_malloc(size_t size);
void *test_calloc(size_t count, size_t size);
void test_free(void *block);

static int blocks;    /* allocated and not freed by slots.c */
static int countdown; /* this allocation fails, counted from 1; 0: no allocation fails */
static int has_failed;
static long failures; /* failed allocations so far */

static int fails_now(void) {
    if (countdown == 0 || --countdown > 0) return 0;
    has_failed = 1;
    failures++;
    return 1;
}

void *test_malloc(size_t size) {
    if (fails_now()) return NULL;
    blocks++;
    return malloc(size);
}

void *test_calloc(size_t count, size_t size) {
    if (fails_now()) return NULL;
    blocks++;
    return calloc(count, size);
}

void test_free(void *block) {
    if (block != NULL) blocks--;
    free(block);
}

/* Let allocation `number` of the next call fail. */
static void fail_allocation(int number) {
    countdown = number;
    has_failed = 0;
}

/* Whether an allocation has failed since fail_allocation; no more allocations fail. */
static int stop_failing(void) {
    countdown = 0;
    return has_failed;
}

/* Named cases: two accounts, pieces of work with a letter each. */

enum { MOST_PIECES = 1200 };

typedef struct {
    Work work;
    char name;
} Piece;

static Slots one, two;
static Piece pieces[MOST_PIECES];
static SlotScope *scopes[MOST_PIECES];
static int piece_count, scope_count;

static void start_case(int limit_of_one, int limit_of_two) {
    CHECK(slots_init(&one, limit_of_one) == 0);
    CHECK(slots_init(&two, limit_of_two) == 0);
}

static void finish_case(void) {
    for (int i = 0; i < scope_count; i++) {
        if (!scopes[i]->over) scope_end(scopes[i]);
        scope_release(scopes[i]);
    }
    for (int i = 0; i < piece_count; i++) {
        slots_withdraw(&pieces[i].work);
        slots_leave(&pieces[i].work);
    }
    CHECK(one.working == 0 && one.queued == 0 && two.working == 0 && two.queued == 0);
    CHECK(one.lent == 0 && two.lent == 0);
    for (int i = 0; i < one.depth; i++) CHECK(one.levels[i].lent == 0);
    for (int i = 0; i < two.depth; i++) CHECK(two.levels[i].lent == 0);
    slots_release(&one);
    slots_release(&two);
    CHECK(blocks == 0);
    memset(pieces, 0, sizeof pieces);
    piece_count = scope_count = 0;
}

static Work *make(Slots *slots, char name, int rank) {
    CHECK(piece_count < MOST_PIECES);
    Piece *piece = &pieces[piece_count++];
    piece->name = name;
    work_init(&piece->work, slots, rank);
    return &piece->work;
}

static Work *ask(Slots *slots, char name, SlotScope *asked_by) {
    Work *work = make(slots, name, 0);
    CHECK(slots_enter(work, asked_by) == 0);
    return work;
}

static Work *take(Slots *slots) {
    Work *work = slots_take(slots);
    CHECK(work != NULL);
    return work;
}

/* Take all work that can have a slot. Returns the names, in order. */
static const char *take_all(Slots *slots) {
    static char names[MOST_PIECES + 1];
    int count = 0;
    for (Work *work; (work = slots_take(slots)) != NULL;)
        names[count++] = CONTAINER(work, Piece, work)->name;
    names[count] = '\0';
    return names;
}

static int takes(Slots *slots, const char *names) { return strcmp(take_all(slots), names) == 0; }

/* A scope that finish_case ends and releases. */
static SlotScope *begin(Work *work) {
    SlotScope *scope = scope_begin(work);
    CHECK(scope != NULL);
    scope_retain(scope);
    return scopes[scope_count++] = scope;
}

static SlotScope *ask_and_begin(Slots *slots, SlotScope *asked_by) {
    Work *work = ask(slots, '-', asked_by);
    CHECK(take(slots) == work);
    return begin(work);
}

static void end(Work *work, SlotScope *scope) {
    scope_end(scope);
    slots_leave(work);
}

static void work_goes_in_order_of_queueing_within_limit(void) {
    start_case(2, 1);
    Work *first = ask(&one, 'a', NULL);
    for (const char *name = "bcd"; *name; name++) ask(&one, *name, NULL);
    CHECK(one.queued == 4 && one.working == 0);
    CHECK(takes(&one, "ab"));
    CHECK(one.queued == 2 && one.working == 2);
    slots_leave(first);
    CHECK(first->stage == WORK_GONE);
    CHECK(takes(&one, "c"));
}

static void work_with_rank_goes_first(void) {
    start_case(1, 1);
    ask(&one, 'a', NULL);
    Work *ranked = make(&one, 'b', 1);
    CHECK(slots_enter(ranked, NULL) == 0);
    CHECK(ranked->level == 1);
    CHECK(takes(&one, "b"));
}

static void child_is_one_level_deeper_and_goes_first_in_lent_slot(void) {
    start_case(1, 1);
    for (const char *name = "abc"; *name; name++) ask(&one, *name, NULL);
    SlotScope *asking = begin(take(&one));
    Work *child = ask(&one, 'x', asking);
    ask(&one, 'y', asking);
    CHECK(child->level == 1 && child->parent == asking);
    CHECK(one.lent == 1 && one.levels[0].lent == 0);
    CHECK(takes(&one, "x"));
}

static void scope_with_own_child_lends_to_all_levels(void) {
    start_case(2, 1);
    SlotScope *asking = ask_and_begin(&one, NULL);
    ask(&one, 'x', asking);
    CHECK(takes(&one, "x"));
    ask(&one, 'b', NULL);
    ask(&one, 'c', NULL);
    CHECK(takes(&one, "b"));
}

static void scope_with_child_elsewhere_lends_to_deeper_levels(void) {
    start_case(1, 1);
    SlotScope *asking = ask_and_begin(&one, NULL), *other = ask_and_begin(&two, NULL);
    ask(&two, 'x', asking);
    ask(&one, 'b', NULL);
    CHECK(takes(&one, ""));
    ask(&one, 'c', other);
    CHECK(takes(&one, "c"));
    Work *child = ask(&one, 'y', asking);
    CHECK(one.lent == 1 && one.levels[0].lent == 0 && takes(&one, ""));
    slots_withdraw(child);
    CHECK(one.lent == 0 && one.levels[0].lent == 1);
}

static void scope_keeps_slot_from_last_unfinished_child_on(void) {
    start_case(1, 1);
    SlotScope *asking = ask_and_begin(&one, NULL);
    Work *first = ask(&one, 'x', asking), *second = ask(&one, 'y', asking);
    CHECK(takes(&one, "x"));
    slots_leave(first);
    CHECK(one.lent == 1);
    CHECK(slots_withdraw(second));
    CHECK(one.lent == 0);
    ask(&one, 'b', NULL);
    CHECK(takes(&one, ""));
}

static void children_left_behind_queue_as_any_work(void) {
    start_case(1, 1);
    Work *work = ask(&one, 'a', NULL);
    ask(&one, 'b', NULL);
    SlotScope *asking = begin(take(&one));
    Work *first = ask(&one, 'x', asking);
    ask(&one, 'y', asking);
    ask(&one, 'z', asking);
    CHECK(takes(&one, "x"));
    end(work, asking);
    CHECK(takes(&one, ""));
    slots_leave(first);
    CHECK(takes(&one, "b"));
    slots_leave(&pieces[1].work);
    CHECK(takes(&one, "y"));
}

static void children_left_behind_go_to_scope_around(void) {
    start_case(1, 1);
    SlotScope *outer = ask_and_begin(&one, NULL);
    Work *work = ask(&one, '-', outer);
    SlotScope *inner = begin(take(&one));
    Work *first = ask(&one, 'x', inner), *second = ask(&one, 'y', inner);
    CHECK(second->level == 2);
    CHECK(takes(&one, "x"));
    end(work, inner);
    CHECK(first->parent == outer && second->parent == outer && second->level == 1);
    slots_leave(first);
    CHECK(takes(&one, "y"));
}

static void children_left_behind_skip_scopes_that_are_over(void) {
    start_case(3, 1);
    SlotScope *outer = ask_and_begin(&one, NULL);
    SlotScope *middle = ask_and_begin(&one, outer);
    SlotScope *inner = ask_and_begin(&one, middle);
    Work *child = ask(&one, 'x', inner);
    scope_end(middle);
    CHECK(child->parent == inner && child->level == 3);
    scope_end(inner);
    CHECK(child->parent == outer && child->level == 1);
    CHECK(inner->around == outer);
}

static void moved_work_queues_anew_in_order_of_asking(void) {
    start_case(1, 1);
    Work *work = ask(&one, '-', NULL);
    SlotScope *asking = begin(take(&one));
    Work *awaited = ask(&one, 'a', NULL);
    ask(&one, 'x', asking);
    Work *ranked = make(&one, 'r', 1);
    CHECK(slots_enter(ranked, asking) == 0);
    ask(&one, 'y', asking);
    CHECK(scope_expect(asking, awaited) == 0); /* behind x and y */
    ask(&one, 'b', NULL);
    CHECK(takes(&one, "r"));
    slots_leave(ranked);
    end(work, asking); /* x and y go behind b; a stays deeper */
    for (const char *name = "abxy"; *name; name++) {
        Work *next = take(&one);
        CHECK(CONTAINER(next, Piece, work)->name == *name);
        slots_leave(next);
    }
}

static void scopes_of_another_account_add_nothing_to_limit(void) {
    for (int limit = 1; limit <= 3; limit++) {
        start_case(8, limit);
        for (int i = 0; i < 8; i++) ask(&two, 'x', ask_and_begin(&one, NULL));
        CHECK(one.levels[0].lent == 8 && two.levels[0].lent == 0);
        CHECK((int)strlen(take_all(&two)) == limit);
        if (limit < 3) finish_case();
    }
}

static void scopes_of_two_accounts_ask_each_other(void) {
    start_case(1, 1);
    SlotScope *asking = ask_and_begin(&one, NULL), *other = ask_and_begin(&two, NULL);
    ask(&one, 'a', NULL);
    ask(&two, 'b', NULL);
    ask(&two, 'x', asking);
    ask(&one, 'y', other);
    CHECK(takes(&one, "y"));
    CHECK(takes(&two, "x"));
}

static void awaited_work_goes_first(void) {
    start_case(1, 1);
    SlotScope *waiting = ask_and_begin(&one, NULL);
    ask(&one, 'b', NULL);
    Work *awaited = ask(&one, 'c', NULL);
    CHECK(takes(&one, ""));
    CHECK(scope_expect(waiting, awaited) == 0);
    CHECK(awaited->level == 1 && one.levels[0].lent == 1);
    CHECK(takes(&one, "c"));
    slots_leave(awaited);
    CHECK(one.levels[0].lent == 0);
}

static void awaited_work_with_rank_is_deeper_still(void) {
    start_case(1, 1);
    SlotScope *waiting = ask_and_begin(&one, NULL);
    Work *ranked = make(&one, 'r', 1);
    CHECK(slots_enter(ranked, NULL) == 0);
    CHECK(scope_expect(waiting, ranked) == 0);
    CHECK(ranked->level == 2);
}

static void awaited_work_stays_deeper_until_gone(void) {
    start_case(3, 3);
    SlotScope *outer = ask_and_begin(&one, NULL);
    Work *work = ask(&two, '-', outer);
    SlotScope *waiting = begin(take(&two));
    Work *awaited = ask(&one, 'x', outer);
    CHECK(scope_expect(waiting, awaited) == 0);
    CHECK(awaited->level == 2);
    end(work, waiting);
    CHECK(awaited->level == 2 && list_is_empty(&awaited->waits));
    scope_end(outer);
    CHECK(awaited->level == 2);
}

static void paused_work_frees_slot_and_goes_before_new_work(void) {
    start_case(1, 1);
    Work *work = ask(&one, 'a', NULL);
    ask(&one, 'b', NULL);
    ask(&one, 'c', NULL);
    CHECK(take(&one) == work);
    slots_pause(work);
    CHECK(one.working == 0 && one.queued == 2);
    CHECK(takes(&one, "b"));
    slots_resume(work);
    slots_leave(&pieces[1].work);
    CHECK(takes(&one, "a"));
}

static void paused_work_is_withdrawn_from_the_scope_that_asked(void) {
    start_case(1, 1);
    SlotScope *asking = ask_and_begin(&one, NULL);
    Work *child = ask(&one, 'x', asking);
    CHECK(takes(&one, "x"));
    slots_pause(child);
    CHECK(one.lent == 0 && one.levels[0].lent == 1); /* other work of the level cannot take the slot */
    CHECK(slots_withdraw(child) == 0);
    CHECK(one.levels[0].lent == 0 && one.working == 1 && child->stage == WORK_GONE);
}

static void called_work_that_pauses_goes_below_waiting_scopes(void) {
    start_case(1, 2);
    Work *awaited = ask(&one, 'w', NULL);
    SlotScope *called = begin(take(&one));
    SlotScope *waiting = ask_and_begin(&two, NULL);
    SlotScope *deeper = ask_and_begin(&two, waiting);
    CHECK(scope_expect(deeper, awaited) == 0);
    CHECK(awaited->level == 0 && deeper->lends_from == 0);
    scope_end(called);
    slots_pause(awaited);
    CHECK(awaited->level == 2 && deeper->lends_from == 1);
    slots_resume(awaited);
    CHECK(takes(&one, "w"));
}

static void wait_for_called_work_lends_from_level_of_the_work(void) {
    start_case(2, 1);
    Work *shallow = ask(&one, '-', NULL);
    SlotScope *asking = begin(take(&one));
    SlotScope *waiting = ask_and_begin(&one, ask_and_begin(&two, NULL));
    ask(&one, 'x', asking);
    ask(&one, 'y', asking);
    CHECK(waiting->level == 1 && takes(&one, "x"));
    CHECK(scope_expect(waiting, shallow) == 0);
    CHECK(shallow->level == 0); /* the level of called work does not rise */
    CHECK(one.lent == 1 && one.levels[0].lent == 1 && one.levels[1].lent == 0);
    CHECK(takes(&one, "y"));
}

static void called_work_falls_no_lower_than_its_waits(void) {
    start_case(9, 9);
    SlotScope *outer = ask_and_begin(&one, ask_and_begin(&one, NULL));
    Work *work = ask(&one, '-', outer);
    SlotScope *first = begin(take(&one));
    SlotScope *deep = ask_and_begin(&two, first), *shallow = ask_and_begin(&two, NULL);
    CHECK(work->level == 2 && deep->level == 3);
    CHECK(scope_expect(shallow, work) == 0);
    scope_end(outer);
    CHECK(work->level == 1 && shallow->lends_from == 0);
    CHECK(scope_expect(deep, work) == 0);
    CHECK(work->level == 1 && deep->lends_from == 1);
    scope_end(scopes[0]);
    CHECK(work->level == 1);
    scope_end(first);
    CHECK(begin(work)->level == 1);
}

static void lowest_wait_counts_as_long_as_it_lasts(void) {
    start_case(9, 9);
    SlotScope *deep = ask_and_begin(&two, ask_and_begin(&two, ask_and_begin(&two, NULL)));
    Work *works[3] = {0};
    SlotScope *around = NULL;
    for (int level = 0; level < 3; level++) {
        works[level] = ask(&one, '-', around);
        CHECK(take(&one) == works[level]);
        around = begin(works[level]);
    }
    Work *queued = ask(&one, 'q', NULL);
    for (int level = 2; level >= 0; level--) {
        CHECK(scope_expect(deep, works[level]) == 0);
        CHECK(deep->lends_from == level && two.levels[level].lent == 1 && two.lent == 2);
    }
    CHECK(scope_expect(deep, queued) == 0);
    Work *child = ask(&one, 'x', deep);
    slots_withdraw(queued);
    for (int level = 0; level < 3; level++) {
        CHECK(deep->lends_from == level);
        end(works[level], scopes[3 + level]);
    }
    CHECK(deep->lends_from == 2 && deep->reasons == 1);
    slots_withdraw(child);
    CHECK(deep->lends_from == LENDS_NOTHING && deep->reasons == 0);
}

static void wait_for_work_that_asks_for_more(void) {
    start_case(2, 1);
    Work *work = ask(&one, '-', NULL);
    SlotScope *asking = begin(take(&one)), *waiting = ask_and_begin(&one, NULL);
    ask(&one, 'x', asking);
    ask(&one, 'y', asking);
    CHECK(takes(&one, "x"));
    CHECK(scope_expect(waiting, work) == 0);
    CHECK(takes(&one, "y"));
}

static void new_work_may_be_awaited_and_withdrawn(void) {
    start_case(1, 1);
    SlotScope *waiting = ask_and_begin(&one, NULL);
    Work *never = make(&one, 'n', 0);
    CHECK(scope_expect(waiting, never) == 0);
    CHECK(never->level == 1 && one.levels[0].lent == 1 && one.queued == 0);
    CHECK(!slots_withdraw(never));
    CHECK(never->stage == WORK_GONE && one.levels[0].lent == 0);
    ask(&one, 'x', NULL);
    CHECK(takes(&one, ""));
}

static void new_work_may_be_awaited_and_enter_later(void) {
    start_case(1, 1);
    SlotScope *waiting = ask_and_begin(&one, NULL);
    Work *later = make(&one, 'l', 0);
    CHECK(scope_expect(waiting, later) == 0);
    ask(&one, 'b', NULL);
    CHECK(slots_enter(later, NULL) == 0);
    CHECK(takes(&one, "l"));
}

static void expect_does_nothing_for_gone_work_nor_ended_scope_nor_child_nor_twice(void) {
    start_case(3, 1);
    Work *work = ask(&one, '-', NULL);
    SlotScope *waiting = begin(take(&one));
    Work *gone = ask(&one, 'g', NULL), *child = ask(&one, 'x', waiting);
    Work *other = ask(&one, 'b', NULL);
    slots_withdraw(gone);
    CHECK(scope_expect(waiting, gone) == 0 && scope_expect(waiting, child) == 0);
    CHECK(list_is_empty(&waiting->waits) && waiting->reasons == 1);
    CHECK(scope_expect(waiting, other) == 0 && scope_expect(waiting, other) == 0);
    CHECK(waiting->reasons == 2);
    scope_end(waiting);
    CHECK(scope_expect(waiting, child) == 0);
    CHECK(list_is_empty(&child->waits) && child->level == 0 && waiting->reasons == 0);
    slots_leave(work);
}

static void scope_that_is_over_lends_nothing(void) {
    start_case(1, 1);
    Work *work = ask(&one, '-', NULL);
    SlotScope *asking = begin(take(&one));
    ask(&two, 'x', asking);
    CHECK(scope_expect(asking, ask(&one, 'y', NULL)) == 0);
    CHECK(one.levels[0].lent == 1);
    scope_end(asking);
    CHECK(one.levels[0].lent == 0 && takes(&one, ""));
    slots_leave(work);
    CHECK(takes(&one, "y"));
}

static void late_work_of_ended_scope_goes_to_scope_around(void) {
    start_case(1, 1);
    Work *work = ask(&one, '-', NULL);
    SlotScope *outer = begin(take(&one));
    Work *nested = ask(&one, '-', outer);
    SlotScope *inner = begin(take(&one));
    end(nested, inner);
    Work *late = ask(&one, 'l', inner);
    CHECK(late->parent == outer && late->level == 1);
    end(work, outer);
    Work *later = ask(&one, 'm', inner);
    CHECK(later->parent == NULL && later->level == 0);
    CHECK(takes(&one, "l"));
}

static void endless_chain_of_callbacks_keeps_no_scope_and_stays_flat(void) {
    start_case(1, 1);
    Work *work = ask(&one, '-', NULL);
    SlotScope *scope = NULL;
    for (int i = 0; i < 1000; i++) {
        CHECK(take(&one) == work);
        scope = scope_begin(work);
        CHECK(scope != NULL && scope->level == 0);
        CHECK(blocks == 3); /* two arrays of levels, one scope */
        Work *next = ask(&one, '-', scope);
        end(work, scope);
        work = next;
    }
}

static void endless_chain_of_overlapping_scopes_keeps_few(void) {
    start_case(9, 1);
    Work *work = ask(&one, '-', NULL);
    CHECK(take(&one) == work);
    SlotScope *scope = scope_begin(work);
    for (int i = 0; i < 1000; i++) {
        Work *next = ask(&one, '-', scope);
        CHECK(take(&one) == next);
        SlotScope *inner = scope_begin(next);
        CHECK(inner != NULL && blocks <= 5);
        end(work, scope);
        work = next;
        scope = inner;
    }
    end(work, scope);
}

static void withdrawn_work_leaves_nothing_behind(void) {
    start_case(1, 1);
    ask(&one, 'a', NULL);
    for (int i = 0; i < 1000; i++) {
        Work *work = ask(&one, 'w', NULL);
        CHECK(slots_withdraw(work) && !slots_withdraw(work));
        CHECK(!link_is_listed(&work->queued) && !link_is_listed(&work->sibling));
    }
    CHECK(one.queued == 1 && list_is_empty(&one.levels[0].queue) == 0);
    CHECK(one.levels[0].queue.next == one.levels[0].queue.previous);
    CHECK(takes(&one, "a"));
}

static void leave_and_withdraw_know_the_stage(void) {
    start_case(1, 1);
    Work *new = make(&one, 'n', 0), *working = ask(&one, 'a', NULL);
    slots_leave(new);
    slots_leave(working);
    CHECK(new->stage == WORK_NEW && working->stage == WORK_QUEUED && one.queued == 1);
    CHECK(take(&one) == working && !slots_withdraw(working));
    CHECK(working->stage == WORK_WORKING && one.working == 1);
    begin(working);
    CHECK(!slots_withdraw(working) && working->stage == WORK_CALLED);
    scope_end(scopes[0]);
    slots_leave(working);
    slots_leave(working);
    CHECK(one.working == 0);
}

static void limit_may_change_at_any_time(void) {
    start_case(1, 1);
    for (const char *name = "abcd"; *name; name++) ask(&one, *name, NULL);
    CHECK(takes(&one, "a"));
    one.limit = 3;
    CHECK(takes(&one, "bc"));
    one.limit = 1;
    slots_leave(&pieces[0].work);
    slots_leave(&pieces[1].work);
    CHECK(takes(&one, ""));
    slots_leave(&pieces[2].work);
    CHECK(takes(&one, "d"));
}

static void levels_grow_and_keep_queues_and_lending(void) {
    start_case(1, 1);
    SlotScope *scope = ask_and_begin(&one, NULL);
    Work *first = &pieces[0].work;
    for (int level = 1; level < 200; level++) {
        SlotScope *asking = scope;
        scope = ask_and_begin(&one, asking);
        ask(&one, (char)('a' + level % 26), asking);
        CHECK(scope->level == level && one.depth > level);
    }
    CHECK(one.lent == 199);
    for (int level = 199; level > 0; level--) {
        end(&pieces[2 * level - 1].work, scopes[level]);
        Work *next = take(&one);
        CHECK(next->level == level && CONTAINER(next, Piece, work)->name == 'a' + level % 26);
        slots_leave(next);
    }
    CHECK(one.lent == 0 && first->stage == WORK_CALLED);
}

static void scope_may_wait_for_much(void) {
    start_case(1, 1);
    SlotScope *waiting = ask_and_begin(&one, NULL);
    for (int i = 0; i < 1000; i++) CHECK(scope_expect(waiting, ask(&two, 'x', NULL)) == 0);
    CHECK(waiting->reasons == 1000);
    for (int i = 1; i < 1001; i++) CHECK(slots_withdraw(&pieces[i].work));
    CHECK(waiting->reasons == 0 && waiting->lends_from == LENDS_NOTHING);
}

static void allocation_fails_at_the_beginning(void) {
    Slots slots = {0};
    fail_allocation(1);
    CHECK(slots_init(&slots, 1) == -1 && stop_failing());
    CHECK(slots.levels == NULL && slots.depth == 0);
    start_case(1, 1);
}

static void run_cases(void) {
    static void (*const cases[])(void) = {
        work_goes_in_order_of_queueing_within_limit,
        work_with_rank_goes_first,
        child_is_one_level_deeper_and_goes_first_in_lent_slot,
        scope_with_own_child_lends_to_all_levels,
        scope_with_child_elsewhere_lends_to_deeper_levels,
        scope_keeps_slot_from_last_unfinished_child_on,
        children_left_behind_queue_as_any_work,
        children_left_behind_go_to_scope_around,
        children_left_behind_skip_scopes_that_are_over,
        moved_work_queues_anew_in_order_of_asking,
        scopes_of_another_account_add_nothing_to_limit,
        scopes_of_two_accounts_ask_each_other,
        awaited_work_goes_first,
        awaited_work_with_rank_is_deeper_still,
        awaited_work_stays_deeper_until_gone,
        paused_work_frees_slot_and_goes_before_new_work,
        paused_work_is_withdrawn_from_the_scope_that_asked,
        called_work_that_pauses_goes_below_waiting_scopes,
        wait_for_called_work_lends_from_level_of_the_work,
        called_work_falls_no_lower_than_its_waits,
        lowest_wait_counts_as_long_as_it_lasts,
        wait_for_work_that_asks_for_more,
        new_work_may_be_awaited_and_withdrawn,
        new_work_may_be_awaited_and_enter_later,
        expect_does_nothing_for_gone_work_nor_ended_scope_nor_child_nor_twice,
        scope_that_is_over_lends_nothing,
        late_work_of_ended_scope_goes_to_scope_around,
        endless_chain_of_callbacks_keeps_no_scope_and_stays_flat,
        endless_chain_of_overlapping_scopes_keeps_few,
        withdrawn_work_leaves_nothing_behind,
        leave_and_withdraw_know_the_stage,
        limit_may_change_at_any_time,
        levels_grow_and_keep_queues_and_lending,
        scope_may_wait_for_much,
        allocation_fails_at_the_beginning,
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cases[i]();
        finish_case();
    }
}

/* The model: facts, and the rule computed anew from the facts. Work and scopes are numbers; -1: no work, no
 * scope. */

enum { ACCOUNTS = 3, MOST = 48, LEVELS = 256 };

typedef struct {
    Work work;
    int number;
} Real;

typedef struct {
    Real *real; /* NULL when the memory has been freed */
    WorkStage stage;
    int account, rank, asked_by;
    int parent, level; /* computed anew after each step */
    long child_since, queued_since;
} ModelWork;

typedef struct {
    SlotScope *real; /* valid while not over, or while held */
    int work, level, over, held;
    int waits_for; /* in an orderly history: the work that blocks the scope until gone, or -1 */
    char has_expected[MOST];
} ModelScope;

static Slots accounts[ACCOUNTS];
static int limits[ACCOUNTS], may_take[ACCOUNTS];
static ModelWork works[MOST];
static ModelScope callbacks[MOST];
static int account_count, work_count, callback_count;
static long clock_now;

static int is_pending(int work) { return works[work].stage != WORK_GONE; }

static int has_slot(int work) {
    return works[work].stage == WORK_WORKING || works[work].stage == WORK_CALLED;
}

static int is_entered(int work) {
    return has_slot(work) || works[work].stage == WORK_QUEUED || works[work].stage == WORK_PAUSED;
}

static int running_around(int scope) {
    while (scope >= 0 && callbacks[scope].over) scope = works[callbacks[scope].work].asked_by;
    return scope;
}

static int home_of(int scope) { return works[callbacks[scope].work].account; }

/* The level is below the parent's, and below all scopes that have ever waited for the work. */
static int model_level(int work) {
    int level = 0, parent = works[work].parent;
    if (parent >= 0) level = callbacks[parent].level + 1;
    for (int scope = 0; scope < callback_count; scope++)
        if (callbacks[scope].has_expected[work] && callbacks[scope].level + 1 > level)
            level = callbacks[scope].level + 1;
    level += works[work].rank;
    if (works[work].stage == WORK_CALLED && level > works[work].level) return works[work].level;
    return level;
}

/* Of all work with a wrong parent, the work that became a child first. */
static int first_moved(void) {
    int first = -1;
    for (int work = 0; work < work_count; work++) {
        int parent = is_entered(work) ? running_around(works[work].asked_by) : -1;
        if (parent == works[work].parent) continue;
        if (first < 0 || works[work].child_since < works[first].child_since) first = work;
    }
    return first;
}

static void model_place(int work) {
    int level = model_level(work);
    if (level == works[work].level) return;
    works[work].level = level;
    works[work].queued_since = ++clock_now;
}

static void model_update(void) {
    for (int work; (work = first_moved()) >= 0;) {
        works[work].parent = is_entered(work) ? running_around(works[work].asked_by) : -1;
        works[work].child_since = ++clock_now;
        if (is_entered(work)) model_place(work);
    }
    for (int work = 0; work < work_count; work++)
        if (is_pending(work)) model_place(work);
}

/* The level from which the scope lends, computed from unfinished work. */
static int model_lends_from(int scope) {
    int from = LENDS_NOTHING;
    if (callbacks[scope].over) return from;
    for (int work = 0; work < work_count; work++) {
        if (!is_pending(work)) continue;
        int waits = callbacks[scope].has_expected[work], level = callbacks[scope].level;
        if (!waits && works[work].parent != scope) continue;
        if (works[work].parent == scope && works[work].account == home_of(scope)
            && works[work].stage != WORK_PAUSED)
            return LENDS_TO_ALL;
        if (waits && works[work].level < level) level = works[work].level;
        if (from == LENDS_NOTHING || level < from) from = level;
    }
    return from;
}

static int model_lent(int account, int level) {
    int lent = 0;
    for (int scope = 0; scope < callback_count; scope++)
        lent += home_of(scope) == account && model_lends_from(scope) == level;
    return lent;
}

static int goes_before(int work, int other) {
    if (works[work].level != works[other].level) return works[work].level > works[other].level;
    return works[work].queued_since < works[other].queued_since;
}

static int is_queued_at(int work, int account) {
    return works[work].stage == WORK_QUEUED && works[work].account == account;
}

/* The work that goes next, or -1. */
static int model_next(int account) {
    int next = -1, busy = 0;
    for (int work = 0; work < work_count; work++) {
        if (works[work].account == account && has_slot(work)) busy++;
        if (is_queued_at(work, account) && (next < 0 || goes_before(work, next))) next = work;
    }
    for (int level = LENDS_TO_ALL; next >= 0 && level < works[next].level; level++)
        busy -= model_lent(account, level);
    return busy < limits[account] ? next : -1;
}

/* Model and slots side by side. */

static void compare_queue(int account, int level) {
    char seen[MOST] = {0};
    int before = -1;
    Link *queue = &accounts[account].levels[level].queue;
    for (Link *link = queue->next; link != queue; link = link->next) {
        int work = CONTAINER(CONTAINER(link, Work, queued), Real, work)->number;
        CHECK(link->next->previous == link);
        CHECK(is_queued_at(work, account) && works[work].level == level && !seen[work]);
        CHECK(before < 0 || goes_before(before, work));
        seen[work] = 1;
        before = work;
    }
    for (int work = 0; work < work_count; work++)
        CHECK(seen[work] == (is_queued_at(work, account) && works[work].level == level));
}

static void compare_account(int account) {
    Slots *slots = &accounts[account];
    int queued = 0, working = 0, lent[LEVELS] = {0};
    CHECK(slots->lent == model_lent(account, LENDS_TO_ALL));
    for (int work = 0; work < work_count; work++) {
        queued += is_queued_at(work, account);
        working += works[work].account == account && has_slot(work);
    }
    CHECK(slots->queued == queued && slots->working == working);
    for (int scope = 0; scope < callback_count; scope++) {
        int from = model_lends_from(scope);
        if (from >= 0 && home_of(scope) == account) lent[from]++;
    }
    for (int level = 0; level < LEVELS; level++)
        CHECK(lent[level] == (level < slots->depth ? slots->levels[level].lent : 0));
    for (int level = 0; level < slots->depth; level++) compare_queue(account, level);
}

static void compare_work(int number) {
    const ModelWork *model = &works[number];
    if (model->real == NULL) return;
    const Work *work = &model->real->work;
    CHECK(work->stage == model->stage);
    CHECK(work->parent == (model->parent < 0 ? NULL : callbacks[model->parent].real));
    if (!is_pending(number)) {
        CHECK(!link_is_listed(&work->queued) && !link_is_listed(&work->sibling));
        CHECK(list_is_empty(&work->waits));
    } else {
        CHECK(work->level == model->level);
    }
}

static void compare_scope(int number) {
    const ModelScope *model = &callbacks[number];
    if (model->over && !model->held) return;
    CHECK(model->real->over == model->over && model->real->level == model->level);
    CHECK(model->real->lends_from == model_lends_from(number));
}

static void compare(void) {
    for (int work = 0; work < work_count; work++) compare_work(work);
    for (int scope = 0; scope < callback_count; scope++) compare_scope(scope);
    for (int account = 0; account < account_count; account++) compare_account(account);
}

/* Steps, for model and slots. */

static unsigned long long random_state;
static long counts[10]; /* how often each kind of step count_step in all histories */
static int deepest;

enum { ENTERED, TAKEN, EXPECTED, ENDED, LEFT, WITHDRAWN, LATE, REOPENED, PAUSED, RESUMED };

static int random_below(int bound) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (int)(random_state % (unsigned long long)bound);
}

/* A random number below `bound` for which `is_right` holds; -1 when no number is right. */
static int pick(int bound, int (*is_right)(int number)) {
    int count = 0, picked = -1;
    for (int number = 0; number < bound; number++)
        if (is_right(number) && random_below(++count) == 0) picked = number;
    return picked;
}

static void count_step(int kind) {
    counts[kind]++;
    model_update();
    compare();
    for (int account = 0; account < account_count; account++)
        CHECK(may_take[account] || model_next(account) < 0);
}

static int make_work(int account, int rank) {
    Real *real = calloc(1, sizeof *real);
    CHECK(real != NULL);
    work_init(&real->work, &accounts[account], rank);
    real->number = work_count;
    works[work_count] = (ModelWork){.real = real, .account = account, .rank = rank, .level = rank,
                                    .asked_by = -1, .parent = -1};
    return work_count++;
}

static void do_enter(int work, int asked_by) {
    SlotScope *scope = asked_by < 0 ? NULL : callbacks[asked_by].real;
    int result, before = blocks;
    for (int n = 1;
         fail_allocation(n), result = slots_enter(&works[work].real->work, scope), stop_failing();
         n++) {
        CHECK(result == -1 && blocks == before);
        compare();
    }
    CHECK(result == 0);
    works[work].stage = WORK_QUEUED;
    works[work].asked_by = asked_by;
    works[work].queued_since = ++clock_now;
    works[work].child_since = ++clock_now;
    may_take[works[work].account] = 1;
    if (running_around(asked_by) >= 0) may_take[home_of(running_around(asked_by))] = 1;
    if (asked_by >= 0 && callbacks[asked_by].over) counts[LATE]++;
    count_step(ENTERED);
    if (works[work].level > deepest) deepest = works[work].level;
}

static void do_take(int account) {
    int expected = model_next(account);
    Work *work = slots_take(&accounts[account]);
    CHECK((work == NULL) == (expected < 0));
    if (work == NULL) {
        may_take[account] = 0;
        return;
    }
    CHECK(CONTAINER(work, Real, work)->number == expected);
    works[expected].stage = WORK_WORKING;
    count_step(TAKEN);
}

static void do_begin(int work) {
    SlotScope *scope;
    int before = blocks, number = callback_count;
    for (int n = 1; fail_allocation(n), scope = scope_begin(&works[work].real->work), stop_failing();
         n++) {
        CHECK(scope == NULL && blocks == before);
        compare();
    }
    CHECK(scope != NULL);
    works[work].stage = WORK_CALLED;
    callbacks[callback_count++] =
        (ModelScope){.real = scope, .work = work, .level = works[work].level, .waits_for = -1};
    if (random_below(2)) {
        scope_retain(scope);
        callbacks[number].held = 1;
    }
    compare();
}

static void do_end(int scope) {
    scope_end(callbacks[scope].real);
    callbacks[scope].over = 1;
    if (running_around(scope) >= 0) may_take[home_of(running_around(scope))] = 1;
    count_step(ENDED);
}

static void do_release(int scope) {
    callbacks[scope].held = 0;
    scope_release(callbacks[scope].real);
    compare();
}

static void do_expect(int scope, int work) {
    int result, before = blocks;
    int does_nothing = !is_pending(work) || callbacks[scope].over || works[work].parent == scope
                       || callbacks[scope].has_expected[work];
    for (int n = 1; fail_allocation(n),
             result = scope_expect(callbacks[scope].real, &works[work].real->work), stop_failing();
         n++) {
        CHECK(result == -1 && blocks == before);
        compare();
    }
    CHECK(result == 0);
    if (!does_nothing) {
        callbacks[scope].has_expected[work] = 1;
        may_take[works[work].account] = may_take[home_of(scope)] = 1;
    } else {
        CHECK(blocks == before);
    }
    count_step(EXPECTED);
}

static void do_leave(int work) {
    slots_leave(&works[work].real->work);
    if (has_slot(work)) {
        works[work].stage = WORK_GONE;
        may_take[works[work].account] = 1;
    }
    count_step(LEFT);
}

static void do_pause(int work) {
    slots_pause(&works[work].real->work);
    works[work].stage = WORK_PAUSED;
    may_take[works[work].account] = 1;
    for (int scope = 0; scope < callback_count; scope++)
        if (callbacks[scope].has_expected[work]) may_take[home_of(scope)] = 1;
    count_step(PAUSED);
}

static void do_resume(int work) {
    slots_resume(&works[work].real->work);
    works[work].stage = WORK_QUEUED;
    works[work].queued_since = -++clock_now; /* before all others */
    may_take[works[work].account] = 1;
    count_step(RESUMED);
}

static void do_withdraw(int work) {
    int was_queued = works[work].stage == WORK_QUEUED;
    CHECK(slots_withdraw(&works[work].real->work) == was_queued);
    if (was_queued || works[work].stage == WORK_NEW || works[work].stage == WORK_PAUSED)
        works[work].stage = WORK_GONE;
    count_step(WITHDRAWN);
}

static void do_limit(int account, int limit) {
    if (limit > limits[account]) may_take[account] = 1;
    accounts[account].limit = limits[account] = limit;
    count_step(TAKEN);
}

/* An account without work ends, and another begins at the same place. */
static void do_reopen(int account) {
    for (int work = 0; work < work_count; work++)
        if (works[work].account == account && is_pending(work)) return;
    slots_release(&accounts[account]);
    CHECK(slots_init(&accounts[account], limits[account]) == 0);
    count_step(REOPENED);
}

static void do_free(int work) {
    free(works[work].real);
    works[work].real = NULL;
}

/* Questions for `pick`. */

static int has_memory(int work) { return works[work].real != NULL; }
static int is_new(int work) { return works[work].stage == WORK_NEW; }
static int is_queued(int work) { return works[work].stage == WORK_QUEUED; }
static int is_working(int work) { return works[work].stage == WORK_WORKING; }
static int is_called(int work) { return works[work].stage == WORK_CALLED; }
static int is_paused(int work) { return works[work].stage == WORK_PAUSED; }
static int is_running(int scope) { return !callbacks[scope].over; }
static int is_usable(int scope) { return !callbacks[scope].over || callbacks[scope].held; }

static int may_release(int scope) { return callbacks[scope].over && callbacks[scope].held; }

static int has_no_scope_running(int work) {
    for (int scope = 0; scope < callback_count; scope++)
        if (callbacks[scope].work == work && is_running(scope)) return 0;
    return has_memory(work);
}

static int may_begin(int work) { return has_slot(work) && has_no_scope_running(work); }
static int may_free(int work) { return has_memory(work) && !is_pending(work); }

/* In half of all cases a deeper scope than the first choice, so that nesting goes deep. */
static int pick_scope(int (*is_right)(int number)) {
    int scope = pick(callback_count, is_right);
    for (int other = 0; scope >= 0 && random_below(2) && other < callback_count; other++)
        if (is_right(other) && callbacks[other].level > callbacks[scope].level) scope = other;
    return scope;
}

static void take_all_queued(void) {
    for (int account = 0; account < account_count; account++) {
        may_take[account] = 1;
        while (may_take[account]) do_take(account);
    }
}

/* Random histories: all calls that the header allows, in any order. */

static void ask_at_random(void) {
    int chance = random_below(10);
    int work = chance < 3 ? pick(work_count, is_new) : -1;
    int asked_by = random_below(4) ? pick_scope(chance < 5 ? is_running : is_usable) : -1;
    if (work < 0 && work_count == MOST) return;
    if (work < 0)
        work = make_work(random_below(account_count), random_below(4) ? 0 : random_below(4));
    if (chance != 9) do_enter(work, asked_by);
}

static void begin_or_end_at_random(void) {
    int work = pick(work_count, may_begin), scope = pick_scope(is_running);
    if (random_below(3) && work >= 0 && callback_count < MOST) {
        do_begin(work);
    } else if (scope >= 0 && random_below(2)) {
        do_end(pick(callback_count, is_running));
    }
}

static void expect_at_random(void) {
    int scope = pick_scope(random_below(8) ? is_running : is_usable);
    int work = pick(work_count, random_below(2) ? is_called : has_memory);
    if (scope >= 0 && work >= 0) do_expect(scope, work);
}

static void remove_at_random(void) {
    int leaves = random_below(2);
    int work = pick(work_count, leaves ? has_no_scope_running : has_memory);
    if (random_below(2)) work = pick(work_count, leaves ? may_begin : is_queued);
    if (work < 0) return;
    if (leaves) do_leave(work);
    else do_withdraw(work);
}

static void pause_or_resume_at_random(void) {
    int work = pick(work_count, may_begin), paused = pick(work_count, is_paused);
    if (paused >= 0 && random_below(2)) do_resume(paused);
    else if (work >= 0) do_pause(work);
}

static void clean_up_at_random(void) {
    int scope = pick(callback_count, may_release), work = pick(work_count, may_free);
    if (scope >= 0) do_release(scope);
    if (work >= 0) do_free(work);
    do_reopen(random_below(account_count));
}

static void step_at_random(void) {
    int chance = random_below(22);
    if (chance >= 20) pause_or_resume_at_random();
    else if (chance < 5) ask_at_random();
    else if (chance < 11) do_take(random_below(account_count));
    else if (chance < 14) begin_or_end_at_random();
    else if (chance < 16) expect_at_random();
    else if (chance < 18) remove_at_random();
    else if (chance < 19) clean_up_at_random();
    else do_limit(random_below(account_count), random_below(5));
}

static void finish_at_random(void) {
    for (int scope; (scope = pick(callback_count, is_running)) >= 0;) do_end(scope);
    for (int work = 0; work < work_count; work++) {
        if (!has_memory(work)) continue;
        do_withdraw(work);
        do_leave(work);
    }
}

/* Orderly histories: a scope that waits makes no calls, no scopes wait in a circle, and free slots
 * are used at once. Then work always goes on, within the limit. In patient histories scopes end
 * after their children, and each level has no more scopes than the limit. */

static int is_patient;

static int is_awake(int scope) {
    int work = callbacks[scope].waits_for;
    return is_running(scope) && (work < 0 || !is_pending(work));
}

static int has_children(int scope) {
    for (int work = 0; work < work_count; work++)
        if (is_pending(work) && works[work].parent == scope) return 1;
    return 0;
}

/* Whether `work` waits for the work that `scope` runs for. */
static int would_wait_for(int work, int scope) {
    if (work == callbacks[scope].work) return 1;
    for (int other = 0; other < callback_count; other++)
        if (callbacks[other].work == work && is_running(other) && !is_awake(other))
            return would_wait_for(callbacks[other].waits_for, scope);
    return 0;
}

static void check_orderly(void) {
    int goes_on = pick(work_count, is_working) >= 0 || pick(callback_count, is_awake) >= 0
                  || pick(work_count, is_paused) >= 0;
    for (int account = 0; account < account_count; account++) {
        int on_wire = 0, running[LEVELS] = {0};
        for (int work = 0; work < work_count; work++) {
            on_wire += is_working(work) && works[work].account == account;
            CHECK(goes_on || !is_pending(work));
        }
        for (int scope = 0; scope < callback_count; scope++)
            if (is_running(scope) && home_of(scope) == account) running[callbacks[scope].level]++;
        CHECK(on_wire <= limits[account]);
        for (int level = 0; is_patient && level < LEVELS; level++)
            CHECK(running[level] <= limits[account]);
    }
}

static void end_orderly(int scope) {
    if (scope < 0 || (is_patient && has_children(scope))) return;
    do_end(scope);
    do_leave(callbacks[scope].work);
}

static void wait_orderly(int scope) {
    int work = pick(work_count, is_pending);
    if (scope < 0 || work < 0 || would_wait_for(work, scope)) return;
    int is_child = works[work].parent == scope;
    if (works[work].stage == WORK_CALLED && !is_child) return;
    callbacks[scope].waits_for = work;
    if (!is_child) do_expect(scope, work);
}

static void step_orderly(void) {
    int chance = random_below(14), scope = pick_scope(is_awake);
    int working = pick(work_count, is_working), queued = pick(work_count, is_queued);
    int paused = pick(work_count, is_paused);
    if (chance == 12) {
        if (working >= 0) do_pause(working);
    } else if (chance == 13) {
        if (paused >= 0) do_resume(paused);
    } else if (chance < 4) {
        if (chance == 0) scope = -1;
        if (work_count < MOST)
            do_enter(make_work(random_below(account_count), random_below(4) == 0), scope);
    } else if (chance < 7) {
        if (working >= 0 && callback_count < MOST) do_begin(working);
    } else if (chance < 8) {
        if (working >= 0) do_leave(working);
    } else if (chance < 9) {
        end_orderly(scope);
    } else if (chance < 11) {
        wait_orderly(scope);
    } else if (queued >= 0) {
        do_withdraw(queued);
    }
    take_all_queued();
    check_orderly();
}

static void finish_orderly(void) {
    is_patient = 0;
    while (pick(work_count, is_pending) >= 0) {
        int working = pick(work_count, is_working), paused = pick(work_count, is_paused);
        if (paused >= 0) do_resume(paused);
        else if (working >= 0) do_leave(working);
        else end_orderly(pick(callback_count, is_awake));
        take_all_queued();
        check_orderly();
    }
}

/* A whole history. */

static long history; /* the number of the running history; -1: no history runs */

static void begin_history(void) {
    random_state = 88172645463325252ull + 2654435761ull * (unsigned long long)history;
    for (int i = 0; i < 20; i++) random_below(2);
    account_count = 2 + random_below(ACCOUNTS - 1);
    work_count = callback_count = 0;
    clock_now = 0;
    is_patient = random_below(2);
    for (int account = 0; account < account_count; account++) {
        limits[account] = 1 + random_below(3);
        may_take[account] = 0;
        CHECK(slots_init(&accounts[account], limits[account]) == 0);
    }
}

static void end_history(void) {
    for (int scope = 0; scope < callback_count; scope++)
        if (may_release(scope)) do_release(scope);
    for (int account = 0; account < account_count; account++) {
        for (int level = 0; level < accounts[account].depth; level++)
            CHECK(accounts[account].levels[level].lent == 0);
        slots_release(&accounts[account]);
    }
    CHECK(blocks == 0);
    for (int work = 0; work < work_count; work++) do_free(work);
}

static void run_history(void) {
    int is_orderly = history % 3 == 0, steps = 40 + (int)(history % 120);
    begin_history();
    for (int step = 0; step < steps; step++) {
        if (is_orderly) step_orderly();
        else step_at_random();
    }
    if (is_orderly) finish_orderly();
    else finish_at_random();
    end_history();
}

static void print_history(void) {
    if (history >= 0) fprintf(stderr, "in history %ld\n", history);
}

int main(int argc, char **argv) {
    long count = argc > 1 ? atol(argv[1]) : 10000, first = argc > 2 ? atol(argv[2]) : 0;
    history = -1;
    run_cases();
    atexit(print_history);
    for (history = first; history < first + count; history++) run_history();
    history = -1;
    printf("%ld histories: %ld entered (%ld late, deepest at level %d), %ld take_all, %ld waits, "
           "%ld scopes ended, %ld left, %ld withdrawn, %ld paused, %ld resumed, %ld accounts anew, "
           "%ld allocations failed\n",
           count, counts[ENTERED], counts[LATE], deepest, counts[TAKEN], counts[EXPECTED],
           counts[ENDED], counts[LEFT], counts[WITHDRAWN], counts[PAUSED], counts[RESUMED],
           counts[REOPENED], failures);
    if (count >= 1000) CHECK(deepest > 8 && counts[LATE] > 100 && failures > count);
    if (count >= 1000) CHECK(counts[PAUSED] > count && counts[RESUMED] > count / 4);
    return 0;
}
