/* The end of a process by exit() while transfers over https are under way.
 *
 *     test_exit LIBCURL AUTHORITY URL [ENDS]
 *
 * exit() runs OpenSSL's clean-up, which frees memory that all threads in OpenSSL use: from `core_park` on the
 * core's thread has to stay outside OpenSSL. Each end is the end of a forked child; the parent has no other
 * thread and no core.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "core.h"
#include "curl.h"

enum {
    PATIENCE = 60,        /* seconds */
    AT_ONCE = 8,          /* transfers */
    REQUESTS = 2000,      /* more than any server answers before the end */
    LAST_PAUSE = 8000000, /* nanoseconds: some handshakes have ended by then */
    SLEEP_BEFORE_EXIT = 10000000,    /* nanoseconds: a thread that goes on uses freed memory */
};

enum { PROXY = 10004, AUTHORITY = 10065 }; /* CURLOPT_PROXY, CURLOPT_CAINFO */

static Plan *make_plan(const char *authority) {
    DecodeLimits limits = {.ratio = 100};
    const char statuses[LAST_STATUS + 1] = {0};
    const char *line = "accept:";
    Profile *profile = profile_new();
    CHECK(profile != NULL && profile_add_text(profile, PROXY, "") == 0);
    CHECK(profile_add_text(profile, AUTHORITY, authority) == 0);
    Headers *headers = headers_new(&line, 1);
    Route *route = route_new("test", 1, PROXY_NAMES);
    CHECK(headers != NULL && route != NULL);
    /* Handshakes use most of the memory that OpenSSL's clean-up frees: hence new connections. */
    int flags = TRANSFER_DECODE | TRANSFER_ON_NEW_CONNECTION;
    Plan *plan = plan_new(profile, route, headers, PATIENCE, flags, &limits, statuses);
    CHECK(plan != NULL);
    return plan;
}

static Ticket *submit_request(Account *account, Plan *plan, const char *url) {
    Ticket *ticket = ticket_new(account, account, 0);
    CHECK(ticket != NULL);
    ticket_set_transfer(ticket, plan, url, 0, NULL, -1);
    CHECK(ticket_submit(ticket, NULL) == 0);
    return ticket;
}

static void check_answer(Account *account, Plan *plan, const char *url) {
    Ticket *ticket = submit_request(account, plan, url);
    CHECK(account_wait(account, PATIENCE));
    CHECK(ticket_outcome(ticket) == OUTCOME_ANSWERED && ticket_status(ticket) == 200);
    ticket_release(ticket);
}

static void sleep_for(long nanoseconds) {
    struct timespec time = {.tv_nsec = nanoseconds};
    nanosleep(&time, NULL);
}

/* Exit handlers run in the reverse order: `sleep_before_exit` runs after OpenSSL's clean-up. */
static void sleep_before_exit(void) { sleep_for(SLEEP_BEFORE_EXIT); }

/* Called in a child. After `pause` the process ends, with the core's thread somewhere in its transfers. */
_Noreturn static void end_during_transfer(const char *authority, const char *url, long pause) {
    alarm(PATIENCE); /* after a crash in a thread the other thread may wait for ever */
    CHECK(atexit(sleep_before_exit) == 0);
    Plan *plan = make_plan(authority);
    Account *account = account_new(core_get(), AT_ONCE);
    CHECK(account != NULL);
    check_answer(account, plan, url);
    for (int i = 0; i < REQUESTS; i++) ticket_release(submit_request(account, plan, url));
    sleep_for(pause);
    CHECK(account_pending(account) > AT_ONCE);
    core_park();
    exit(0);
}

static void test_end(const char *authority, const char *url, long pause) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) end_during_transfer(authority, url, pause);
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) fprintf(stderr, "ended by signal %d\n", WTERMSIG(status));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int count, char **arguments) {
    CHECK(count > 3);
    void *library = dlopen(arguments[1], RTLD_NOW);
    CHECK(library != NULL && curl_find(library) == NULL && zlib_find(library) == 0);
    int ends = count > 4 ? atoi(arguments[4]) : 100;
    unsigned seed = 1;
    signal(SIGPIPE, SIG_IGN); /* as Python does */
    for (int i = 0; i < ends; i++)
        test_end(arguments[2], arguments[3], rand_r(&seed) % LAST_PAUSE);
    printf("%d ends with transfers under way; no fault\n", ends);
    return 0;
}
