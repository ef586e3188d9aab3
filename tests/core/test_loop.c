/* The core without an interpreter: the loop, the queue, and libcurl against a server in this process.
 *
 *     test_loop LIBCURL [REQUESTS]
 *
 * The server answers every path at once, except /silent (no answer) and /close (the server reads the request
 * and closes the connection). /large has a content of 2 MB. The server counts requests, and is a separate
 * process: AddressSanitizer has a lock for the beginning and the end of threads, and a fork while a thread
 * holds the lock stops the child.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "curl.h"
#include "state.h"

enum { PATIENCE = 60 }; /* seconds */

/* ---- the server ---- */

enum { ORDERED = 300 };

/* Counters of the server, in memory that both processes share. */
typedef struct {
    atomic_int requests, closes, ordered;
    char order[ORDERED][16];
} Served;

static int port;
static Served *served;

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello";

enum { LARGE = 2 << 20 };

static char large[LARGE]; /* filled before the first request */

static char letter_at(size_t place) { return (char)('a' + place % 23); }

static int write_all(int fd, const char *bytes, size_t size) {
    for (ssize_t written; size > 0; bytes += written, size -= (size_t)written)
        if ((written = write(fd, bytes, size)) < 0) return -1;
    return 0;
}

static int answer_large(int fd) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 2097152\r\n\r\n";
    return write_all(fd, head, sizeof head - 1) < 0 ? -1 : write_all(fd, large, LARGE);
}

static int answer(int fd, const char *request) {
    char path[16] = "";
    sscanf(request, "%*s /%15[^ ]", path);
    atomic_fetch_add(&served->requests, 1);
    if (strncmp(path, "order", 5) == 0)
        strcpy(served->order[atomic_fetch_add(&served->ordered, 1)], path);
    if (strcmp(path, "close") == 0) {
        atomic_fetch_add(&served->closes, 1);
        return -1;
    }
    if (strcmp(path, "silent") == 0) return 0;
    if (strcmp(path, "large") == 0) return answer_large(fd);
    return write(fd, ANSWER, sizeof ANSWER - 1) == (ssize_t)(sizeof ANSWER - 1) ? 0 : -1;
}

static void *serve(void *argument) {
    int fd = (int)(intptr_t)argument;
    char text[4096];
    size_t size = 0;
    for (ssize_t got; (got = read(fd, text + size, sizeof text - 1 - size)) > 0;) {
        size += (size_t)got;
        text[size] = '\0';
        for (char *end; (end = strstr(text, "\r\n\r\n")) != NULL;) {
            if (answer(fd, text) < 0) {
                close(fd);
                return NULL;
            }
            size -= (size_t)(end + 4 - text);
            memmove(text, end + 4, size + 1);
        }
    }
    close(fd);
    return NULL;
}

static void accept_all(int listening) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < LARGE; i++) large[i] = letter_at(i);
    for (int fd; (fd = accept(listening, NULL, NULL)) >= 0;)
        CHECK(start_thread(serve, (void *)(intptr_t)fd) == 0);
}

static void start_server(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 128) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    port = ntohs(address.sin_port);
    served = mmap(NULL, sizeof *served, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(served != MAP_FAILED);
    pid_t server = fork();
    CHECK(server >= 0);
    if (server == 0) {
        accept_all(fd);
        _exit(1);
    }
    close(fd);
}

/* ---- requests ---- */

static Plan *plan, *observed_plan, *upload_plan;

static Plan *make_plan(int observes, int uploads) {
    char statuses[LAST_STATUS + 1] = {0};
    DecodeLimits limits = {.ratio = 100};
    const char *line = "accept:";
    statuses[200] = (char)observes;
    Profile *profile = profile_new();
    CHECK(profile_add_text(profile, 10004, "") == 0); /* CURLOPT_PROXY */
    if (uploads) CHECK(profile_add_number(profile, 46, 1) == 0); /* CURLOPT_UPLOAD */
    Headers *headers = headers_new(&line, 1);
    Route *route = route_new("test", 0, PROXY_NAMES);
    Plan *made = plan_new(profile, route, headers, -1, TRANSFER_DECODE, &limits, statuses);
    profile_release(profile);
    headers_release(headers);
    route_release(route);
    return made;
}

/* The URL of a path; never freed. */
static const char *url_of(const char *path) {
    static char urls[ORDERED + 4][64];
    char url[64];
    int i = 0;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s", port, path);
    while (urls[i][0] && strcmp(urls[i], url) != 0) i++;
    if (!urls[i][0]) strcpy(urls[i], url);
    return urls[i];
}

static Ticket *submit_with_plan(Plan *how, Account *account, const char *path) {
    Ticket *ticket = ticket_new(account, account, 0);
    ticket_set_transfer(ticket, how, url_of(path), 0, NULL, -1);
    CHECK(ticket_submit(ticket, NULL) == 0);
    return ticket;
}

static Ticket *submit_request(Account *account, const char *path) {
    return submit_with_plan(plan, account, path);
}

static void wake(void *wakeup) {
    pthread_mutex_lock(wakeup);
    pthread_mutex_unlock(wakeup);
}

/* Wait as long as some requests end: a million requests take minutes on a busy machine. */
static int wait_while_requests_end(Account *account) {
    size_t before = SIZE_MAX;
    for (size_t left; (left = account_pending(account)) < before; before = left)
        if (account_wait(account, PATIENCE)) return 1;
    return 0;
}

/* A macro: a failure names the line of the test. */
#define WAIT_UNTIL_IDLE(account) CHECK(wait_while_requests_end(account))

static void cancel(Ticket *ticket) {
    if (ticket_settle(ticket, STATE_CANCELLED)) ticket_cancel(ticket);
}

static Event next_event(Core *core, int *has_role) {
    Event event;
    for (;;) {
        if (core_take_events(core, &event, 1) == 1) return event;
        *has_role = core_wait(core, PATIENCE, *has_role) == WAIT_ROLE;
        CHECK(*has_role);
    }
}

/* ---- tests ---- */

static void test_plain_requests_end_in_the_core(int count) {
    Account *account = account_new(core_get(), 20);
    Ticket **tickets = calloc((size_t)count, sizeof *tickets);
    for (int i = 0; i < count; i++) tickets[i] = submit_request(account, "x");
    WAIT_UNTIL_IDLE(account);
    for (int i = 0; i < count; i++) {
        CHECK(ticket_state(tickets[i]) == STATE_FINISHED);
        CHECK(ticket_status(tickets[i]) == 200);
        CHECK(ticket_content(tickets[i])->size == 5);
        ticket_release(tickets[i]);
    }
    free(tickets);
    account_release(account);
}

/* On a new connection, then on the same connection: the phases are in order, also during the transfer. */
static void test_phases_are_read_at_any_time(void) {
    Account *account = account_new(core_get(), 1);
    Phases phases;
    for (int is_reused = 0; is_reused < 2; is_reused++) {
        Ticket *ticket = ticket_new(account, account, 0);
        CHECK(ticket_phases(ticket, &phases) == 0);
        ticket_set_transfer(ticket, plan, url_of("x"), 0, NULL, -1);
        CHECK(ticket_submit(ticket, NULL) == 0);
        while (!(ticket_state(ticket) & STATE_DONE)) {
            if (ticket_phases(ticket, &phases)) CHECK(phases.begun > 0 && phases.begun <= clock_now());
        }
        CHECK(ticket_phases(ticket, &phases) == 1);
        CHECK(0 <= phases.named && phases.named <= phases.sent);
        CHECK(is_reused ? phases.connected < 0
                        : phases.named <= phases.connected && phases.connected <= phases.sent);
        CHECK(phases.secured < 0); /* no TLS */
        CHECK(phases.sent <= phases.answered && phases.answered <= phases.ended);
        CHECK(phases.uploaded == 0);
        CHECK(phases.downloaded == ticket_head(ticket)->size + ticket_content(ticket)->size);
        ticket_forget_answer(ticket);
        CHECK(ticket_phases(ticket, &phases) == 0);
        ticket_release(ticket);
    }
    account_release(account);
}

/* A thread that sees that a request is done may read the answer at once. */
static void test_done_request_is_not_under_way(void) {
    Account *account = account_new(core_get(), 1);
    for (int i = 0; i < 500; i++) {
        Ticket *ticket = submit_request(account, "x");
        while (!(ticket_state(ticket) & STATE_DONE)) continue;
        CHECK(!ticket_is_under_way(ticket));
        CHECK(ticket_content(ticket)->size == 5);
        ticket_release(ticket);
    }
    account_release(account);
}

static void test_limit_of_one_keeps_order(void) {
    Account *account = account_new(core_get(), 1);
    Ticket *tickets[ORDERED];
    for (int i = 0; i < ORDERED; i++) {
        char path[24];
        snprintf(path, sizeof path, "order%d", i);
        tickets[i] = submit_request(account, path);
    }
    WAIT_UNTIL_IDLE(account);
    CHECK(atomic_load(&served->ordered) == ORDERED);
    for (int i = 0; i < ORDERED; i++) {
        char path[24];
        snprintf(path, sizeof path, "order%d", i);
        CHECK(strcmp(served->order[i], path) == 0);
        ticket_release(tickets[i]);
    }
    account_release(account);
}

static void test_observed_requests_are_events(void) {
    enum { COUNT = 200 };
    Core *core = core_get();
    Account *account = account_new(core, 10);
    Ticket *tickets[COUNT];
    int has_role = 0;
    for (int i = 0; i < COUNT; i++) {
        tickets[i] = submit_with_plan(i % 2 ? observed_plan : plan, account, "x");
        if (i % 2 == 0) ticket_observe(tickets[i]);
    }
    int finished = 0, plain = 0;
    for (int i = 0; i < COUNT; i++) finished += (ticket_state(tickets[i]) & STATE_DONE) != 0;
    for (int left = COUNT - finished; left > 0; left--) {
        Event event = next_event(core, &has_role);
        CHECK(event.what & EVENT_ENDED);
        plain += (event.what & EVENT_PLAIN) != 0;
        CHECK(ticket_settle(event.ticket, STATE_FINISHED));
        ticket_leave(event.ticket);
        ticket_release(event.ticket);
    }
    CHECK(plain == COUNT / 2 - finished);
    WAIT_UNTIL_IDLE(account);
    for (int i = 0; i < COUNT; i++) ticket_release(tickets[i]);
    core_pass_on(core);
    account_release(account);
}

static void test_cancel_at_every_moment(int count) {
    Account *account = account_new(core_get(), 8);
    unsigned seed = 1;
    for (int round = 0; round < count; round++) {
        Ticket *tickets[16];
        for (int i = 0; i < 16; i++) tickets[i] = submit_request(account, rand_r(&seed) % 4 ? "x" : "silent");
        struct timespec pause = {0, rand_r(&seed) % 300000};
        nanosleep(&pause, NULL);
        for (int i = 0; i < 16; i++) cancel(tickets[i]);
        WAIT_UNTIL_IDLE(account);
        for (int i = 0; i < 16; i++) ticket_release(tickets[i]);
    }
    account_release(account);
}

static void test_close_with_transfers_under_way(void) {
    Account *account = account_new(core_get(), 4);
    Ticket *silent = submit_request(account, "silent");
    Ticket *other = submit_request(account, "x");
    account_close(account);
    cancel(silent);
    WAIT_UNTIL_IDLE(account);
    account_close(account);
    CHECK(account_join(account, PATIENCE));
    ticket_release(silent);
    ticket_release(other);
    account_release(account);
}

static void test_request_is_written_once(void) {
    Core *core = core_get();
    Account *account = account_new(core, 1);
    int has_role = 0;
    Ticket *first = submit_request(account, "x");
    WAIT_UNTIL_IDLE(account);
    Ticket *closed = submit_request(account, "close"); /* on the kept connection */
    Event event = next_event(core, &has_role);
    CHECK(event.ticket == closed && event.what == EVENT_ENDED);
    CHECK(ticket_outcome(closed) == OUTCOME_FAILED);
    CHECK(ticket_error(closed)->code == CURLE_GOT_NOTHING);
    CHECK(ticket_error(closed)->is_reused && !ticket_error(closed)->has_begun);
    CHECK(atomic_load(&served->closes) == 1);
    ticket_settle(closed, STATE_FINISHED);
    ticket_leave(closed);
    WAIT_UNTIL_IDLE(account);
    core_pass_on(core);
    ticket_release(event.ticket);
    ticket_release(closed);
    ticket_release(first);
    account_release(account);
}

static void test_fork_while_core_is_busy(int children) {
    Account *account = account_new(core_get(), 8);
    /* Have the core's thread begin before the forks: AddressSanitizer holds a lock of its allocator while a
     * thread begins. */
    ticket_release(submit_request(account, "x"));
    WAIT_UNTIL_IDLE(account);
    for (int i = 0; i < children; i++) {
        Ticket *tickets[50];
        for (int j = 0; j < 50; j++) tickets[j] = submit_request(account, "x");
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            Ticket *lost = ticket_new(account, NULL, 0);
            ticket_set_transfer(lost, plan, "http://127.0.0.1/", 0, NULL, -1);
            CHECK(ticket_submit(lost, NULL) < 0);
            Account *own = account_new(core_get(), 2);
            Ticket *mine = submit_request(own, "x");
            WAIT_UNTIL_IDLE(own);
            _exit(ticket_state(mine) == STATE_FINISHED ? 0 : 1);
        }
        int status;
        WAIT_UNTIL_IDLE(account);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        for (int j = 0; j < 50; j++) {
            CHECK(ticket_state(tickets[j]) == STATE_FINISHED);
            ticket_release(tickets[j]);
        }
    }
    account_release(account);
}

static void let_turns_pass(void) {
    Account *account = account_new(core_get(), 1);
    for (int i = 0; i < 20; i++) {
        Ticket *ticket = submit_request(account, "x");
        WAIT_UNTIL_IDLE(account);
        ticket_release(ticket);
    }
    account_release(account);
}

static void test_content_waits_for_memory_while_body_is_sent(void) {
    static char memory[LARGE];
    Core *core = core_get();
    Account *account = account_new(core, 1);
    Ticket *ticket = ticket_new(account, account, 0);
    int has_role = 0;
    ticket_set_transfer(ticket, upload_plan, url_of("large"), TRANSFER_READ_BODY, NULL, 4);
    CHECK(ticket_submit(ticket, NULL) == 0);
    for (unsigned what = 0; what != (EVENT_NEEDS_PIECE | EVENT_NEEDS_MEMORY);) {
        Event event = next_event(core, &has_role);
        what |= event.what;
        ticket_release(event.ticket);
    }
    ticket_give_piece(ticket, "body", 4); /* the server has answered before */
    let_turns_pass();
    ticket_give_memory(ticket, memory);
    Event event = next_event(core, &has_role);
    CHECK(event.what == EVENT_ENDED && ticket_outcome(ticket) == OUTCOME_ANSWERED);
    CHECK(ticket_content(ticket)->size == LARGE && ticket_content(ticket)->bytes == memory);
    for (size_t i = 0; i < LARGE; i++) CHECK(memory[i] == letter_at(i));
    ticket_settle(ticket, STATE_FINISHED);
    ticket_leave(ticket);
    WAIT_UNTIL_IDLE(account);
    core_pass_on(core);
    ticket_release(event.ticket);
    ticket_release(ticket);
    account_release(account);
}

static void *request_and_wait(void *account) {
    for (int i = 0; i < 100; i++) {
        Ticket *ticket = ticket_new(account, account, 0);
        ticket_set_transfer(ticket, plan, url_of("x"), 0, NULL, -1);
        CHECK(ticket_submit_and_wait(ticket, PATIENCE) == 0);
        while (!(ticket_state(ticket) & STATE_DONE)) {
            ticket_take_turns(ticket, 0.01);
            sched_yield();
        }
        CHECK(ticket_state(ticket) & STATE_FINISHED);
        ticket_release(ticket);
    }
    return NULL;
}

/* Poll, since no event comes, until the core's thread rests and the next caller may take its place. */
static void wait_until_resting(Core *core) {
    for (int is_resting = 0; !is_resting; sched_yield()) {
        pthread_mutex_lock(&core->lock);
        is_resting = core->is_resting && core->is_asleep && !core->is_driven;
        core->refusals = 0;
        pthread_mutex_unlock(&core->lock);
    }
}

static int is_driven(Core *core) {
    pthread_mutex_lock(&core->lock);
    int is = core->is_driven;
    pthread_mutex_unlock(&core->lock);
    return is;
}

static void test_single_caller_takes_turns(void) {
    Core *core = core_get();
    Account *account = account_new(core, 1);
    for (int i = 0; i < 100; i++) {
        Ticket *ticket = ticket_new(account, account, 0);
        ticket_set_transfer(ticket, plan, url_of("x"), 0, NULL, -1);
        wait_until_resting(core);
        CHECK(ticket_submit_and_wait(ticket, PATIENCE) == 0);
        CHECK(ticket_state(ticket) & STATE_FINISHED); /* the call itself has waited */
        ticket_release(ticket);
    }
    account_release(account);
}

static void *wait_for_observed(void *ticket) {
    CHECK(ticket_submit_and_wait(ticket, 10 * PATIENCE) == 0); /* longer than the test may take */
    return NULL;
}

static void test_settling_wakes_driving_caller(void) {
    Core *core = core_get();
    Account *account = account_new(core, 1);
    int has_role = 0;
    pthread_t caller;
    Ticket *ticket = ticket_new(account, account, 0);
    ticket_set_transfer(ticket, observed_plan, url_of("x"), 0, NULL, -1);
    wait_until_resting(core);
    CHECK(pthread_create(&caller, NULL, wait_for_observed, ticket) == 0);
    Event event = next_event(core, &has_role);
    CHECK(is_driven(core));
    ticket_settle(event.ticket, STATE_FINISHED);
    ticket_wake(event.ticket);
    ticket_tell_driver(event.ticket);
    CHECK(pthread_join(caller, NULL) == 0); /* before the ticket leaves */
    ticket_leave(event.ticket);
    WAIT_UNTIL_IDLE(account);
    core_pass_on(core);
    ticket_release(event.ticket);
    ticket_release(ticket);
    account_release(account);
}

static void fork_and_wait(void) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(0);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
}

static atomic_int forks_are_over;

static void *request_during_forks(void *account) {
    while (!atomic_load(&forks_are_over)) request_and_wait(account);
    return NULL;
}

static void test_callers_take_turns_during_forks(int forks) {
    enum { CALLERS = 4 };
    Account *account = account_new(core_get(), 2);
    pthread_t callers[CALLERS];
    request_and_wait(account); /* alone */
    for (int i = 0; i < CALLERS; i++)
        CHECK(pthread_create(&callers[i], NULL, request_during_forks, account) == 0);
    for (int i = 0; i < forks; i++) fork_and_wait();
    atomic_store(&forks_are_over, 1);
    for (int i = 0; i < CALLERS; i++) CHECK(pthread_join(callers[i], NULL) == 0);
    WAIT_UNTIL_IDLE(account);
    account_release(account);
}

/* ---- the end of the process ---- */

static Core *_Atomic core_to_park; /* in the next fork; NULL: no core */
static atomic_int has_parked;

static void *park(void *unused) {
    (void)unused;
    core_park();
    atomic_store(&has_parked, 1);
    return NULL;
}

/* The core set its own handler later, so that the core's handler has run already: the fork has the gate. */
static void park_in_fork(void) {
    Core *core = atomic_exchange(&core_to_park, NULL);
    if (core == NULL) return;
    CHECK(start_thread(park, NULL) == 0);
    while (atomic_load(&core->gate_waiters) == 0) sched_yield();
}

static void test_process_ends_during_fork(void) {
    const struct timespec pause = {0, 10000000};
    atomic_store(&core_to_park, core_get());
    fork_and_wait();
    for (int i = 0; i < 1000 && !atomic_load(&has_parked); i++) nanosleep(&pause, NULL);
    CHECK(atomic_load(&has_parked));
    fork_and_wait(); /* the parked process still forks */
}

static void test_parked_core_makes_no_transfer(void) {
    Account *account = account_new(core_get(), 4);
    core_park();
    core_park(); /* the end of a process may call this twice */
    Ticket *ticket = submit_request(account, "x");
    CHECK(!account_wait(account, 0.05));
    CHECK(!(ticket_state(ticket) & STATE_DONE));
    ticket_release(ticket);
}

static Plan *plan_to(const char *name) {
    char statuses[LAST_STATUS + 1] = {0}, origin[64];
    DecodeLimits limits = {.ratio = 100};
    Route *route = NULL;
    snprintf(origin, sizeof origin, "%s:%d", name, port);
    route = route_new(origin, 0, PROXY_NAMES);
    CHECK(route != NULL && route_add_host(route, name, port) == 0);
    Plan *made = plan_new(plan->profile, route, plan->headers, -1, 0, &limits, statuses);
    route_release(route);
    return made;
}

/* Make a request that the server reads, and ends without an answer. */
static void ask_host(Account *account, const char *name, int *has_role) {
    Core *core = account->core;
    char url[64];
    snprintf(url, sizeof url, "http://%s:%d/close", name, port);
    Plan *to_name = plan_to(name);
    Ticket *ticket = ticket_new(account, account, 0);
    ticket_set_transfer(ticket, to_name, url, TRANSFER_RESOLVE_BY_EVENT, NULL, -1);
    CHECK(ticket_submit(ticket, NULL) == 0);
    Event event = next_event(core, has_role);
    CHECK(event.what & EVENT_NEEDS_NAME);
    lookup_finish(event.lookup, "127.0.0.1", 0);
    lookup_release(event.lookup);
    event = next_event(core, has_role);
    CHECK(event.ticket == ticket && event.what & EVENT_ENDED);
    CHECK(ticket_error(ticket) != NULL && ticket_error(ticket)->request_size > 0);
    ticket_settle(ticket, STATE_FINISHED);
    ticket_leave(ticket);
    ticket_release(event.ticket);
    ticket_release(ticket);
    plan_release(to_name);
}

/* As many names as a program asks for, a few are remembered: see MOST and MOST_LOADED in resolver.c. */
static void test_names_are_forgotten(void) {
    enum { NAMES = 4200, MOST = 4096, MOST_LOADED = 1024 };
    Core *core = core_get();
    Account *account = account_new(core, 1);
    int has_role = 0;
    for (int i = 0; i < NAMES; i++) {
        char name[24];
        snprintf(name, sizeof name, "name%d.test", i);
        ask_host(account, name, &has_role);
    }
    WAIT_UNTIL_IDLE(account);
    CHECK(account->known_hosts.count > 0 && account->known_hosts.count <= MOST);
    MultiHandle *multi = CONTAINER(account->multis.next, MultiHandle, sibling);
    CHECK(multi->loaded.count > 0 && multi->loaded.count <= MOST_LOADED);
    core_pass_on(core);
    account_release(account);
}

int main(int count, char **arguments) {
    CHECK(count > 1);
    void *library = dlopen(arguments[1], RTLD_NOW);
    CHECK(library != NULL && curl_find(library) == NULL && zlib_find(library) == 0);
    int requests = count > 2 ? atoi(arguments[2]) : 5000;
    waiters_wake_by(wake);
    signal(SIGPIPE, SIG_IGN); /* as Python does: otherwise no caller takes turns */
    CHECK(pthread_atfork(park_in_fork, NULL, NULL) == 0); /* before there is a core */
    start_server();
    plan = make_plan(0, 0);
    observed_plan = make_plan(1, 0);
    upload_plan = make_plan(1, 1);
    /* Fork before the million requests, whose memory would make each fork take a tenth of a second. But first
     * have the core's thread begin: AddressSanitizer holds a lock while a thread begins. */
    test_plain_requests_end_in_the_core(20);
    test_fork_while_core_is_busy(requests / 500);
    test_callers_take_turns_during_forks(20 + requests / 500);
    test_plain_requests_end_in_the_core(requests);
    test_phases_are_read_at_any_time();
    test_done_request_is_not_under_way();
    test_limit_of_one_keeps_order();
    test_observed_requests_are_events();
    test_cancel_at_every_moment(requests / 50);
    test_close_with_transfers_under_way();
    test_request_is_written_once();
    test_content_waits_for_memory_while_body_is_sent();
    test_names_are_forgotten();
    test_single_caller_takes_turns();
    test_settling_wakes_driving_caller();
    test_process_ends_during_fork();
    test_parked_core_makes_no_transfer();
    printf("%d requests read by the server; all as it should be\n", atomic_load(&served->requests));
    return 0;
}
