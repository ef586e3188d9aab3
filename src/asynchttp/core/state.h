/* The state of the core's thread; only the core and its tests include this header.
 *
 * Rule: only the core's thread (or a caller that takes the turns, with the gate) uses the structs and calls
 * the functions below. Exceptions: members "under `lock`" (of the core), and what says "any thread".
 *
 *     loop.c      the thread, turn by turn; inbox and events; the gate and forks
 *     ticket.c    tickets, plans, profiles, headers, routes: made anywhere, released anywhere
 *     queue.c     a ticket's way from the inbox to a slot, and out of the core; scopes
 *     clocks.c    time limits and delays of tickets
 *     engine.h    the functions by which the files above use the files below, which make transfers
 *     transfer.c  a transfer, from the slot to its end; the only way into libcurl and out
 *     handle.c    easy handles, pooled by profile; libcurl's callbacks
 *     head.c      what the lines of a head say; pure
 *     multi.c     multi handles and their sockets
 *     origins.c   of many transfers to a new https origin, the first makes the connection
 *     resolver.c  host names, each looked up on a thread of its own
 *     scripted.c  transfers that the takers of events answer, for tests of all that is above the wire
 */
#ifndef ASYNCHTTP_STATE_H
#define ASYNCHTTP_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core.h"
#include "curl.h"
#include "engine.h"
#include "list.h"
#include "map.h"
#include "poller.h"
#include "slots.h"
#include "timers.h"

typedef struct EasyHandle EasyHandle;
typedef struct MultiHandle MultiHandle;
typedef struct Origin Origin;
typedef struct ScriptedAnswer ScriptedAnswer;

/* ---- the inbox: posts of other threads to the core's thread. Under `lock` ---- */

typedef enum { INBOX_TICKET, INBOX_ACCOUNT, INBOX_PROFILE, INBOX_LOOKUP, INBOX_SCOPE, INBOX_WAIT } PostKind;

enum {
    INBOX_SUBMIT = 1,    /* ticket: queue */
    INBOX_TRANSFER = 2,  /* ticket: begin the next transfer */
    INBOX_PIECE = 4,     /* ticket: a piece of the body has been given */
    INBOX_MEMORY = 8,    /* ticket: memory for the content has been given */
    INBOX_LEAVE = 16,    /* ticket: free the slot */
    INBOX_CANCEL = 32,   /* ticket: stop */
    INBOX_CLOSE = 64,    /* account: close the connections when no transfer uses them */
    INBOX_LIMIT = 128,   /* account: the limit has changed */
    INBOX_DISPOSE = 256, /* account, profile: the last reference has gone */
    INBOX_FOUND = 512,   /* lookup: finished */
    INBOX_OPEN = 1024,   /* scope: the code begins */
    INBOX_SHUT = 2048,   /* scope: the code has ended */
    INBOX_AWAIT = 4096,  /* wait: the code is about to wait */
    INBOX_ANSWER = 8192, /* ticket: the answer of a scripted transfer has been given */
};

typedef struct Post {
    struct Post *next;
    unsigned what; /* INBOX_...; 0: not in the inbox */
    PostKind kind;
} Post;

/* ---- tickets, and the objects that tickets share ---- */

/* A CURLOPT_... and its value. */
typedef struct {
    int option;
    int64_t number;
    char *text;              /* owned */
    struct curl_slist *list; /* owned */
} Option;

struct Profile {
    Post post;
    atomic_int references;
    Core *core; /* the core that has handles of the profile; set by the core's thread */
    Option *options; /* owned; read-only once a plan has the profile */
    size_t count, room;
    Link idle; /* EasyHandle.pooled: handles for the next transfers */
    size_t idle_count;
};

/* Read-only; any thread. */
struct Headers {
    atomic_int references;
    struct curl_slist *list; /* owned */
};

/* The owner of the struct owns the strings. */
typedef struct {
    char *name;
    int port;
    char *key; /* name:port */
} Host;

/* Read-only once a plan has the route; any thread. */
struct Route {
    atomic_int references;
    char *origin; /* owned */
    int is_https;
    ProxyTakes proxy_takes;
    Host hosts[2];
    int host_count;
};

/* Read-only; any thread. */
struct Plan {
    atomic_int references;
    Profile *profile; /* held */
    Route *route;     /* held */
    Headers *headers; /* held */
    double timeout;
    int flags;
    DecodeLimits limits;
    unsigned char statuses[LAST_STATUS / 8 + 1]; /* a bit for each status */
};

/* A thread in account_wait_for_past, which owns the struct. Under `lock`. */
typedef struct {
    Link listed; /* in Account.era_waits */
    unsigned era;
    size_t left; /* pending tickets of earlier eras */
} EraWait;

static inline int era_is_before(unsigned era, unsigned other) { return (int)(era - other) < 0; }

struct Account {
    Post post;
    atomic_int references;
    Core *core;
    const Engine *engine;
    Slots slots;
    Link dirty;   /* in Core.dirty: work of the account may be able to begin */
    atomic_int limit;
    atomic_int is_full; /* a ticket without a scope has to wait; the core's thread writes, any reads */
    atomic_int queued, working; /* the core's thread writes, any thread reads */
    _Atomic double moved; /* when a ticket last got a slot, or none was queued; written and read as above */
    Link multis;  /* MultiHandle.sibling */
    Map known_hosts; /* KnownHost.entry, by host:port */
    Map origins;  /* Origin.entry, by origin */
    atomic_uint era; /* Ticket.era of new tickets; see account_begin_era */
    int closing;  /* how many idle multi handles are about to be closed */
    unsigned closings_seen; /* `closings_asked` when `closing` was last counted */
    /* Under `lock`. */
    Link tickets; /* Ticket.pending */
    size_t pending;
    Link era_waits; /* EraWait.listed */
    unsigned closings_asked, closings_done; /* calls of account_close; how many of these calls are done */
};

/* User code that runs on behalf of a ticket. Any thread holds and drops references; the core's thread frees
 * the scope. */
struct CallbackScope {
    Post post;
    atomic_int references;
    Ticket *ticket; /* held */
    SlotScope *scope;   /* for the core's thread only; NULL before INBOX_OPEN, and when there is no memory */
    atomic_int stage; /* SCOPE_NEW, ... */
};

/* A scope stays NEW, unknown to the core's thread, until the code makes a request or waits: most code does
 * neither. */
enum { SCOPE_NEW, SCOPE_OPEN, SCOPE_SHUT };

/* User code of `scope` is about to wait for `ticket`. Freed by the core's thread. */
typedef struct {
    Post post;
    CallbackScope *scope; /* held */
    Ticket *ticket;   /* held */
} ScopeWait;

typedef enum {
    STAGE_NEW,
    STAGE_DELAYED,   /* waits for the end of a delay, without a slot */
    STAGE_QUEUED,    /* waits for a slot */
    STAGE_RESOLVING, /* waits for the addresses of a host */
    STAGE_WAITING,   /* waits for the first connection of an origin, or in Core.to_begin */
    STAGE_ACTIVE,    /* in libcurl, or in another engine */
    STAGE_IN_EVENT,  /* has a slot; the taker of an event decides what comes next */
    STAGE_GONE,
} Stage;

/* An event in Core.events; embedded in a ticket or a lookup. Under `lock`. */
typedef struct EventNode {
    struct EventNode *next;
    unsigned what; /* EVENT_...; 0: not in Core.events */
} EventNode;

/* The state of a ticket's transfer while the transfer is under way. Owned by the ticket. */
typedef struct {
    Ticket *ticket;
    EasyHandle *handle; /* NULL while the transfer is not in libcurl */
    Timer silence;
    double moved;  /* when a byte last moved */
    int is_first;  /* makes the first connection of the origin; other tickets may be waiting */
    int may_enter; /* has waited for a first connection, and waits no more */
    /* Given by the takers of events, under `lock`. */
    const char *next_piece;
    size_t next_piece_size;
    int has_next_piece; /* a piece was given, or refused */
    int piece_is_refused;
    char *next_memory;
    int has_next_memory; /* memory was given, or NULL */
    ScriptedAnswer *answer; /* owned; NULL in transfers by libcurl */
} Progress;

/* The time limits and the delay of a ticket. Owned by the ticket, which sets the limits before submission. */
typedef struct {
    Ticket *ticket;
    Timer timer;
    int has_timer; /* room for `timer` is reserved */
    int is_late;  /* the total timeout is over */
    double queue_timeout, total_timeout, delay; /* seconds; set before ticket_submit or ticket_transfer */
    double slot_due, end_due, begin_due; /* by clock_now; INFINITY: never */
} Clocks;

/* Phases: the core's thread writes them, and any thread reads them, without a lock. */
typedef _Atomic float Moment; /* seconds since `begun`; negative: not yet */

typedef struct {
    double begun;
    Moment named, connected, secured, sent, answered, ended;
    atomic_size_t uploaded, downloaded;
} LivePhases;

/* Set a moment to the time `when` of clock_now. */
void moment_set(LivePhases *phases, Moment *moment, double when);

/* The result of a transfer: see core.h. Owned by the ticket. */
typedef struct {
    Buffer head, content;
    int64_t content_length; /* as in the head; -1: no length */
    int status;
    int is_decoded;
    TransferError *error; /* owned */
    Connected *connected; /* owned */
    Buffer trace;         /* under `lock` */
    LivePhases phases;
} Received;

struct Ticket {
    Post post;
    EventNode event;
    atomic_int references;
    atomic_int state;
    atomic_int stage;
    OutcomeKind outcome;
    void *user;
    Account *account;    /* held; NULL for a ticket that is never submitted */
    CallbackScope *asked_by; /* held, until the ticket is queued */
    unsigned era;        /* of the account when the ticket was made, or of the scope's ticket if earlier */
    Work work;
    Link pending;     /* in Account.tickets; under `lock` */
    Waiter *waiters;  /* under `waiters_lock` of ticket.c */
    unsigned forks;   /* the number of forks when `waiters` was last used; under `waiters_lock` */
    int flags;        /* of the transfer and of the plan */
    /* The transfer: set by ticket_set_transfer, used by the core's thread during the transfer. */
    Plan *plan; /* held */
    const char *url, *body; /* owned by the caller of ticket_set_transfer */
    int64_t body_size;
    Link link; /* in KnownHost.waiting, Origin.waiting or Core.to_begin */
    Progress *progress; /* owned; NULL: no transfer is under way. Written under `lock` */
    Clocks *clocks;     /* owned; NULL: no time limits */
    Received *received; /* owned; NULL: no transfer, or its answer is forgotten. Written under `lock` */
};

/* ---- handles ---- */

/* An easy handle: owned by Profile.idle or, during a transfer, by Progress.handle. */
struct EasyHandle {
    CURL *easy;
    Core *core;
    Profile *profile; /* held by the plan; an idle handle is in Profile.idle */
    Headers *headers; /* held; the header lines that are set on the handle */
    Link pooled;      /* in Profile.idle */
    /* For the present transfer. */
    Ticket *ticket;
    MultiHandle *multi;
    Link active;  /* in MultiHandle.active */
    int is_sent;  /* libcurl has called PREREQFUNCTION */
    int is_stale; /* the sending was refused before a byte was written */
    int is_http1; /* the request was sent on a kept HTTP/1 connection */
    int is_paused;
    int fd;         /* the socket of the connection; -1: not known yet */
    double entered; /* when the transfer entered libcurl */
    int waits_for_connection, is_on_new_connection, is_traced, has_target; /* set on the handle */
    int interim_count; /* answers with status 1xx */
    int head_is_checked;
    int content_has_begun;
    int64_t left; /* bytes of content to come, where libcurl ignores Content-Length; otherwise -1 */
    int is_over;  /* the answer is whole: a callback ended a transfer that libcurl would go on with */
    int awaits_memory; /* libcurl keeps the content until memory is given */
    OutcomeKind refusal; /* why a callback ended the transfer; OUTCOME_ANSWERED: no callback did */
    int refusal_code;
    Decoder *decoder; /* owned */
    struct curl_slist *resolve, *connect_to; /* owned */
    const char *piece; /* owned by the caller of ticket_give_piece */
    size_t piece_size; /* bytes of the piece that are not sent yet */
    int piece_state;
    int64_t progress[4]; /* libcurl's counters at the last check for silence */
    char message[CURL_ERROR_SIZE];
    char reason[CURL_ERROR_SIZE]; /* libcurl's message when a second sending was refused */
};

/* A multi handle; owned by its account. */
struct MultiHandle {
    CURLM *multi;
    Core *core;
    Account *account; /* not held: the account frees the multi handle first */
    Link sibling;     /* in Account.multis */
    Link active;      /* EasyHandle.active */
    int active_count;
    int running;  /* libcurl's count of running transfers */
    Timer timer;  /* libcurl's */
    Timer second_look; /* at transfers on HTTP/2 connections: see multi.c */
    Link touched; /* in Core.touched: messages have to be read */
    Link closing; /* in Core.closing: to be freed */
    int is_closing;
    Map loaded;   /* Loaded.entry: hosts whose addresses libcurl was given */
};

/* A descriptor of libcurl; at the index of its number in Core.sockets, which owns the struct. */
typedef struct {
    MultiHandle *multi; /* NULL: libcurl does not use the descriptor */
    int watched;        /* the READABLE and WRITABLE that the poller waits for */
    int wanted;         /* the READABLE and WRITABLE that libcurl waits for; 0 while idle */
    int is_connection;  /* made for a connection, and closed by `socket_closed` */
    int is_http1;       /* the last answer on the connection was HTTP/1 */
    double moved;       /* when the poller last reported the descriptor */
    double heard;       /* when the descriptor was last readable */
    uint64_t received;  /* how many bytes had come when the last request was sent */
    int had_answer;     /* more bytes had come when the descriptor was closed */
    int is_silent;      /* on HTTP/2: a transfer has timed out, and nothing has come meanwhile */
} Socket;

/* ---- the core ---- */

/* A thread in core_wait, which owns the struct. Under `lock`. */
typedef struct WaitingThread {
    struct WaitingThread *next;
    pthread_cond_t called;
    int is_called; /* to return from core_wait */
    int has_role;
} WaitingThread;

/* Owned by the process, and never freed. */
struct Core {
    pthread_mutex_t lock;
    Post *inbox, **inbox_end;   /* under `lock` */
    /* The thread that takes the turns, under `lock`. */
    int is_asleep;         /* the thread sleeps: a post has to wake the thread */
    int is_resting;        /* the core's thread waits for `roused`, and not for sockets */
    int is_driven;         /* a caller takes the turns in place of the core's thread */
    int refusals;          /* how many more callers must not take the turns */
    pthread_cond_t roused;
    EventNode *events, **events_end; /* under `lock` */
    WaitingThread *waiting;     /* threads in core_wait, the last comer first; under `lock` */
    int is_dispatched;          /* a thread has the dispatcher's role; under `lock` */
    pthread_cond_t changed;     /* the past of an account has ended, or is closed; with `lock` */
    int has_unannounced_events; /* events for which no waiting thread was woken yet */

    pthread_mutex_t gate;    /* any thread */
    atomic_int gate_waiters; /* threads that wait for the gate */
    atomic_int is_parked;    /* core_park has taken the gate for good */
    int is_gone; /* this is a forked child, without the core's thread; under `lock` */

    Poller poller;
    Timers timers;        /* of libcurl */
    Timers ticket_timers; /* of tickets; run after libcurl has acted */
    double now;           /* when the thread last woke */
    Socket *sockets;      /* owned */
    size_t socket_room;
    int active;        /* transfers in libcurl */
    Link touched;      /* MultiHandle.touched */
    Link to_begin;     /* Ticket.link: transfers to begin, in this turn or the next */
    Link dirty;        /* Account.dirty */
    int has_submitted; /* a ticket has been queued since the last accounts_pump */
    Link closing;      /* MultiHandle.closing: to be freed at the end of the turn */
    unsigned versions; /* how many address lists the resolver has found */
};

/* loop.c. The functions with a -1 may be called on any thread; -1: the core is lost, by a fork.
 * `core_tell` adds an event, with a reference to the event's ticket or lookup for the taker. */
int core_submit(Core *core, Ticket *ticket);
int core_submit_and_wait(Core *core, Ticket *ticket, double seconds);
int core_post(Core *core, Post *post, unsigned what);
void core_tell(Core *core, EventNode *event, unsigned what);
/* Start a detached thread that takes no signals: signals are for the program's own threads. Returns 0, or an
 * errno. Any thread. */
int start_thread(void *(*function)(void *), void *argument);
void account_tell_closed(Account *account); /* wake the threads in account_join */

/* ticket.c. Any thread may call the first four functions. */
void scope_announce(CallbackScope *scope); /* post that the code has begun; the first call only */
Received *received_new(void); /* NULL: no memory */
void received_free(Received *received);
void ticket_set_received(Ticket *ticket, Received *received); /* the ticket owns `received` then */
TransferError *ticket_make_error(Ticket *ticket); /* NULL: no memory */
void ticket_set_progress(Ticket *ticket, Progress *progress); /* the ticket owns `progress` then */
void profile_dispose(Profile *profile);
void account_dispose(Account *account);
int plan_observes(const Plan *plan, int status);

/* queue.c */
void queue_submit(Ticket *ticket);
void queue_transfer(Ticket *ticket);
void queue_leave(Ticket *ticket);  /* free the slot; the ticket leaves the core */
void queue_cancel(Ticket *ticket);
void queue_go_on(Ticket *ticket); /* the delay is over */
void queue_expire(Ticket *ticket, OutcomeKind outcome); /* a timeout is over */
void queue_tell_ended(Ticket *ticket); /* a transfer has ended: finish the ticket, or add an event */
void queue_open(CallbackScope *scope);
void queue_shut(CallbackScope *scope);
void queue_dispose(CallbackScope *scope);
void queue_await(ScopeWait *wait);
void account_apply_limit(Account *account);
void accounts_pump(Core *core);

/* ticket.c, around a fork; on the thread that forks. */
void ticket_lock_waiters(void);
void ticket_unlock_waiters(void);
void ticket_forget_waiters(void); /* in a forked child; unlocks too */

/* clocks.c */
void clocks_start(Ticket *ticket);
int clocks_hold_back(Ticket *ticket); /* begin the delay of the next transfer; 0: no delay */
void clocks_wait_for_slot(Ticket *ticket);
void clocks_have_slot(Ticket *ticket);
int clocks_are_late(const Ticket *ticket);
void clocks_stop(Ticket *ticket);

/* transfer.c: libcurl's engine */
void transfers_begin_again(Core *core); /* begin the transfers in Core.to_begin */
void transfer_end(Ticket *ticket, OutcomeKind outcome, int code);
void transfer_done(EasyHandle *handle, int code); /* libcurl has ended the transfer */

/* The lookup of a host name, by a thread of resolver.c or by the taker of NEEDS_NAME. Any thread holds and
 * releases references. */
struct Lookup {
    Post post;
    EventNode event;
    atomic_int references;
    Account *account; /* held */
    Host host;        /* owned copies */
    /* The result, under `lock`. */
    char *addresses; /* owned; NULL: not found, or taken by the core's thread */
    int code;
};

/* handle.c */
EasyHandle *handle_take(Core *core, Profile *profile, int *code); /* NULL: *code says why */
void handle_give_back(EasyHandle *handle);
int handle_prepare(EasyHandle *handle, Ticket *ticket); /* a CURLcode */
void handle_free(EasyHandle *handle);
void handle_take_piece(EasyHandle *handle); /* take the piece of ticket_give_piece */
void handle_note_silence(EasyHandle *handle); /* the transfer has timed out */

/* multi.c */
MultiHandle *multi_with_room(Account *account); /* NULL: no memory */
int multi_add(MultiHandle *multi, EasyHandle *handle); /* -1: no memory */
void multi_remove(EasyHandle *handle);
void multi_free(MultiHandle *multi);
void account_close_multis(Account *account); /* close idle multi handles, now or when idle */
void multi_act(MultiHandle *multi, int fd, int ready); /* call curl_multi_socket_action */
void multis_read_messages(Core *core);
void multis_free_closed(Core *core);
void socket_ready(Core *core, int fd, int ready);
int socket_opened(Core *core, int fd); /* 0, or -1: no memory */
void socket_begin_request(Socket *socket, int fd);   /* a request is about to be sent */
int socket_has_answer(Core *core, int fd); /* whether bytes have come since then; also after the close */
int socket_closed(void *core, int fd);               /* CURLOPT_CLOSESOCKETFUNCTION */
Socket *socket_at(Core *core, int fd);               /* NULL: not a descriptor of libcurl */
void sockets_close(Core *core);                      /* in a forked child */

/* resolver.c. `resolver_look_up` returns the addresses, which the account owns; or NULL. Then *failed is
 * getaddrinfo's code; or 0, and the ticket waits for the lookup, and is then put into Core.to_begin. */
void lookup_hold(Lookup *lookup);
void event_hold(EventNode *event, unsigned what);
const char *resolver_look_up(Account *account, const Host *host, Ticket *ticket, int *failed);
void resolver_learn(Lookup *lookup);
void resolver_free(Account *account);
int resolver_load(EasyHandle *handle, MultiHandle *multi, Ticket *ticket); /* a CURLcode */
void resolver_load_again(MultiHandle *multi); /* libcurl may not have read the last addresses */
void resolver_unload(MultiHandle *multi);

/* origins.c */
/* Returns 1; 0: the ticket waits, and is put into Core.to_begin later; -1: no memory. */
int origin_admit(Ticket *ticket);
void origin_release(Ticket *ticket); /* begin the tickets that wait for the connection of `ticket` */
void origin_learn(Ticket *ticket, int is_http2);
MultiHandle *origin_multi(Ticket *ticket); /* for the transfer of `ticket`; NULL: no memory */
int origin_speaks_http2(const Ticket *ticket);
void origins_forget_multi(MultiHandle *multi);
void origins_free(Account *account);

#endif
