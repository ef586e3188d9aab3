/* The state of the core's thread, for the files of the core alone.
 *
 * Rule: all of it belongs to the core's thread (or to the caller who takes its turns, with the gate), but
 * for what is under `lock`, and what says otherwise.
 *
 *     loop.c      the thread, turn by turn; inbox and events; the gate and forks
 *     ticket.c    tickets, plans, profiles, headers, routes: made anywhere, released anywhere
 *     queue.c     a ticket's way from the inbox to a slot, and out of the core; scopes
 *     engine.h    what the files above ask of the part that makes transfers, below
 *     clocks.c    how long a ticket may wait and take, and before when it does not begin
 *     transfer.c  a transfer, from the slot to its end; the one entrance to libcurl, and the one exit
 *     handle.c    easy handles, pooled by profile; libcurl's callbacks
 *     multi.c     multi handles and their sockets
 *     origins.c   of many transfers to a new https origin, the first makes the connection
 *     resolver.c  host names, each looked up on a thread of its own
 *     scripted.c  transfers that others answer, for tests of all that is above the wire
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

/* ---- the inbox: what other threads ask of the core's thread. Under `lock` ---- */

typedef enum { POST_TICKET, POST_ACCOUNT, POST_PROFILE, POST_LOOKUP, POST_SCOPE, POST_WAIT } PostKind;

enum {
    POST_SUBMIT = 1,    /* ticket: queue */
    POST_TRANSFER = 2,  /* ticket: begin the next transfer */
    POST_PIECE = 4,     /* ticket: a piece of the body is there */
    POST_MEMORY = 8,    /* ticket: memory for the content is there */
    POST_LEAVE = 16,    /* ticket: the slot is free */
    POST_CANCEL = 32,   /* ticket: stop */
    POST_CLOSE = 64,    /* account: close the connections when nothing is under way */
    POST_LIMIT = 128,   /* account: the limit has changed */
    POST_DISPOSE = 256, /* account, profile: the last reference has gone */
    POST_FOUND = 512,   /* lookup: there is an answer */
    POST_OPEN = 1024,   /* scope: the code begins */
    POST_SHUT = 2048,   /* scope: the code has ended */
    POST_AWAIT = 4096,  /* wait: the code is about to wait */
    POST_ANSWER = 8192, /* ticket: the answer of a scripted transfer is there */
};

typedef struct Post {
    struct Post *next;
    unsigned what; /* 0: not in the inbox */
    PostKind kind;
} Post;

/* ---- what tickets are made of ---- */

typedef struct {
    int option;
    int64_t number;
    char *text;
    struct curl_slist *list;
} Option;

struct Profile {
    Post post;
    atomic_int references;
    Core *core; /* that has handles of the profile; set by its thread */
    Option *options;
    size_t count, room;
    Link idle; /* EasyHandle.pooled: handles for the next transfers */
    size_t idle_count;
};

struct Headers {
    atomic_int references;
    struct curl_slist *list;
};

typedef struct {
    char *name;
    int port;
    char *key; /* name:port */
} Host;

struct Route {
    atomic_int references;
    char *origin;
    int is_https;
    ProxyTakes proxy_takes;
    Host hosts[2];
    int host_count;
};

struct Plan {
    atomic_int references;
    Profile *profile;
    Route *route;
    Headers *headers;
    double timeout;
    int flags;
    DecodeLimits limits;
    unsigned char statuses[LAST_STATUS / 8 + 1]; /* a bit for each */
};

struct Account {
    Post post;
    atomic_int references;
    Core *core;
    const Engine *engine;
    Slots slots;
    Link dirty;   /* among those in which a slot may be free */
    atomic_int limit;
    atomic_int is_full; /* a ticket without a scope has to wait; set by the core's thread */
    atomic_int queued, working; /* as the core's thread last said */
    Link multis;  /* MultiHandle.sibling */
    Map known_hosts; /* KnownHost.entry, by host:port */
    Map origins;  /* Origin.entry, by origin */
    int closing;  /* multi handles that are to be closed */
    unsigned closings_seen; /* the last that `closing` counts the multi handles of */
    /* Under `lock`. */
    Link tickets; /* Ticket.pending */
    size_t pending;
    unsigned times_idle;
    unsigned closings_asked, closings_done;
};

/* User code that runs on behalf of a ticket: what its threads hold of a Scope. */
struct CallbackScope {
    Post post;
    atomic_int references;
    Ticket *ticket; /* held */
    Scope *scope;   /* the core's thread's; NULL before POST_OPEN, and without memory */
    atomic_int stage; /* SCOPE_NEW, ... */
};

/* What the core's thread has been told of a scope: nothing, before the code makes a request or waits. Most
 * code does neither. */
enum { SCOPE_NEW, SCOPE_OPEN, SCOPE_SHUT };

/* User code is about to wait. */
typedef struct {
    Post post;
    CallbackScope *scope; /* held */
    Ticket *ticket;   /* held */
} ScopeWait;

typedef enum {
    STAGE_NEW,
    STAGE_DELAYED, /* does not begin before its time */
    STAGE_QUEUED,  /* waits for a slot */
    STAGE_RESOLVING,  /* waits for a name */
    STAGE_WAITING, /* waits for the first connection of an origin, or to begin again */
    STAGE_ACTIVE,  /* in libcurl, or in the hands of another engine */
    STAGE_IN_EVENT, /* has a slot, and is in the hands of whoever takes the event */
    STAGE_GONE,
} Stage;

typedef struct EventNode {
    struct EventNode *next;
    unsigned what; /* 0: not among the events */
} EventNode;

/* What a ticket needs while it has a transfer. */
typedef struct {
    Ticket *ticket;
    EasyHandle *handle; /* NULL while the transfer is not in libcurl */
    Timer silence;
    double moved;
    int is_first;  /* others may be waiting for the connection */
    int may_enter; /* has waited for a first connection */
    /* Answers of others, under `lock`. */
    const char *next_piece;
    size_t next_piece_size;
    int has_next_piece; /* or the body is refused */
    int piece_is_refused;
    char *next_memory;
    int has_next_memory; /* or there is none to be had */
    ScriptedAnswer *answer; /* owned; not of libcurl's transfers */
} Progress;

/* What a ticket with a time limit or a delay needs. */
typedef struct {
    Ticket *ticket;
    Timer timer;
    int has_timer; /* room for `timer` is reserved */
    int is_late;  /* the total timeout has come */
    double queue_timeout, total_timeout, delay; /* seconds; set by others before */
    double slot_due, end_due, begin_due; /* by clock_now; INFINITY: nothing is due */
} Clocks;

/* Phases, as the core's thread writes them and others read them. */
typedef _Atomic float Moment; /* seconds since `begun`; negative: not yet */

typedef struct {
    double begun;
    Moment named, connected, secured, sent, answered, ended;
    atomic_size_t uploaded, downloaded;
} LivePhases;

/* At that time, by clock_now. */
void moment_set(LivePhases *phases, Moment *moment, double when);

/* What has come of a transfer: see core.h. */
typedef struct {
    Buffer head, content;
    int64_t content_length; /* as announced; -1: not */
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
    Account *account;    /* held; NULL before ticket_submit */
    CallbackScope *asked_by; /* held, until the ticket is queued */
    Work work;
    Link pending;     /* among those of the account; under `lock` */
    Waiter *waiters;  /* under `waiting` */
    unsigned forks;   /* when there were these waiters; under `waiting` */
    int flags;        /* of the transfer, with the plan's */
    /* The transfer: set by others before, used by the core's thread during it. */
    Plan *plan; /* held */
    const char *url, *body;
    int64_t body_size;
    /* On its way. */
    Link link; /* among those that wait with it, or are to begin */
    Progress *progress; /* owned; NULL: no transfer is under way */
    Clocks *clocks;     /* owned; NULL: none */
    Received *received; /* owned; NULL before the transfer, and when the answer has been forgotten */
};

/* ---- handles ---- */

struct EasyHandle {
    CURL *easy;
    Core *core;
    Profile *profile; /* held by the ticket, or has the handle among its idle ones */
    Headers *headers; /* held; what the handle has set */
    Link pooled;
    /* For the present transfer. */
    Ticket *ticket;
    MultiHandle *multi;
    Link active; /* among those of the multi */
    int sendings;     /* PREREQFUNCTION was called so often */
    int is_stale;     /* refused before a byte was written */
    int is_paused;
    int fd;
    double entered;
    int waits_for_connection, is_on_new_connection, is_traced, has_target; /* set on the handle */
    int content_has_begun;
    int awaits_memory; /* the content stays in libcurl meanwhile */
    OutcomeKind refusal; /* why a callback ended the transfer; OUTCOME_ANSWERED: none did */
    int refusal_code;
    Decoder *decoder;
    struct curl_slist *resolve, *connect_to; /* owned */
    const char *piece;
    size_t piece_size;
    int piece_state;
    int64_t progress[4];
    char message[CURL_ERROR_SIZE];
};

struct MultiHandle {
    CURLM *multi;
    Core *core;
    Account *account;
    Link sibling;
    Link active; /* EasyHandle.active */
    int active_count;
    int running; /* as libcurl last said */
    Timer timer;
    Link touched; /* among those whose messages have to be read */
    Link closing; /* among those to be freed */
    int is_closing;
    Map loaded;   /* Loaded.entry: hosts whose addresses libcurl was given */
};

/* A descriptor that libcurl has, by its number. */
typedef struct {
    MultiHandle *multi; /* NULL: none of libcurl's */
    int watched;        /* what the poller watches it for */
    int wanted;         /* what libcurl wants, as READABLE and WRITABLE; 0 while idle */
    int is_connection;  /* made for a connection, and closed by `socket_closed` */
    int is_http1;       /* an answer in HTTP/1 has come on it */
    double moved;       /* when something last happened */
} Socket;

/* ---- the core ---- */

/* A thread in core_wait; the struct is the thread's. */
typedef struct WaitingThread {
    struct WaitingThread *next;
    pthread_cond_t called;
    int is_called;
    int has_role;
} WaitingThread;

struct Core {
    pthread_mutex_t lock;
    Post *inbox, **inbox_end;   /* under `lock` */
    /* Who takes the turns, under `lock`. */
    int is_asleep;              /* the thread that takes the turns: a post has to wake that thread */
    int is_resting;             /* the core's thread waits for `roused`, and not for sockets */
    int is_driven;              /* a caller takes the turns in the place of the core's thread */
    int refusals;               /* so many callers more are refused that place */
    pthread_cond_t roused;
    EventNode *events, **events_end; /* under `lock` */
    WaitingThread *waiting;       /* threads in core_wait, the last first; under `lock` */
    int is_dispatched;          /* a thread has the dispatcher's role; under `lock` */
    pthread_cond_t changed;     /* an account is idle, or closed; with `lock` */
    int has_unannounced_events;               /* events that nobody was told of */

    pthread_mutex_t gate;
    atomic_int gate_waiters; /* threads that wait for the gate */
    atomic_int is_parked; /* the gate is not given back any more */
    int is_gone; /* the process has forked, and this is the child; under `lock` */

    Poller poller;
    Timers timers;   /* libcurl's */
    Timers ticket_timers; /* those of tickets, after libcurl has acted */
    double now;      /* when the thread last woke */
    Socket *sockets;
    size_t socket_room;
    int active;   /* transfers in libcurl */
    Link touched; /* MultiHandle.touched */
    Link to_begin;   /* Ticket.link: to begin, in this turn or the next */
    Link dirty;   /* Account.dirty */
    int has_submitted; /* a ticket has been queued since the last look for what may begin */
    Link closing; /* MultiHandle.closing: to be freed at the end of the turn */
    unsigned versions; /* of addresses, counted */
};

int core_submit(Core *core, Ticket *ticket); /* from any thread; -1 when the core is gone */
int core_submit_and_wait(Core *core, Ticket *ticket, double seconds);
/* loop.c. `core_tell` gives the taker a reference to the event's ticket or lookup. */
int core_post(Core *core, Post *post, unsigned what); /* from any thread; -1 when the core is gone */
void core_tell(Core *core, EventNode *event, unsigned what);
/* A detached thread that takes no signals: those are for the program's own. Returns 0, or an errno. */
int start_thread(void *(*function)(void *), void *argument);
void account_tell_closed(Account *account);
void scope_announce(CallbackScope *scope); /* that the code has begun, if that has not been said */

/* ticket.c */
Received *received_new(void); /* NULL: no memory */
void received_free(Received *received);
void ticket_set_received(Ticket *ticket, Received *received); /* the ticket owns it then */
TransferError *ticket_make_error(Ticket *ticket); /* NULL: no memory */
void ticket_set_progress(Ticket *ticket, Progress *progress); /* others look at it under `lock` */
void profile_dispose(Profile *profile);
void account_dispose(Account *account);
int plan_observes(const Plan *plan, int status);

/* queue.c: a ticket's way from the inbox to its slot, and out of the core */
void queue_submit(Ticket *ticket);
void queue_transfer(Ticket *ticket);
void queue_leave(Ticket *ticket);  /* also when a plain request has ended */
void queue_cancel(Ticket *ticket);
void queue_go_on(Ticket *ticket); /* the delay is over */
void queue_expire(Ticket *ticket, OutcomeKind outcome); /* a timeout has come */
void queue_tell_ended(Ticket *ticket); /* a transfer has ended: done, or an event */
void queue_open(CallbackScope *scope);
void queue_shut(CallbackScope *scope);
void queue_dispose(CallbackScope *scope);
void queue_await(ScopeWait *wait);
void account_apply_limit(Account *account);
void accounts_pump(Core *core);
void ticket_lock_waiters(void);   /* around a fork */
void ticket_unlock_waiters(void);
void ticket_forget_waiters(void); /* and unlock: in a forked child */

/* clocks.c */
void clocks_start(Ticket *ticket);
int clocks_hold_back(Ticket *ticket); /* returns whether the next transfer has to wait */
void clocks_wait_for_slot(Ticket *ticket);
void clocks_have_slot(Ticket *ticket);
int clocks_are_late(const Ticket *ticket);
void clocks_stop(Ticket *ticket);

/* transfer.c: libcurl's engine */
void transfers_begin_again(Core *core); /* those that have waited for something */
void transfer_end(Ticket *ticket, OutcomeKind outcome, int code);
void transfer_done(EasyHandle *handle, int code); /* libcurl says so */

/* A lookup under way, or a host name's that others look up. */
struct Lookup {
    Post post;
    EventNode event;
    atomic_int references;
    Account *account; /* held */
    Host host;        /* owned copies */
    /* The answer, under `lock`. */
    char *addresses;
    int code;
};

/* handle.c */
EasyHandle *handle_take(Core *core, Profile *profile, int *code); /* NULL: *code says why */
void handle_give_back(EasyHandle *handle);
int handle_prepare(EasyHandle *handle, Ticket *ticket); /* a CURLcode */
void handle_free(EasyHandle *handle);
void handle_take_piece(EasyHandle *handle); /* that others have brought */

/* multi.c */
MultiHandle *multi_with_room(Account *account); /* NULL: no memory */
int multi_add(MultiHandle *multi, EasyHandle *handle); /* -1: no memory */
void multi_remove(EasyHandle *handle);
void multi_free(MultiHandle *multi);
void account_close_multis(Account *account); /* close its multi handles when they are idle */
void multi_act(MultiHandle *multi, int fd, int ready); /* have libcurl act */
void multis_read_messages(Core *core);
void multis_free_closed(Core *core);
void socket_ready(Core *core, int fd, int ready);
int socket_opened(void *core, int fd, int purpose);  /* CURLOPT_SOCKOPTFUNCTION */
int socket_closed(void *core, int fd);               /* CURLOPT_CLOSESOCKETFUNCTION */
Socket *socket_at(Core *core, int fd);               /* NULL: libcurl has none */
void sockets_close(Core *core);                      /* in a forked child */

/* resolver.c. `resolver_look_up`: the addresses, or NULL; then *failed is getaddrinfo's code, or 0 while the
 * name is looked up: the ticket waits, and begins again afterwards. */
void lookup_hold(Lookup *lookup);
void event_hold(EventNode *event, unsigned what);
const char *resolver_look_up(Account *account, const Host *host, Ticket *ticket, int *failed);
void resolver_learn(Lookup *lookup);
void resolver_free(Account *account);
int resolver_load(EasyHandle *handle, MultiHandle *multi, Ticket *ticket); /* a CURLcode */
void resolver_unload(MultiHandle *multi);

/* origins.c */
int origin_admit(Ticket *ticket); /* 0: the ticket waits, and begins again afterwards; -1: no memory */
void origin_release(Ticket *ticket); /* others need not wait for the ticket any more */
void origin_learn(Ticket *ticket, int is_http2);
MultiHandle *origin_multi(Ticket *ticket); /* where its transfers go; NULL: no memory */
int origin_speaks_http2(const Ticket *ticket);
void origins_forget_multi(MultiHandle *multi);
void origins_free(Account *account);

#endif
