/* The whole core with the scripted engine, without libcurl and without a socket.
 *
 *     test_queue [STEPS]
 *
 * First, a model checks step by step the order in which requests begin: in random histories of requests,
 * requests of callbacks, answers, failures, second transfers, cancellations and changes of the limit.
 * Then several threads do the same at once. Only the end is known there: each request ends once.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "state.h"

enum { PATIENCE = 60 }; /* seconds */

static const char HEAD[] = "HTTP/1.1 203 Second Hand\r\n\r\n", CONTENT[] = "content";

static Plan *plan;

static Plan *make_plan(void) {
    char statuses[LAST_STATUS + 1] = {0};
    DecodeLimits limits = {.ratio = 100};
    Profile *profile = profile_new();
    Headers *headers = headers_new(NULL, 0);
    Route *route = route_new("test", 0, PROXY_NAMES);
    Plan *made = plan_new(profile, route, headers, -1, 0, &limits, statuses);
    profile_release(profile);
    headers_release(headers);
    route_release(route);
    return made;
}

static Ticket *new_request(Account *account, int is_observed) {
    Ticket *ticket = ticket_new(account, NULL, 0);
    if (is_observed) ticket_observe(ticket);
    ticket_set_transfer(ticket, plan, "http://test/", 0, NULL, -1);
    return ticket;
}

static int answer(Ticket *ticket) {
    Answer given = {.status = 203, .is_decoded = 1, .head = HEAD, .content = CONTENT};
    given.head_size = sizeof HEAD - 1;
    given.content_size = sizeof CONTENT - 1;
    return ticket_give_answer(ticket, &given);
}

static int holds(const Buffer *buffer, const char *text) {
    return buffer->size == strlen(text) && memcmp(buffer->bytes, text, buffer->size) == 0;
}

static void check_answer(const Ticket *ticket) {
    CHECK(ticket_outcome(ticket) == OUTCOME_ANSWERED && ticket_error(ticket) == NULL);
    CHECK(ticket_status(ticket) == 203 && ticket_is_decoded(ticket));
    CHECK(holds(ticket_head(ticket), HEAD) && holds(ticket_content(ticket), CONTENT));
}

static int fail(Ticket *ticket) {
    TransferError error = {.code = 7, .message = "refused"};
    Answer given = {.outcome = OUTCOME_FAILED, .error = &error};
    return ticket_give_answer(ticket, &given);
}

static void check_failure(const Ticket *ticket) {
    const TransferError *error = ticket_error(ticket);
    CHECK(ticket_outcome(ticket) == OUTCOME_FAILED && error->code == 7);
    CHECK(strcmp(error->message, "refused") == 0);
}

static void ignore_wakeup(void *wakeup) { (void)wakeup; }

/* ---- the model: the deepest level first, then as submitted, while there are slots ---- */

enum { MOST = 40, DEEPEST = 3 };

typedef enum {
    NONE,
    QUEUED,
    UNDER_WAY,
    ENDED, /* the test has the event, and the request has the slot */
} Where;

typedef struct Request {
    Ticket *ticket;
    Where where;
    int level;
    unsigned number;        /* in the order of submission */
    int is_observed;
    struct Request *parent; /* the callback of `parent` made the request; NULL: no callback */
    CallbackScope *scope;       /* the callback, while it runs */
    int children;           /* requests of the callback that have not left */
} Request;

typedef struct {
    Core *core;
    Account *account, *fences;
    Request requests[MOST];
    int limit, working;
    unsigned submitted, seed;
    int has_role;
} Model;

/* A callback with an unfinished request lends its slot. */
static int has_free_slot(const Model *model) {
    int lent = 0;
    for (int i = 0; i < MOST; i++) lent += model->requests[i].children > 0;
    return model->working - lent < model->limit;
}

static int comes_before(const Request *one, const Request *other) {
    if (one->level != other->level) return one->level > other->level;
    return one->number < other->number;
}

static Request *next_to_begin(Model *model) {
    Request *next = NULL;
    for (Request *each = model->requests; each < model->requests + MOST; each++)
        if (each->where == QUEUED && (next == NULL || comes_before(each, next))) next = each;
    return has_free_slot(model) ? next : NULL;
}

static void leave(Model *model, Request *request) {
    if (request->where != QUEUED) model->working--;
    if (request->parent != NULL) request->parent->children--;
    ticket_release(request->ticket);
    request->where = NONE;
}

/* Wait for the next event, and CHECK ticket and kind. */
static void expect(Model *model, const Ticket *ticket, unsigned what) {
    Event event;
    while (core_take_events(model->core, &event, 1) == 0) {
        model->has_role = core_wait(model->core, PATIENCE, model->has_role) == WAIT_ROLE;
        CHECK(model->has_role);
    }
    CHECK(event.ticket == ticket);
    CHECK((event.what & ~(unsigned)EVENT_PLAIN) == what);
    ticket_release(event.ticket);
}

/* CHECK that the core begins the same requests as the model, in the same order. Posts are carried out in
 * order: when the transfer of the fence begins, the core has carried out all earlier posts. */
static void compare(Model *model) {
    Ticket *fence = new_request(model->fences, 0);
    CHECK(ticket_submit(fence, NULL) == 0);
    for (Request *request; (request = next_to_begin(model)) != NULL;) {
        expect(model, request->ticket, EVENT_NEEDS_ANSWER);
        request->where = UNDER_WAY;
        model->working++;
    }
    expect(model, fence, EVENT_NEEDS_ANSWER);
    CHECK(answer(fence) == 1);
    CHECK(account_wait(model->fences, PATIENCE)); /* or the next move could overtake the fence's end */
    ticket_release(fence);
}

/* ---- moves ---- */

static int chance(Model *model, int of) { return rand_r(&model->seed) % of; }

static Request *find_any(Model *model, Where where) {
    int first = chance(model, MOST);
    for (int i = 0; i < MOST; i++) {
        Request *each = &model->requests[(first + i) % MOST];
        if (each->where == where) return each;
    }
    return NULL;
}

/* Submit a request from the callback of `parent`; NULL: from no callback. */
static void submit(Model *model, Request *parent) {
    Request *request = find_any(model, NONE);
    if (request == NULL || (parent != NULL && parent->level == DEEPEST)) return;
    *request = (Request){.where = QUEUED, .parent = parent, .number = ++model->submitted};
    request->is_observed = chance(model, 2);
    request->ticket = new_request(model->account, request->is_observed);
    if (parent != NULL) {
        request->level = parent->level + 1;
        if (parent->scope == NULL) parent->scope = scope_open(parent->ticket);
        parent->children++;
    }
    CHECK(ticket_submit(request->ticket, parent == NULL ? NULL : parent->scope) == 0);
}

static void end_transfer(Model *model, Request *request) {
    int is_failure = chance(model, 4) == 0;
    CHECK((is_failure ? fail(request->ticket) : answer(request->ticket)) == 1);
    CHECK(answer(request->ticket) == 0); /* too late */
    if (is_failure || request->is_observed) {
        expect(model, request->ticket, EVENT_ENDED);
        if (is_failure) check_failure(request->ticket);
        else check_answer(request->ticket);
        request->where = ENDED;
        request->is_observed = 1; /* also in the next transfers */
    } else leave(model, request); /* a plain answer ends in the core */
}

static void transfer_again(Model *model, Request *request) {
    if (request->scope != NULL) return;
    ticket_set_transfer(request->ticket, plan, "http://again/", 0, NULL, -1);
    ticket_transfer(request->ticket);
    expect(model, request->ticket, EVENT_NEEDS_ANSWER);
    request->where = UNDER_WAY;
}

/* The handler of the event is done, and so is the callback. */
static void finish(Model *model, Request *request) {
    if (request->children > 0) return;
    if (request->scope != NULL) {
        scope_close(request->scope);
        scope_drop(request->scope);
    }
    ticket_settle(request->ticket, STATE_FINISHED);
    ticket_leave(request->ticket);
    leave(model, request);
}

static void cancel(Model *model, Request *request) {
    CHECK(ticket_settle(request->ticket, STATE_CANCELLED));
    ticket_cancel(request->ticket);
    CHECK(answer(request->ticket) == 0 || request->where == UNDER_WAY);
    leave(model, request);
}

static void change_limit(Model *model) {
    model->limit = 1 + chance(model, 4);
    account_set_limit(model->account, model->limit);
}

static void move(Model *model) {
    Where where = (Where)chance(model, 4);
    Request *request = find_any(model, where);
    if (chance(model, 50) == 0) change_limit(model);
    else if (where == NONE) submit(model, NULL);
    else if (request == NULL) return;
    else if (where == QUEUED && chance(model, 4) == 0) cancel(model, request);
    else if (where == UNDER_WAY && chance(model, 4) == 0) cancel(model, request);
    else if (where == UNDER_WAY) end_transfer(model, request);
    else if (where == ENDED && chance(model, 2)) submit(model, request);
    else if (where == ENDED && chance(model, 4) == 0) transfer_again(model, request);
    else if (where == ENDED) finish(model, request);
}

static int is_over(const Model *model) {
    for (int i = 0; i < MOST; i++)
        if (model->requests[i].where != NONE) return 0;
    return 1;
}

static void finish_all(Model *model) {
    while (!is_over(model)) {
        for (Request *each = model->requests; each < model->requests + MOST; each++) {
            if (each->where == UNDER_WAY) end_transfer(model, each);
            if (each->where == ENDED) finish(model, each);
            compare(model);
        }
    }
}

static void test_requests_begin_in_order_of_model(int steps, unsigned seed) {
    Core *core = core_get();
    Model model = {.core = core, .limit = 2, .seed = seed};
    model.account = account_new_scripted(core, model.limit);
    model.fences = account_new_scripted(core, 1000);
    for (int i = 0; i < steps; i++) {
        move(&model);
        compare(&model);
    }
    finish_all(&model);
    CHECK(account_wait(model.account, PATIENCE) && account_pending(model.account) == 0);
    CHECK(account_wait(model.fences, PATIENCE));
    account_close(model.account);
    CHECK(account_join(model.account, PATIENCE));
    core_pass_on(core);
    account_release(model.account);
    account_release(model.fences);
}

/* ---- delays and timeouts ---- */

static const double SOON = 0.02, LATER = 3600; /* seconds */

static Model new_model(int limit) {
    Core *core = core_get();
    Event event; /* of the tests before */
    while (core_take_events(core, &event, 1) == 1) ticket_release(event.ticket);
    return (Model){.core = core, .limit = limit, .account = account_new_scripted(core, limit),
                   .fences = account_new_scripted(core, 1000)};
}

static void end_model(Model *model) {
    CHECK(account_wait(model->account, PATIENCE) && account_wait(model->fences, PATIENCE));
    core_pass_on(model->core);
    account_release(model->account);
    account_release(model->fences);
}

static Ticket *submit_request(Model *model, double delay, double queue, double total) {
    Ticket *ticket = new_request(model->account, 0);
    if (delay > 0) CHECK(ticket_delay(ticket, delay) == 0);
    CHECK(ticket_set_timeouts(ticket, queue, total) == 0);
    CHECK(ticket_submit(ticket, NULL) == 0);
    return ticket;
}

static void answer_and_release(Ticket *ticket) {
    CHECK(answer(ticket) == 1);
    ticket_release(ticket);
}

/* Wait for the end of a transfer, and finish the ticket. */
static void expect_end(Model *model, Ticket *ticket, OutcomeKind outcome) {
    expect(model, ticket, EVENT_ENDED);
    CHECK(ticket_outcome(ticket) == outcome);
    CHECK(ticket_settle(ticket, STATE_FINISHED));
    ticket_leave(ticket);
    ticket_release(ticket);
}

static void test_counts_split_queued_and_working(void) {
    Model model = new_model(2);
    Ticket *tickets[5];
    for (int i = 0; i < 5; i++) tickets[i] = submit_request(&model, i == 4 ? LATER : 0, INFINITY, INFINITY);
    expect(&model, tickets[0], EVENT_NEEDS_ANSWER);
    expect(&model, tickets[1], EVENT_NEEDS_ANSWER);
    compare(&model); /* the core has read the inbox */
    Counts counts = account_counts(model.account);
    CHECK(counts.queued == 2 && counts.working == 2);
    CHECK(account_pending(model.account) == 5);
    for (int i = 4; i >= 0; i--) {
        CHECK(ticket_settle(tickets[i], STATE_CANCELLED));
        ticket_cancel(tickets[i]);
        ticket_release(tickets[i]);
    }
    CHECK(account_wait(model.account, PATIENCE));
    end_model(&model);
}

static void test_delayed_request_has_no_slot(void) {
    Model model = new_model(1);
    double before = clock_now();
    Ticket *delayed = submit_request(&model, SOON, INFINITY, INFINITY);
    Ticket *other = submit_request(&model, 0, INFINITY, INFINITY);
    expect(&model, other, EVENT_NEEDS_ANSWER);
    CHECK(!ticket_has_slot(delayed) && ticket_has_slot(other));
    answer_and_release(other);
    expect(&model, delayed, EVENT_NEEDS_ANSWER);
    CHECK(clock_now() - before >= SOON);
    answer_and_release(delayed);
    end_model(&model);
}

static void test_delayed_retry_begins_before_queued_requests(void) {
    Model model = new_model(1);
    Ticket *first = submit_request(&model, 0, INFINITY, INFINITY);
    Ticket *second = submit_request(&model, 0, INFINITY, INFINITY);
    Ticket *third = submit_request(&model, 0, INFINITY, INFINITY);
    expect(&model, first, EVENT_NEEDS_ANSWER);
    CHECK(fail(first) == 1);
    expect(&model, first, EVENT_ENDED);
    ticket_set_transfer(first, plan, "http://again/", 0, NULL, -1);
    CHECK(ticket_delay(first, SOON) == 0);
    double before = clock_now();
    ticket_transfer(first);
    expect(&model, second, EVENT_NEEDS_ANSWER); /* the slot is free */
    while (clock_now() - before < 2 * SOON) sched_yield(); /* the delay is over, and no slot is free */
    answer_and_release(second);
    expect(&model, first, EVENT_NEEDS_ANSWER);
    CHECK(answer(first) == 1);
    expect_end(&model, first, OUTCOME_ANSWERED); /* an event: the request is observed since it failed */
    expect(&model, third, EVENT_NEEDS_ANSWER);
    answer_and_release(third);
    end_model(&model);
}

static void test_retry_is_delayed_without_time_limits(void) {
    Model model = new_model(1);
    Ticket *ticket = new_request(model.account, 0);
    CHECK(ticket_submit(ticket, NULL) == 0);
    expect(&model, ticket, EVENT_NEEDS_ANSWER);
    CHECK(fail(ticket) == 1);
    expect(&model, ticket, EVENT_ENDED);
    ticket_set_transfer(ticket, plan, "http://again/", 0, NULL, -1);
    CHECK(ticket_delay(ticket, SOON) == 0);
    double before = clock_now();
    ticket_transfer(ticket);
    expect(&model, ticket, EVENT_NEEDS_ANSWER);
    CHECK(clock_now() - before >= SOON);
    CHECK(answer(ticket) == 1);
    expect_end(&model, ticket, OUTCOME_ANSWERED);
    end_model(&model);
}

/* The test holds the gate, so that the core reads both posts in the same turn: the delay, then the scope. */
static void test_scope_during_delay_takes_no_slot(void) {
    Model model = new_model(1);
    Ticket *ticket = submit_request(&model, 0, INFINITY, INFINITY), *child = new_request(model.account, 0);
    expect(&model, ticket, EVENT_NEEDS_ANSWER);
    CHECK(fail(ticket) == 1);
    expect(&model, ticket, EVENT_ENDED);
    pthread_mutex_lock(&model.core->gate);
    ticket_give_piece(ticket, "", 0); /* for the transfer that has ended */
    CallbackScope *scope = scope_open(ticket);
    CHECK(ticket_submit(child, scope) == 0);
    scope_close(scope);
    ticket_set_transfer(ticket, plan, "http://again/", 0, NULL, -1);
    CHECK(ticket_delay(ticket, SOON) == 0);
    ticket_transfer(ticket);
    pthread_mutex_unlock(&model.core->gate);
    expect(&model, child, EVENT_NEEDS_ANSWER);
    answer_and_release(child);
    expect(&model, ticket, EVENT_NEEDS_ANSWER);
    compare(&model); /* the core has counted */
    CHECK(account_counts(model.account).working == 1);
    CHECK(answer(ticket) == 1);
    scope_drop(scope);
    expect_end(&model, ticket, OUTCOME_ANSWERED);
    end_model(&model);
}

static void test_queue_timeout_fails_request(void) {
    Model model = new_model(1);
    Ticket *first = submit_request(&model, 0, SOON, INFINITY); /* gets a slot in time */
    Ticket *second = submit_request(&model, 0, SOON, LATER);
    Ticket *third = submit_request(&model, 0, INFINITY, INFINITY);
    expect(&model, first, EVENT_NEEDS_ANSWER);
    expect_end(&model, second, OUTCOME_QUEUE_TIMEOUT);
    answer_and_release(first);
    expect(&model, third, EVENT_NEEDS_ANSWER);
    answer_and_release(third);
    end_model(&model);
}

static void test_queue_timeout_lowers_queued_count(void) {
    Model model = new_model(1);
    Ticket *first = submit_request(&model, 0, INFINITY, INFINITY);
    expect(&model, first, EVENT_NEEDS_ANSWER);
    Ticket *second = submit_request(&model, 0, SOON, INFINITY);
    expect(&model, second, EVENT_ENDED);
    CHECK(account_counts(model.account).queued == 0); /* before ticket_leave */
    CHECK(ticket_settle(second, STATE_FINISHED));
    ticket_leave(second);
    ticket_release(second);
    answer_and_release(first);
    end_model(&model);
}

static void test_queue_timeout_forbids_retry(void) {
    Model model = new_model(1);
    Ticket *first = submit_request(&model, 0, INFINITY, INFINITY);
    expect(&model, first, EVENT_NEEDS_ANSWER);
    Ticket *second = submit_request(&model, 0, SOON, INFINITY);
    expect(&model, second, EVENT_ENDED);
    ticket_set_transfer(second, plan, "http://again/", 0, NULL, -1);
    ticket_transfer(second);
    expect_end(&model, second, OUTCOME_QUEUE_TIMEOUT);
    answer_and_release(first);
    end_model(&model);
}

static void test_total_timeout_fails_active_delayed_and_queued_requests(void) {
    Model model = new_model(1);
    Ticket *on_its_way = submit_request(&model, 0, INFINITY, SOON);
    expect(&model, on_its_way, EVENT_NEEDS_ANSWER);
    expect_end(&model, on_its_way, OUTCOME_TOTAL_TIMEOUT);
    Ticket *delayed = submit_request(&model, LATER, INFINITY, SOON);
    expect_end(&model, delayed, OUTCOME_TOTAL_TIMEOUT);
    Ticket *slow = submit_request(&model, 0, INFINITY, INFINITY);
    expect(&model, slow, EVENT_NEEDS_ANSWER);
    Ticket *queued = submit_request(&model, 0, LATER, SOON);
    expect_end(&model, queued, OUTCOME_TOTAL_TIMEOUT);
    answer_and_release(slow);
    end_model(&model);
}

static void test_total_timeout_forbids_retry(void) {
    Model model = new_model(1);
    double before = clock_now();
    Ticket *ticket = submit_request(&model, 0, INFINITY, SOON);
    expect(&model, ticket, EVENT_NEEDS_ANSWER);
    CHECK(fail(ticket) == 1);
    expect(&model, ticket, EVENT_ENDED);
    while (clock_now() - before < 2 * SOON) sched_yield(); /* the handler takes too long */
    ticket_set_transfer(ticket, plan, "http://again/", 0, NULL, -1);
    ticket_transfer(ticket);
    expect_end(&model, ticket, OUTCOME_TOTAL_TIMEOUT);
    end_model(&model);
}

static void test_cancel_ends_delayed_request(void) {
    Model model = new_model(1);
    Ticket *ticket = submit_request(&model, LATER, LATER, LATER);
    CHECK(ticket_settle(ticket, STATE_CANCELLED));
    ticket_cancel(ticket);
    ticket_release(ticket);
    end_model(&model);
}

/* ---- from several threads at once ---- */

enum { THREADS = 3, EACH = 200 };

typedef struct {
    Account *account;
    Ticket *tickets[THREADS * EACH];
    atomic_int count; /* of submitted tickets */
    atomic_int submitting, cancelled, settled;
} ThreadedRun;

typedef struct {
    ThreadedRun *run;
    unsigned seed;
} RunThread;

static Ticket *any_ticket(ThreadedRun *run, unsigned *seed) {
    return run->tickets[rand_r(seed) % atomic_load(&run->count)];
}

static void end_or_cancel_any(ThreadedRun *run, unsigned *seed) {
    Ticket *ticket = any_ticket(run, seed);
    int kind = rand_r(seed) % 8;
    if (kind == 0 && ticket_settle(ticket, STATE_CANCELLED)) {
        atomic_fetch_add(&run->cancelled, 1);
        ticket_cancel(ticket);
    } else if (kind == 1) fail(ticket);
    else answer(ticket);
}

static void *submit_and_end(void *argument) {
    RunThread *thread = argument;
    ThreadedRun *run = thread->run;
    for (int i = 0; i < EACH; i++) {
        CHECK(ticket_submit(run->tickets[atomic_fetch_add(&run->count, 1)], NULL) == 0);
        for (int times = 0; times < 4; times++) end_or_cancel_any(run, &thread->seed);
    }
    atomic_fetch_sub(&run->submitting, 1);
    return NULL;
}

static void handle_event(ThreadedRun *run, const Event *event) {
    if (event->what & EVENT_ENDED) {
        if (ticket_settle(event->ticket, STATE_FINISHED)) atomic_fetch_add(&run->settled, 1);
        ticket_leave(event->ticket);
    } else answer(event->ticket);
    ticket_release(event->ticket);
}

static void handle_events(ThreadedRun *run, Core *core) {
    Event event;
    int has_role = 0;
    while (atomic_load(&run->submitting) > 0 || account_pending(run->account) > 0) {
        has_role = core_wait(core, 0.001, has_role) == WAIT_ROLE;
        while (core_take_events(core, &event, 1) == 1) handle_event(run, &event);
    }
    if (has_role) core_pass_on(core);
}

/* CHECK that each ticket is done. Returns how many tickets are FINISHED. */
static int count_ends(ThreadedRun *run) {
    int finished = 0;
    for (int i = 0; i < THREADS * EACH; i++) {
        int state = ticket_state(run->tickets[i]) & STATE_DONE;
        CHECK(state == STATE_FINISHED || state == STATE_CANCELLED);
        CHECK(answer(run->tickets[i]) == 0);
        finished += state == STATE_FINISHED;
        ticket_release(run->tickets[i]);
    }
    return finished;
}

static void test_concurrent_answers_and_cancels_end_each_request_once(unsigned seed) {
    static ThreadedRun run;
    RunThread arguments[THREADS];
    pthread_t threads[THREADS];
    Core *core = core_get();
    run = (ThreadedRun){.account = account_new_scripted(core, 5), .submitting = THREADS};
    for (int i = 0; i < THREADS * EACH; i++) run.tickets[i] = new_request(run.account, i % 2);
    for (int i = 0; i < THREADS; i++) {
        arguments[i] = (RunThread){&run, seed + (unsigned)i};
        CHECK(pthread_create(&threads[i], NULL, submit_and_end, &arguments[i]) == 0);
    }
    handle_events(&run, core);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(count_ends(&run) == THREADS * EACH - atomic_load(&run.cancelled));
    CHECK(atomic_load(&run.settled) > 0 && atomic_load(&run.cancelled) > 0);
    account_release(run.account);
}

static atomic_int is_looking;

static void *look_at_phases(void *ticket) {
    Phases phases;
    while (atomic_load(&is_looking))
        if (ticket_phases(ticket, &phases)) CHECK(phases.begun > 0);
    return NULL;
}

static void test_phases_are_read_during_retries(void) {
    Model model = new_model(1);
    pthread_t looker;
    Ticket *ticket = submit_request(&model, 0, INFINITY, INFINITY);
    atomic_store(&is_looking, 1);
    CHECK(pthread_create(&looker, NULL, look_at_phases, ticket) == 0);
    for (int times = 0; times < 1000; times++) {
        expect(&model, ticket, EVENT_NEEDS_ANSWER);
        CHECK(fail(ticket) == 1);
        expect(&model, ticket, EVENT_ENDED);
        ticket_set_transfer(ticket, plan, "http://again/", 0, NULL, -1);
        ticket_transfer(ticket);
    }
    expect(&model, ticket, EVENT_NEEDS_ANSWER);
    atomic_store(&is_looking, 0);
    CHECK(pthread_join(looker, NULL) == 0);
    CHECK(answer(ticket) == 1);
    expect_end(&model, ticket, OUTCOME_ANSWERED);
    end_model(&model);
}

/* ---- calls at the wrong time, or for the wrong ticket ---- */

static void test_unexpected_answer_is_dropped(void) {
    Core *core = core_get();
    Account *real = account_new(core, 1), *scripted = account_new_scripted(core, 1);
    Ticket *of_libcurl = new_request(real, 0), *not_submitted = new_request(scripted, 0);
    Ticket *of_nobody = ticket_new(NULL, NULL, 0);
    CHECK(answer(of_libcurl) == 0);
    CHECK(answer(not_submitted) == 0);
    CHECK(answer(of_nobody) == 0);
    ticket_release(of_libcurl);
    ticket_release(not_submitted);
    ticket_release(of_nobody);
    account_release(real);
    account_release(scripted);
}

static void test_account_is_released_before_its_transfer_ends(void) {
    Core *core = core_get();
    Account *account = account_new_scripted(core, 2);
    Ticket *ticket = new_request(account, 0);
    CHECK(ticket_submit(ticket, NULL) == 0);
    account_close(account);
    CHECK(account_join(account, PATIENCE)); /* no connections */
    account_release(account);
    CHECK(ticket_settle(ticket, STATE_CANCELLED));
    ticket_cancel(ticket);
    ticket_release(ticket);
}

int main(int count, char **arguments) {
    int steps = count > 1 ? atoi(arguments[1]) : 2000;
    waiters_wake_by(ignore_wakeup);
    plan = make_plan();
    test_unexpected_answer_is_dropped();
    for (int i = 0; i * 200 < steps; i++) {
        test_requests_begin_in_order_of_model(200, (unsigned)i);
        test_concurrent_answers_and_cancels_end_each_request_once((unsigned)i);
    }
    test_account_is_released_before_its_transfer_ends();
    test_counts_split_queued_and_working();
    test_delayed_request_has_no_slot();
    test_delayed_retry_begins_before_queued_requests();
    test_retry_is_delayed_without_time_limits();
    test_scope_during_delay_takes_no_slot();
    test_queue_timeout_fails_request();
    test_queue_timeout_lowers_queued_count();
    test_queue_timeout_forbids_retry();
    test_total_timeout_fails_active_delayed_and_queued_requests();
    test_total_timeout_forbids_retry();
    test_cancel_ends_delayed_request();
    test_phases_are_read_during_retries();
    plan_release(plan);
    return 0;
}
