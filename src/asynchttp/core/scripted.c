/* The scripted engine: no bytes move. Each transfer is an event, NEEDS_ANSWER. The taker of the event
 * answers, at any time and from any thread.
 *
 * With this engine, tests of the queue, dispatch and policy need no network. An answer ends a transfer
 * exactly as libcurl's engine ends a transfer.
 *
 * Rules:
 * - An answer waits in Progress.answer, under `lock`, until the core's thread has read the inbox.
 * - An answer that comes too late is dropped: the transfer was answered before, or aborted.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "state.h"

enum { CURLOPT_NOBODY = 44, CURLOPT_CUSTOMREQUEST = 10036 };

/* ---- the request ---- */

static const Option *find_option(const Profile *profile, int option) {
    for (size_t i = 0; i < profile->count; i++)
        if (profile->options[i].option == option) return &profile->options[i];
    return NULL;
}

const char *ticket_method(const Ticket *ticket) {
    const Option *method = find_option(ticket->plan->profile, CURLOPT_CUSTOMREQUEST);
    if (method != NULL) return method->text;
    return find_option(ticket->plan->profile, CURLOPT_NOBODY) != NULL ? "HEAD" : "GET";
}

const char *ticket_header_line(const Ticket *ticket, size_t number) {
    const struct curl_slist *line = ticket->plan->headers->list;
    while (line != NULL && number-- > 0) line = line->next;
    return line == NULL ? NULL : line->data;
}

int ticket_flags(const Ticket *ticket) { return ticket->flags; }

/* ---- answers ---- */

/* An answer that the core's thread has not taken yet. Owned by Progress.answer. */
struct ScriptedAnswer {
    OutcomeKind outcome;
    Received *received; /* owned */
};

static void free_answer(ScriptedAnswer *answer) {
    if (answer == NULL) return;
    received_free(answer->received);
    free(answer);
}

static TransferError *copy_error(const TransferError *error) {
    TransferError *copy = malloc(sizeof *copy);
    if (copy == NULL) return NULL;
    *copy = *error;
    if (error->message != NULL) copy->message = strdup(error->message);
    if (error->message == NULL || copy->message != NULL) return copy;
    free(copy);
    return NULL;
}

/* NULL: no memory. */
static Received *copy_received(const Answer *answer) {
    Received *copy = received_new();
    if (copy == NULL) return NULL;
    copy->status = answer->status;
    copy->is_decoded = answer->is_decoded;
    int failed = buffer_append(&copy->head, answer->head, answer->head_size) < 0 ||
                 buffer_append(&copy->content, answer->content, answer->content_size) < 0;
    if (!failed && answer->error != NULL) failed = (copy->error = copy_error(answer->error)) == NULL;
    if (!failed) return copy;
    received_free(copy);
    return NULL;
}

/* NULL: no memory. */
static ScriptedAnswer *copy_answer(const Answer *answer) {
    ScriptedAnswer *copy = calloc(1, sizeof *copy);
    if (copy == NULL) return NULL;
    copy->outcome = answer->outcome;
    copy->received = copy_received(answer);
    if (copy->received != NULL) return copy;
    free(copy);
    return NULL;
}

/* Give the answer to the waiting transfer, which owns the answer then. Returns 0 when no transfer waits. */
static int hand_over(Ticket *ticket, ScriptedAnswer *answer) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    int is_awaited = ticket->progress != NULL && ticket->progress->answer == NULL;
    if (is_awaited) ticket->progress->answer = answer;
    pthread_mutex_unlock(&core->lock);
    return is_awaited;
}

int ticket_give_answer(Ticket *ticket, const Answer *answer) {
    if (ticket->account == NULL || ticket->account->engine != &scripted_engine) return 0;
    ScriptedAnswer *copy = copy_answer(answer);
    if (copy == NULL) return -1;
    if (!hand_over(ticket, copy)) {
        free_answer(copy);
        return 0;
    }
    core_post(ticket->account->core, &ticket->post, INBOX_ANSWER);
    return 1;
}

/* ---- the engine ---- */

static void start(Ticket *ticket) {
    Progress *progress = calloc(1, sizeof *progress);
    atomic_store(&ticket->stage, STAGE_ACTIVE);
    if (progress == NULL) {
        ticket->outcome = OUTCOME_FAILED;
        queue_tell_ended(ticket);
        return;
    }
    progress->ticket = ticket;
    ticket_set_progress(ticket, progress);
    core_tell(ticket->account->core, &ticket->event, EVENT_NEEDS_ANSWER);
}

static void stop(Ticket *ticket) {
    Progress *progress = ticket->progress;
    if (progress == NULL) return;
    ticket_set_progress(ticket, NULL);
    free_answer(progress->answer);
    free(progress);
}

/* The answer of the transfer that is under way, which owns the answer; NULL: no transfer, or no answer. */
static ScriptedAnswer *find_answer(Ticket *ticket) {
    Core *core = ticket->account->core;
    pthread_mutex_lock(&core->lock);
    ScriptedAnswer *answer = ticket->progress == NULL ? NULL : ticket->progress->answer;
    pthread_mutex_unlock(&core->lock);
    return answer;
}

static void move_outcome(Ticket *ticket, ScriptedAnswer *answer) {
    ticket->outcome = answer->outcome;
    ticket_set_received(ticket, answer->received);
    answer->received = NULL;
}

static void resume(Ticket *ticket, unsigned what) {
    ScriptedAnswer *answer = what & INBOX_ANSWER ? find_answer(ticket) : NULL;
    if (answer == NULL) return;
    move_outcome(ticket, answer);
    stop(ticket);
    queue_tell_ended(ticket);
}

static void dispose(Account *account) { (void)account; }

const Engine scripted_engine = {
    .start = start, .abort = stop, .resume = resume, .close = account_tell_closed, .dispose = dispose,
};
