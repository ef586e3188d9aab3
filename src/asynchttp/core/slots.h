/* Slots: which pieces of work of an account have a slot, and which wait.
 *
 * At most `limit` pieces of work have a slot, the deepest nesting level first, then in the order of
 * queueing; work whose level changes is queued anew at the new level. A scope is a callback (or other
 * user code) that runs on behalf of a piece of work; requests of the callback are children of the
 * scope, one level deeper. When a scope is over, unfinished children go to the
 * innermost scope around it that is not over. Work awaited by a scope is deeper than the scope,
 * until the work is gone. The level of work that has a slot and a scope never rises: children of the
 * scope count from there.
 *
 * Work at level d may begin if `working - lent - sum(levels[0..d-1].lent) < limit`. A scope with an
 * unfinished child in its own account counts in `lent`, for all levels, since the child uses
 * or gets the slot. Otherwise a scope counts in `levels[L].lent` while the scope has an unfinished
 * child elsewhere, or a paused child, or a wait for other work. L is the scope's own level or, if lower,
 * the level of the other work.
 *
 * Rule: bookkeeping only. Only the core's thread uses slots, work and scopes. Accounts are used
 * together: a scope of one account may have children in another. Call slots_take
 * after slots_enter and scope_expect (for the account of the work, and for the home of the scope),
 * after scope_end (for the home of the scope around), after slots_leave, slots_pause and slots_resume,
 * and after a higher limit.
 * No other call makes a slot free.
 */
#ifndef ASYNCHTTP_SLOTS_H
#define ASYNCHTTP_SLOTS_H

#include "list.h"

typedef struct Slots Slots;
typedef struct Work Work;
typedef struct SlotScope SlotScope;

/* CALLED: a scope has begun, and is perhaps over. PAUSED: the work has given its slot back, and will be
 * queued again. */
typedef enum { WORK_NEW, WORK_QUEUED, WORK_WORKING, WORK_CALLED, WORK_PAUSED, WORK_GONE } WorkStage;

/* A piece of work; embedded in a larger struct, whose owner keeps the memory, at the same address,
 * until WORK_GONE. */
struct Work {
    Link queued;   /* in the queue of its level */
    Link sibling;  /* among the children of `parent` */
    Link waits;    /* Wait.at_work: scopes that wait for the work and are not its parent; owned */
    Slots *slots;
    SlotScope *parent; /* the scope that submitted or adopted the work, never over; NULL: no scope */
    int rank;      /* added to the level; work of a higher rank goes before other work */
    int pulled;    /* a level deeper than all scopes that have waited for the work */
    int level;
    WorkStage stage;
};

/* The queue of a level, and how many scopes of the level lend to deeper levels. */
typedef struct {
    Link queue;
    int lent;
} Level;

/* The slots of one account, which owns the struct. */
struct Slots {
    int limit;     /* may be changed at any time; no work loses a slot */
    int working;
    int queued;
    int lent;      /* scopes that lend to all levels */
    Level *levels; /* owned; grows with the deepest level */
    int depth;     /* the length of `levels` */
    int top;       /* no work is queued above this level */
};

enum { LENDS_TO_ALL = -1, LENDS_NOTHING = -2 };

/* User code that runs, or has run; owned by the holders of references. */
struct SlotScope {
    Slots *home;    /* of the work that the scope runs for; used while the scope is not over */
    SlotScope *around;  /* held: the parent of the work that the scope runs for; NULL: no scope */
    Link children;
    Link waits;     /* Wait.at_scope: waits for work that is not a child; owned */
    int references; /* of the user code until its end, of inner scopes, and of scope_retain */
    int level;
    int lends_from; /* the scope lends to deeper levels; or LENDS_TO_ALL, LENDS_NOTHING */
    int reasons;    /* unfinished children and waits: the reasons to lend */
    int own;        /* unfinished children in the account of `home` */
    int over;
};

/* Make a Slots of zeros usable. Returns 0, or -1 when there is no memory. */
int slots_init(Slots *slots, int limit);

/* Free the levels. No work may be queued or working; all scopes of the account are over. */
void slots_release(Slots *slots);

/* Make a Work of zeros usable. `rank` is not negative. */
void work_init(Work *work, Slots *slots, int rank);

/* Queue new work, as a child of `asked_by` or, if `asked_by` is over, of the innermost scope around
 * `asked_by` that is not over; NULL: no scope. Returns 0, or -1 when there is no memory and
 * nothing has changed. */
int slots_enter(Work *work, SlotScope *asked_by);

/* Give the next piece of work a slot. NULL when no slot is free, or no work is queued. */
Work *slots_take(Slots *slots);

/* Whether new work without a parent would have to wait. */
int slots_are_full(const Slots *slots);

/* The work is over, after its scopes: the slot is free, and the work is gone. Does nothing for work
 * without a slot. */
void slots_leave(Work *work);

/* slots_pause gives the slot back, between two scopes of the work; slots_resume queues the work again,
 * before all new work of its level. */
void slots_pause(Work *work);
void slots_resume(Work *work);

/* Take work out of the queue for good: the work is gone. Returns 0 when the work was not queued;
 * new and paused work is gone nevertheless, and no slot becomes free. */
int slots_withdraw(Work *work);

/* User code begins to run on behalf of `work`, which has a slot; an earlier scope of the work is over. The
 * caller owns a reference until scope_end. NULL when there is no memory and nothing has changed. */
SlotScope *scope_begin(Work *work);

/* The user code has ended; call once. The scope is freed with its last reference. */
void scope_end(SlotScope *scope);

/* Keep the memory of a scope until scope_release: for code of the scope that may submit work after the end
 * of the scope. */
void scope_retain(SlotScope *scope);
void scope_release(SlotScope *scope);

/* The scope waits for any work. Does nothing for work that is gone, for a scope that is over, for a child of
 * the scope, and in a second call. Returns 0, or -1 when there is no
 * memory and nothing has changed. */
int scope_expect(SlotScope *scope, Work *work);

#endif
