/* The core: requests on one thread of the process that never needs the GIL.
 *
 * Other threads make tickets and append to the inbox. The core's thread alone decides, and alone calls
 * libcurl. While the core's thread has nothing to do, a waiting caller may take its place, with the gate
 * (`ticket_take_turns`). All that other threads have to do for a ticket comes out as an event.
 *
 *     ticket_submit ──> inbox ──> queue ──> slot ──> resolver ──> libcurl ──> done, or an event
 *
 * Owners: each object counts its references; `..._release` (for a scope `scope_drop`) gives one reference
 * back. Any thread may hold and release references, and may call the functions of this header, unless a
 * comment says when. The core's thread writes the outcome of a ticket before the ENDED event, or before the
 * ticket is done.
 *
 * Rules:
 * - The order of locks is `core_lock`, gate, `lock`, `waiters_lock`. Under `lock` nothing of libcurl or Python
 *   is called, and no object is released: a last reference may post to the inbox, which takes `lock`. Under
 *   `waiters_lock` (ticket.c) the core calls the function of `waiters_wake_by` only, which takes no lock of
 *   the core and does not block.
 * - The thread that takes the turns holds the gate except while asleep: a thread that has the gate may fork,
 *   or end the process.
 * - No function here blocks, except `core_wait`, `account_wait...`, `account_join`, `ticket_take_turns`,
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

/* The core of the process, made by the first call; a forked child makes a new core at its first call. The
 * core lives as long as the process. NULL, with errno, when the core cannot be made. */
Core *core_get(void);

/* Wait until the core's thread has finished its turn, and keep the thread outside libcurl for good: call this
 * before the process ends. */
void core_park(void);

/* ---- profiles, headers, routes, plans: settings that many transfers share ----
 *
 * The thread that makes such an object may add to the object until the first plan uses the object. After
 * that nothing changes, and any thread may use the object. */

/* Options of libcurl that easy handles of a profile have set for good; handles are pooled by profile. The
 * values are copied. NULL: no memory. */
Profile *profile_new(void);
int profile_add_number(Profile *profile, int option, int64_t value); /* 0, or -1: no memory */
int profile_add_text(Profile *profile, int option, const char *text);
int profile_add_list(Profile *profile, int option, const char *const *lines, size_t count);
void profile_release(Profile *profile);

/* Header lines as libcurl takes them, copied. NULL: no memory. */
Headers *headers_new(const char *const *lines, size_t count);
void headers_release(Headers *headers);

/* Whether the proxy of a route looks up host names, or the core gives an address to the proxy. */
typedef enum { PROXY_NAMES, PROXY_ADDRESSES, PROXY_IPV4_ADDRESSES } ProxyTakes;

/* Where transfers go. `origin` tells origins apart, and is copied. An https origin may speak HTTP/2, where
 * one connection carries all transfers. NULL: no memory. */
Route *route_new(const char *origin, int is_https, ProxyTakes proxy_takes);
/* Add a host whose name the core looks up before libcurl begins; two hosts at most, the target last. `name`
 * is copied. */
int route_add_host(Route *route, const char *name, int port); /* 0, or -1: no memory */
void route_release(Route *route);

enum { /* flags of a plan, or of one ticket */
    TRANSFER_DECODE = 1,    /* the content is decoded, if its coding is known */
    TRANSFER_READ_BODY = 2, /* the body comes in pieces: NEEDS_PIECE */
    TRANSFER_ON_NEW_CONNECTION = 4,
    TRANSFER_TELL_CONNECTED = 8,
    TRANSFER_TRACE = 16,            /* TRACED events, with the bytes that go over the wire */
    TRANSFER_RESOLVE_BY_EVENT = 32, /* host names are looked up by the taker of NEEDS_NAME */
};

enum { LAST_STATUS = 599 };

/* How to make a transfer. The plan takes references of its own, and copies `limits` and `statuses`.
 * `timeout`: seconds of silence; negative for no limit. `statuses`: LAST_STATUS + 1 bytes. Where the byte
 * of a status is 0, an answer with this status ends in the core if the ticket is not observed; all other
 * answers are events. NULL: no memory. */
Plan *plan_new(Profile *profile, Route *route, Headers *headers, double timeout, int flags,
               const DecodeLimits *limits, const char *statuses);
void plan_release(Plan *plan);

/* ---- accounts: the queue, the limit and the connections of one Http ---- */

/* At most `limit` tickets have a slot at once. NULL: no memory. */
Account *account_new(Core *core, int limit);

/* An account whose transfers send no bytes: each transfer is an event, NEEDS_ANSWER, and the taker answers.
 * For tests of all that is above the wire. NULL: no memory. */
Account *account_new_scripted(Core *core, int limit);
void account_set_limit(Account *account, int limit);

/* How many tickets have been submitted and have not left. */
size_t account_pending(Account *account);

/* How many tickets wait for a slot, and how many have a slot. */
typedef struct {
    int queued, working;
} Counts;
Counts account_counts(const Account *account);

/* When a ticket last got a slot, or none was queued, by the monotonic clock. While all slots are taken, tickets
 * may wait in the inbox, which is read when a slot becomes free. */
double account_last_moved(const Account *account);

/* Write at most `room` pending tickets, the first submitted first, each with a reference for the caller.
 * Returns how many tickets are pending, also when `room` is less. */
size_t account_tickets(Account *account, Ticket **tickets, size_t room);

/* Begin a new era, for account_wait_for_past; returns its number. Tickets made from now on belong to the era,
 * except what the user code of earlier tickets of the account submits. */
unsigned account_begin_era(Account *account);

/* Wait at most `seconds` until no ticket from before `era` is pending. Returns 0 after a timeout. */
int account_wait_for_past(Account *account, unsigned era, double seconds);

/* Wait for all that is pending now. */
int account_wait(Account *account, double seconds);

/* Close the connections, those in use as soon as no transfer uses them; later transfers make new connections.
 */
void account_close(Account *account);

/* Wait at most `seconds` until `account_close` has closed the connections that were not in use. Returns 0 after
 * a timeout. */
int account_join(Account *account, double seconds);
void account_release(Account *account);

/* ---- scopes: user code that runs on behalf of a ticket, and may submit more tickets ---- */

/* User code begins to run on behalf of a ticket that has a slot; tickets that the code submits are children
 * of the scope. The caller has the first reference. NULL: no memory. */
CallbackScope *scope_open(Ticket *ticket);
void scope_close(CallbackScope *scope); /* the code has ended; call once */
/* The code is about to wait for a ticket, which need not be a child. Returns 0, or -1: no memory. */
int scope_await(CallbackScope *scope, Ticket *ticket);
void scope_hold(CallbackScope *scope);
void scope_drop(CallbackScope *scope);

/* ---- tickets: each is a request, or another piece of work ---- */

/* The state of a ticket: one atomic word. */
enum {
    STATE_PENDING = 0,
    STATE_FINISHED = 1,
    STATE_CANCELLED = 2,
    STATE_DONE = 3,     /* FINISHED or CANCELLED */
    STATE_OBSERVED = 4, /* each end of a transfer is an event */
    STATE_IN_CORE = 8,  /* submitted, and has not left the core */
    STATE_KEPT = 16,    /* the user's object is kept until the LEFT event */
    STATE_RUNNING = 32, /* user code runs for the ticket, and nobody can cancel the ticket any more */
};

typedef enum { /* how a transfer ended */
    OUTCOME_ANSWERED = 0,
    OUTCOME_FAILED,      /* libcurl failed: `code` and the rest of TransferError say why */
    OUTCOME_NOT_FOUND,   /* no such host: `code` is getaddrinfo's */
    OUTCOME_SILENT,      /* no byte moved for `timeout` seconds */
    OUTCOME_CUT_HEAD,    /* the connection closed within the head */
    OUTCOME_BAD_HEAD,    /* `code` is a HeadFault */
    OUTCOME_BAD_CONTENT, /* `code` is a DecodeResult */
    OUTCOME_REFUSED,     /* the server has refused the HTTP/2 stream, without processing the request */
    OUTCOME_QUEUE_TIMEOUT, /* no slot was free for `queue` seconds; the ticket never gets a slot */
    OUTCOME_TOTAL_TIMEOUT, /* the transfer had not ended after `total` seconds */
} OutcomeKind;

/* Why a head that libcurl accepts is refused. */
typedef enum {
    HEAD_NO_STATUS = 0,    /* the first line is not a status line (RFC 9112, 4) */
    HEAD_LENGTH_TOO_LARGE, /* Content-Length is beyond the 63 bits that libcurl counts */
    HEAD_TOO_MANY_INTERIM, /* more than INTERIM_AT_MOST answers with status 1xx */
} HeadFault;

/* A failure, as libcurl describes the failure. Owned by the ticket. */
typedef struct {
    int code;
    char *message;
    int os_errno;
    long verify_result;
    long connect_code;   /* the status of a proxy's answer to CONNECT */
    long request_size;   /* bytes sent */
    int64_t length;      /* the content length in the head; -1: no length */
    int is_connected;    /* a connection was made, to the proxy at least */
    int is_reused;       /* the request was sent on an HTTP/1 connection that had been used before */
    int has_begun;       /* bytes had come before an HTTP/1 connection ended */
    size_t consumed, produced; /* bytes into and out of the decoder */
} TransferError;

/* The connection of a transfer, for the log. Owned by the ticket. */
typedef struct {
    char address[64];
    int port;
    int is_new;
    double seconds; /* for connecting */
} Connected;

/* `account`: the account that the ticket will be submitted to; NULL for a ticket that is never submitted.
 * `user`: the caller's object, which the core does not touch. `rank`: how many levels deeper the ticket is
 * queued than its scope says. The caller has the first reference. NULL: no memory. */
Ticket *ticket_new(Account *account, void *user, int rank);

/* Set the next transfer, to `url` (absolute, ASCII): call this before ticket_submit, and before each
 * ticket_transfer. `flags`: added to the flags of the plan. `body`: the bytes to send, `body_size` of them;
 * NULL for no body, and for TRANSFER_READ_BODY, where `body_size` is -1 for an unknown size. The caller owns
 * `url` and `body`, and keeps both until the transfer has ended. */
void ticket_set_transfer(Ticket *ticket, Plan *plan, const char *url, int flags, const char *body,
                         int64_t body_size);

/* Set time limits, before ticket_submit: the ticket fails after `queue` seconds without a slot, and when its
 * last transfer has not ended `total` seconds after ticket_submit. INFINITY: no limit. Returns 0, or -1: no
 * memory. */
int ticket_set_timeouts(Ticket *ticket, double queue, double total);

/* Delay the transfer of the next ticket_submit or ticket_transfer. The ticket has no slot during the delay; a
 * ticket that had a slot before is then queued before all other tickets of its level. Returns 0, or -1: no
 * memory. */
int ticket_delay(Ticket *ticket, double seconds);

/* Queue the ticket, as a child of `asked_by` (NULL for none); call once for each ticket. When the ticket gets
 * a slot, its transfer begins; a ticket without a transfer becomes a BEGUN event. Returns 0, or -1 when the
 * core is lost: the process has forked since the account was made. */
int ticket_submit(Ticket *ticket, CallbackScope *asked_by);

/* Call ticket_submit without a scope, on a thread that is going to wait for the ticket. While the core's
 * thread rests, the calling thread takes the turns, which saves two switches of threads: until the ticket is
 * done, a signal comes, or `seconds` are over. */
int ticket_submit_and_wait(Ticket *ticket, double seconds);

/* Take the turns for a submitted ticket, if the core's thread has not woken up yet, for as long as
 * ticket_submit_and_wait does. */
void ticket_take_turns(Ticket *ticket, double seconds);

/* Begin the next transfer. Call this after BEGUN or ENDED. */
void ticket_transfer(Ticket *ticket);

/* Free the slot: the ticket leaves the core. Call this after BEGUN or ENDED. */
void ticket_leave(Ticket *ticket);

/* Stop the work on a ticket that has become CANCELLED. After BEGUN or ENDED the taker of the event still has
 * to call ticket_leave. */
void ticket_cancel(Ticket *ticket);

int ticket_state(const Ticket *ticket);
int ticket_has_slot(const Ticket *ticket);

/* Make each end of a transfer an event. Returns 0 when the ticket is done already. */
int ticket_observe(Ticket *ticket);

/* Make the ticket FINISHED or CANCELLED. Returns 0 when the ticket is done already, or is running and cannot
 * be cancelled. After a 1 the caller has to call ticket_wake. */
int ticket_settle(Ticket *ticket, int state);

/* Make the ticket RUNNING. Returns 0 when the ticket is done already. */
int ticket_run(Ticket *ticket);

/* Keep the user's object until the LEFT event, and observe the ticket, if the ticket is in the core. Returns
 * 0 when the ticket is not in the core: the object may be freed. */
int ticket_keep(Ticket *ticket);

/* A thread that waits until a ticket is done. The waiting thread owns the struct. */
typedef struct Waiter {
    struct Waiter *next;
    void *wakeup;
} Waiter;

/* Set the function that wakes a waiter, given Waiter.wakeup. Call this once; the core calls `wake` on any
 * thread, without the GIL. */
void waiters_wake_by(void (*wake)(void *wakeup));
int ticket_add_waiter(Ticket *ticket, Waiter *waiter); /* 0: the ticket is done */
/* Returns 0 when another thread calls `wake` for the waiter, or has done so: wait for the wakeup then. */
int ticket_remove_waiter(Ticket *ticket, Waiter *waiter);
/* Wake all waiters of a ticket that is done. */
void ticket_wake(Ticket *ticket);

/* Wake the caller that takes the turns, and may be waiting for the ticket: call this when a worker, and not
 * the core's thread, has settled the ticket. */
void ticket_tell_driver(Ticket *ticket);

/* Whether a transfer of the ticket is under way: the core's thread may be writing head and content. */
int ticket_is_under_way(const Ticket *ticket);

/* Answer NEEDS_PIECE. The caller owns `bytes`, and keeps them until the next NEEDS_PIECE or ENDED. A `size`
 * of 0 ends the body. */
void ticket_give_piece(Ticket *ticket, const char *bytes, size_t size);

/* Answer NEEDS_PIECE when the body cannot be read: the transfer fails. */
void ticket_refuse_piece(Ticket *ticket);

/* Answer NEEDS_MEMORY with memory of `ticket_content_length` bytes, which the caller owns and keeps as long
 * as the content is used. NULL: the content goes into memory of the core. */
void ticket_give_memory(Ticket *ticket, char *memory);
int64_t ticket_content_length(const Ticket *ticket);

/* Answer NEEDS_ANSWER; the core copies all of `answer`. `error`: NULL for OUTCOME_ANSWERED. Returns 1; 0 when
 * no transfer waits for an answer, and the answer is dropped; or -1: no memory. */
typedef struct {
    OutcomeKind outcome;
    int status, is_decoded;
    const char *head, *content;
    size_t head_size, content_size;
    const TransferError *error;
} Answer;
int ticket_give_answer(Ticket *ticket, const Answer *answer);

/* The method and header lines of the transfer. The plan owns the strings, which last until the next
 * ticket_set_transfer. */
const char *ticket_method(const Ticket *ticket);
const char *ticket_header_line(const Ticket *ticket, size_t number); /* NULL after the last line */
int ticket_flags(const Ticket *ticket); /* TRANSFER_..., with the flags of the plan */

void ticket_hold(Ticket *ticket);
void ticket_release(Ticket *ticket);

void *ticket_user(const Ticket *ticket); /* as given to ticket_new */

/* Forget the user's object: `ticket_user` returns NULL afterwards. No lock protects the pointer: never call
 * ticket_user and ticket_forget_user at the same time. */
void ticket_forget_user(Ticket *ticket);

/* The outcome of the last transfer: after ENDED, or when the ticket is done. The ticket owns what the
 * pointers point to, until the next ticket_set_transfer or ticket_forget_answer. */
OutcomeKind ticket_outcome(const Ticket *ticket);
const TransferError *ticket_error(const Ticket *ticket); /* NULL for an answer */
int ticket_status(const Ticket *ticket);
int ticket_is_decoded(const Ticket *ticket); /* the content has been decoded */
const Buffer *ticket_head(const Ticket *ticket);
const Buffer *ticket_content(const Ticket *ticket);

/* The phases of the last transfer, and the bytes moved; any thread may ask at any time. The phases are
 * seconds since `begun`; negative: not reached. */
typedef struct {
    double begun; /* by the monotonic clock: when the ticket got its slot */
    float named;  /* the addresses are known */
    float connected, secured; /* TCP and TLS of a new connection */
    float sent;     /* libcurl begins to write the request */
    float answered; /* the head has begun */
    float ended;
    size_t uploaded;   /* bytes of the body; for a body in memory counted at the end of the transfer */
    size_t downloaded; /* bytes of head and content, before decoding */
} Phases;
int ticket_phases(Ticket *ticket, Phases *phases); /* 0: no transfer was begun, or its answer is forgotten */

/* Free head, content, error, connection and trace. Do not call this while a transfer is under way, nor while
 * another thread uses any of the five. */
void ticket_forget_answer(Ticket *ticket);

/* The connection of the transfer, after CONNECTED. */
const Connected *ticket_connected(const Ticket *ticket);

/* Take the trace since the last call: records, each a TraceRecord and the bytes that went over the wire. The
 * caller frees the buffer. */
typedef struct {
    int kind; /* libcurl's curl_infotype */
    size_t size;
} TraceRecord;
Buffer ticket_take_trace(Ticket *ticket);

/* ---- lookups: host names that the takers of NEEDS_NAME look up ---- */

const char *lookup_name(const Lookup *lookup); /* owned by the lookup */
int lookup_port(const Lookup *lookup);

/* Answer NEEDS_NAME with the addresses found, separated by commas, which are copied; or with NULL and a code
 * of getaddrinfo. */
void lookup_finish(Lookup *lookup, const char *addresses, int code);
void lookup_release(Lookup *lookup);

/* ---- events ---- */

enum {
    EVENT_ENDED = 1, /* a transfer has ended */
    EVENT_CONNECTED = 2,
    EVENT_NEEDS_PIECE = 4,
    EVENT_NEEDS_MEMORY = 8,
    EVENT_TRACED = 16,
    EVENT_NEEDS_NAME = 32,
    EVENT_BEGUN = 64, /* a ticket without a transfer has a slot */
    EVENT_LEFT = 128, /* a ticket with STATE_KEPT has left the core */
    EVENT_PLAIN = 256, /* with ENDED: if unobserved, the answer would have ended in the core */
    EVENT_NEEDS_ANSWER = 512, /* a transfer of a scripted account has begun */
};

/* Events of a ticket or, for EVENT_NEEDS_NAME, of a lookup. The taker owns a reference to the ticket or
 * lookup; the other pointer is NULL. */
typedef struct {
    unsigned what; /* EVENT_... */
    Ticket *ticket;
    Lookup *lookup;
} Event;

/* Of the threads that handle events, one thread has the dispatcher's role: this thread takes all events, and
 * no other thread is woken. When events come and no thread has the role, the core gives the role to a waiting
 * thread, to the last comer first.
 *
 * A caller of core_wait that has the role gives the role back, unless events have come already. Then
 * core_wait waits at most `seconds` (negative: for ever) for the role, or for core_call_waiting. */
typedef enum { WAIT_TIMED_OUT, WAIT_ROLE, WAIT_CALLED } WaitResult;
WaitResult core_wait(Core *core, double seconds, int has_role);

/* Take at most `room` events, the oldest first, without waiting. */
size_t core_take_events(Core *core, Event *events, size_t room);

/* Put events back, which the next taker gets: the caller took the events, and could not handle them. */
void ticket_tell_again(Ticket *ticket, unsigned what);

/* Give the dispatcher's role back, to a waiting thread if there are events. */
void core_pass_on(Core *core);

/* Make one waiting thread return from core_wait. Returns 0 when no thread waits. */
int core_call_waiting(Core *core);

/* How many threads wait in core_wait, without threads that are about to return. */
int core_count_waiting(Core *core);

#endif
