/* The core: requests on one thread of the process that never needs the GIL.
 *
 * What other threads see. They make tickets, and append to the inbox; the core's thread alone decides,
 * and alone calls libcurl; or, while that thread has nothing to do, a caller who waits, in its place and
 * with the gate (`ticket_take_turns`). Whatever others have to see to comes out as an event.
 *
 *     ticket_submit ──> inbox ──> queue ──> slot ──> resolver ──> libcurl ──> done, or an event
 *
 * Owners: each object is counted; `..._release` gives one reference back. Any thread may hold and
 * release references. What a ticket says about an outcome is written by the core's thread before the
 * ENDED event, or before the ticket is done.
 *
 * Rules:
 * - No lock of the core is held while anything else is called; `lock` is the innermost of all.
 * - Who takes the turns holds the gate but while asleep: who has the gate may fork, or end the process.
 * - No function here blocks, but for `core_wait`, `account_wait`, `account_join`, `ticket_take_turns`,
 *   `ticket_submit_and_wait`, `core_park`, and the fork handlers.
 */
#ifndef ASYNCHTTP_CORE_H
#define ASYNCHTTP_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "decode.h"

typedef struct Core Core;
typedef struct Account Account;
typedef struct Profile Profile;
typedef struct Route Route;
typedef struct Headers Headers;
typedef struct Plan Plan;
typedef struct Ticket Ticket;
typedef struct CallbackScope CallbackScope;
typedef struct Lookup Lookup;

/* ---- the core of the process ---- */

/* The core, made if there is none. NULL, with errno, when that fails. In a forked child a new one is
 * made at the next call. */
Core *core_get(void);

/* Have the thread finish its turn, and stay outside libcurl for good: before the process ends. */
void core_park(void);

/* ---- profiles, headers, routes, plans: what many transfers have in common; not changed once used ---- */

/* Options of libcurl that easy handles of a profile have set for good; handles are pooled by profile. */
Profile *profile_new(void);
int profile_add_number(Profile *profile, int option, int64_t value); /* 0, or -1: no memory */
int profile_add_text(Profile *profile, int option, const char *text);
int profile_add_list(Profile *profile, int option, const char *const *lines, size_t count);
void profile_release(Profile *profile);

/* Header lines as libcurl takes them; NULL when there is no memory. */
Headers *headers_new(const char *const *lines, size_t count);
void headers_release(Headers *headers);

/* Whether the proxy of a route looks up names; else the core tells an address to the proxy. */
typedef enum { PROXY_NAMES, PROXY_ADDRESSES, PROXY_IPV4_ADDRESSES } ProxyTakes;

/* Where transfers go. `origin` tells origins apart; one of https may speak HTTP/2, where one
 * connection carries all transfers. NULL when there is no memory. */
Route *route_new(const char *origin, int is_https, ProxyTakes proxy_takes);
/* A host that has to be looked up before libcurl begins; two at most, the target last. */
int route_add_host(Route *route, const char *name, int port); /* 0, or -1: no memory */
void route_release(Route *route);

enum { /* what a transfer wants, besides the answer; of a plan, or of one ticket */
    TRANSFER_DECODE = 1,    /* content is decoded, if its coding is known */
    TRANSFER_READ_BODY = 2, /* the body comes in pieces: NEEDS_PIECE */
    TRANSFER_ON_NEW_CONNECTION = 4,
    TRANSFER_TELL_CONNECTED = 8,
    TRANSFER_TRACE = 16,            /* TRACED events with what goes over the wire */
    TRANSFER_RESOLVE_BY_EVENT = 32, /* names are looked up by others: NEEDS_NAME */
};

enum { LAST_STATUS = 599 };

/* How to make a transfer; takes references of its own. `timeout`: seconds of silence; negative for
 * any. `statuses`: an array of LAST_STATUS + 1 bytes, not 0 for statuses that are events even if
 * nobody observes the ticket; others end in the core. NULL: no memory. */
Plan *plan_new(Profile *profile, Route *route, Headers *headers, double timeout, int flags,
               const DecodeLimits *limits, const char *statuses);
void plan_release(Plan *plan);

/* ---- accounts: the queue, the limit and the connections of one Http ---- */

/* At most `limit` tickets are worked on at once. NULL: no memory. */
Account *account_new(Core *core, int limit);

/* An account whose transfers go nowhere: each is an event, NEEDS_ANSWER, and others answer. For tests of
 * all that is above the wire. NULL: no memory. */
Account *account_new_scripted(Core *core, int limit);
void account_set_limit(Account *account, int limit);

/* How many tickets have been submitted and have not left. */
size_t account_pending(Account *account);

/* How many tickets wait for a slot, and how many have one; any thread may ask at any time. */
typedef struct {
    int queued, working;
} Counts;
Counts account_counts(const Account *account);

/* All of them, the first submitted first, each with a reference; returns how many there are, of which
 * at most `room` are written. */
size_t account_tickets(Account *account, Ticket **tickets, size_t room);

/* Wait at most `seconds` until nothing is pending, be it for a moment. Returns whether that came. */
int account_wait(Account *account, double seconds);

/* Close the connections as soon as no transfer of the account is under way; a transfer that is
 * started later has new ones. */
void account_close(Account *account);

/* Wait at most `seconds` until the connections are closed that account_close was to close. Returns
 * whether they are. */
int account_join(Account *account, double seconds);
void account_release(Account *account);

/* ---- scopes: user code that runs on behalf of a ticket, and may ask for more ---- */

/* User code begins to run on behalf of a ticket that has a slot; what the code asks for is its child.
 * NULL: no memory. */
CallbackScope *scope_open(Ticket *ticket);
void scope_close(CallbackScope *scope); /* the code has ended; once */
/* The code is about to wait for a ticket that it may not have asked for. Returns 0, or -1: no memory. */
int scope_await(CallbackScope *scope, Ticket *ticket);
void scope_hold(CallbackScope *scope);
void scope_drop(CallbackScope *scope);

/* ---- tickets: a request, or another piece of work ---- */

/* The state of a ticket: one atomic word. */
enum {
    STATE_PENDING = 0,
    STATE_FINISHED = 1,
    STATE_CANCELLED = 2,
    STATE_DONE = 3,     /* either */
    STATE_OBSERVED = 4, /* whatever ends a transfer of the ticket is an event */
    STATE_IN_CORE = 8,  /* submitted, and has not left */
    STATE_KEPT = 16,    /* the user's object is kept until the LEFT event */
    STATE_RUNNING = 32, /* user code runs for the ticket, which cannot be cancelled any more */
};

typedef enum { /* why there is no answer, besides libcurl's own codes */
    OUTCOME_ANSWERED = 0,
    OUTCOME_FAILED,      /* by libcurl: `code` and the rest of TransferError */
    OUTCOME_NOT_FOUND,   /* no such host: `code` is getaddrinfo's */
    OUTCOME_SILENT,      /* nothing moved for `timeout` seconds */
    OUTCOME_CUT_HEAD,    /* the connection closed within the head */
    OUTCOME_BAD_HEAD,    /* the status line is none (RFC 9112, 4) */
    OUTCOME_BAD_CONTENT, /* `code` is a DecodeResult */
    OUTCOME_RESENT,      /* libcurl was about to send the request again */
    OUTCOME_QUEUE_TIMEOUT, /* there was no slot for `queue` seconds, and there will be none */
    OUTCOME_TOTAL_TIMEOUT, /* `total` seconds were over */
} OutcomeKind;

/* What libcurl tells about a failure. */
typedef struct {
    int code;
    char *message;
    int os_errno;
    long verify_result;
    long connect_code;   /* of a proxy's answer to CONNECT */
    long request_size;   /* bytes that went out */
    int64_t length;      /* of the content, as announced; -1: not */
    int is_connected;    /* there was a connection, to the proxy at least */
    int is_reused;       /* ... which had been used before */
    size_t consumed, produced; /* of a content that is decoded */
} TransferError;

/* Why there is a connection, for the log. */
typedef struct {
    char address[64];
    int port;
    int is_new;
    double seconds; /* it took */
} Connected;

/* `account`: that the ticket will be submitted to, NULL when it never will be. `user`: whatever the maker
 * wants to find again; not the core's. `rank`: how many levels deeper than others the ticket is queued.
 * NULL: no memory. */
Ticket *ticket_new(Account *account, void *user, int rank);

/* Before ticket_submit, and before each ticket_transfer: the next transfer, to `url` (absolute, ASCII).
 * `flags`: besides those of the plan. `body`: to send; NULL for none, or for one that is read, of
 * `body_size` bytes, -1 when nobody knows. `url` and `body` have to last until the transfer has ended. */
void ticket_set_transfer(Ticket *ticket, Plan *plan, const char *url, int flags, const char *body,
                         int64_t body_size);

/* Before ticket_submit: the ticket fails where it waits longer than `queue` seconds for a slot, or where its
 * last transfer has not ended `total` seconds after ticket_submit. INFINITY: never. Returns 0, or -1: no
 * memory. */
int ticket_set_timeouts(Ticket *ticket, double queue, double total);

/* Before ticket_submit or ticket_transfer: that transfer begins in so many seconds, and no earlier. The
 * ticket has no slot meanwhile; if it had one before, it goes before others then. Returns as above. */
int ticket_delay(Ticket *ticket, double seconds);

/* Queue the ticket, as a child of `asked_by` (NULL for none). When it has a slot, its transfer begins;
 * BEGUN comes where there is none. Once for each ticket. Returns 0, or -1 when the core is gone: the
 * process has forked since the account was made. */
int ticket_submit(Ticket *ticket, CallbackScope *asked_by);

/* As ticket_submit, without a scope, by a thread that is going to wait for the ticket. While the core's
 * thread rests, the calling thread takes the turns, which saves two switches of threads: for at most
 * `seconds`, until the ticket is done or a signal comes. */
int ticket_submit_and_wait(Ticket *ticket, double seconds);

/* Take the turns for a ticket that has been submitted, if the core's thread has not woken up yet; for as
 * long as above. */
void ticket_take_turns(Ticket *ticket, double seconds);

/* Begin the next transfer; after BEGUN or ENDED. */
void ticket_transfer(Ticket *ticket);

/* The slot is free, and the core has nothing more to do with the ticket; after BEGUN or ENDED. */
void ticket_leave(Ticket *ticket);

/* The ticket has become CANCELLED: stop whatever the core does for it. After BEGUN or ENDED the taker of
 * that event has to call ticket_leave all the same. */
void ticket_cancel(Ticket *ticket);

int ticket_state(const Ticket *ticket);
int ticket_has_slot(const Ticket *ticket);

/* Have all ends of transfers come out as events; returns 0 when the ticket is done already. */
int ticket_observe(Ticket *ticket);

/* Become FINISHED or CANCELLED. Returns 0 when the ticket is done already, or is running and cannot be
 * cancelled. ticket_wake follows. */
int ticket_settle(Ticket *ticket, int state);

/* Become RUNNING; returns 0 when the ticket is done. */
int ticket_run(Ticket *ticket);

/* Whether the user's object has to outlive its last reference: a LEFT event follows then, and the
 * ticket is observed. */
int ticket_keep(Ticket *ticket);

/* Who waits until a ticket is done; the struct is the waiting thread's. */
typedef struct Waiter {
    struct Waiter *next;
    void *wakeup;
} Waiter;

/* Set the function that wakes a waiter, given Waiter.wakeup; called on any thread, without the GIL. Call once. */
void waiters_wake_by(void (*wake)(void *wakeup));
int ticket_add_waiter(Ticket *ticket, Waiter *waiter); /* 0: the ticket is done */
/* Returns 0 when the bell has been rung, or is being rung: wait for that. */
int ticket_remove_waiter(Ticket *ticket, Waiter *waiter);
void ticket_wake(Ticket *ticket);

/* A worker has settled the ticket, and not the core's thread: wake the caller who takes the turns, and may
 * be waiting for the ticket. */
void ticket_tell_driver(Ticket *ticket);

/* Whether the core has a transfer of the ticket, and may be writing the head and the content. */
int ticket_is_under_way(const Ticket *ticket);

/* The answer to NEEDS_PIECE: `bytes` last until the next NEEDS_PIECE or ENDED; none: the body has
 * ended. */
void ticket_give_piece(Ticket *ticket, const char *bytes, size_t size);

/* The body cannot be read: the transfer fails. */
void ticket_refuse_piece(Ticket *ticket);

/* The answer to NEEDS_MEMORY: where `ticket_content_length` bytes of content fit; NULL: there are none. */
void ticket_give_memory(Ticket *ticket, char *memory);
int64_t ticket_content_length(const Ticket *ticket);

/* The answer to NEEDS_ANSWER; all is copied. `error`: NULL for OUTCOME_ANSWERED. Returns 1; or 0 when no
 * transfer waits for an answer (any more), and nothing happens; or -1: no memory. */
typedef struct {
    OutcomeKind outcome;
    int status, is_decoded;
    const char *head, *content;
    size_t head_size, content_size;
    const TransferError *error;
} Answer;
int ticket_give_answer(Ticket *ticket, const Answer *answer);

/* What the transfer would send, as libcurl would be told: until the next ticket_set_transfer. */
const char *ticket_method(const Ticket *ticket);
const char *ticket_header_line(const Ticket *ticket, size_t number); /* NULL: there are no more */
int ticket_flags(const Ticket *ticket); /* TRANSFER_..., also those of the plan */

void ticket_hold(Ticket *ticket);
void ticket_release(Ticket *ticket);

void *ticket_user(const Ticket *ticket); /* as given to ticket_new */

/* The user's object is gone: `ticket_user` gives NULL from now on. Whoever calls these two sees to it
 * that they do not come at the same time. */
void ticket_forget_user(Ticket *ticket);

/* After ENDED, or when the ticket is done. */
OutcomeKind ticket_outcome(const Ticket *ticket);
const TransferError *ticket_error(const Ticket *ticket); /* NULL for an answer */
int ticket_status(const Ticket *ticket);
int ticket_is_decoded(const Ticket *ticket); /* the content is not as it came */
const Buffer *ticket_head(const Ticket *ticket);
const Buffer *ticket_content(const Ticket *ticket);

/* How far the transfer has come that was begun last, and what has moved; any thread may ask at any time.
 * Seconds count from `begun`; negative: not yet, or not at all. */
typedef struct {
    double begun; /* by the monotonic clock: the ticket had a slot */
    float named;  /* the addresses are known */
    float connected, secured; /* of a new connection: by TCP, by TLS */
    float sent;     /* the request goes out */
    float answered; /* the head has begun */
    float ended;
    size_t uploaded;   /* bytes of the body; of one in memory, when the transfer has ended */
    size_t downloaded; /* bytes of the head and the content, as they came */
} Phases;
int ticket_phases(Ticket *ticket, Phases *phases); /* 0: none was begun, or the answer has been forgotten */

/* Free all that has come: head, content, error, connection, trace. Not while the transfer is under way, nor
 * while another thread asks for any of that. */
void ticket_forget_answer(Ticket *ticket);

/* After CONNECTED. */
const Connected *ticket_connected(const Ticket *ticket);

/* Since the last call: what went over the wire, as records of TraceRecord and the bytes. The buffer
 * is the caller's to free. */
typedef struct {
    int kind; /* libcurl's curl_infotype */
    size_t size;
} TraceRecord;
Buffer ticket_take_trace(Ticket *ticket);

/* ---- lookups: host names for others to look up ---- */

const char *lookup_name(const Lookup *lookup);
int lookup_port(const Lookup *lookup);

/* The addresses found, separated by commas; or, where `addresses` is NULL, a code of getaddrinfo. */
void lookup_finish(Lookup *lookup, const char *addresses, int code);
void lookup_release(Lookup *lookup);

/* ---- events ---- */

enum {
    EVENT_ENDED = 1, /* a transfer */
    EVENT_CONNECTED = 2,
    EVENT_NEEDS_PIECE = 4,
    EVENT_NEEDS_MEMORY = 8,
    EVENT_TRACED = 16,
    EVENT_NEEDS_NAME = 32,
    EVENT_BEGUN = 64, /* the ticket has a slot, and no transfer */
    EVENT_LEFT = 128, /* the core has nothing more to do with the ticket, whose object was kept */
    EVENT_PLAIN = 256, /* with ENDED: without an observer the answer would have ended in the core */
    EVENT_NEEDS_ANSWER = 512, /* a transfer of a scripted account has begun */
};

/* One or more things that happened to a ticket (or a lookup, for EVENT_NEEDS_NAME), of which the taker
 * has a reference now. */
typedef struct {
    unsigned what;
    Ticket *ticket;
    Lookup *lookup;
} Event;

/* Of the threads that see to events, one has the role of the dispatcher: that thread takes whatever
 * comes, and nobody else is told. The role is given to a waiting thread, the last to come first, when
 * there are events and nobody has it.
 *
 * core_wait gives the role back, unless there are events already, and waits at most `seconds` (negative:
 * for ever) for it, or for core_call_waiting. */
typedef enum { WAIT_TIMED_OUT, WAIT_ROLE, WAIT_CALLED } WaitResult;
WaitResult core_wait(Core *core, double seconds, int has_role);

/* Take at most `room` events, the oldest first; at once. */
size_t core_take_events(Core *core, Event *events, size_t room);

/* Whoever took these events could not see to them: they are for the next taker. */
void ticket_tell_again(Ticket *ticket, unsigned what);

/* Give the role back: events are for another thread from now on. */
void core_pass_on(Core *core);

/* Have one thread return that waits in core_wait; 0 when there is none. */
int core_call_waiting(Core *core);

/* How many threads wait in core_wait and have not been told to return. */
int core_count_waiting(Core *core);

#endif
