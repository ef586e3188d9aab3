/* Origins: of many transfers to a new https origin, the first makes the connection.
 *
 * Until the first connection is made, the core does not know whether the origin speaks HTTP/2, where one
 * connection carries all transfers. The other transfers wait until the first transfer has its connection, no
 * longer. Then all transfers share the connection or, on HTTP/1, get connections of their own. libcurl's
 * PIPEWAIT makes transfers wait too but, where the origin speaks HTTP/1, until the first transfer is over.
 * Therefore the core sets PIPEWAIT only where the origin has spoken HTTP/2: the connection may close later.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "state.h"

enum { MOST = 4096 }; /* origins that an account remembers */

typedef enum { SPEAKS_UNKNOWN, SPEAKS_HTTP1, SPEAKS_HTTP2 } Speaks;

/* Owned by the account. */
struct Origin {
    MapEntry entry;
    Speaks speaks;
    Ticket *first; /* makes the first connection, which other tickets wait for; NULL: no such ticket */
    Link waiting;  /* Ticket.link */
    MultiHandle *multi; /* has the connection; NULL: no connection yet */
};

static void forget_if_idle(MapEntry *entry, void *argument) {
    Account *account = argument;
    Origin *origin = CONTAINER(entry, Origin, entry);
    if (origin->first != NULL) return;
    map_remove(&account->origins, entry);
    free((char *)entry->key);
    free(origin);
}

static Origin *origin_new(Account *account, const char *name) {
    if (account->origins.count >= MOST) map_each(&account->origins, forget_if_idle, account);
    Origin *origin = calloc(1, sizeof *origin);
    char *key = strdup(name);
    if (origin != NULL && key != NULL && map_add(&account->origins, &origin->entry, key) == 0) {
        list_init(&origin->waiting);
        return origin;
    }
    free(origin);
    free(key);
    return NULL;
}

static Origin *find(const Ticket *ticket) {
    MapEntry *entry = map_find(&ticket->account->origins, ticket->plan->route->origin);
    return entry == NULL ? NULL : CONTAINER(entry, Origin, entry);
}

static Origin *find_or_make(Ticket *ticket) {
    Origin *origin = find(ticket);
    return origin != NULL ? origin : origin_new(ticket->account, ticket->plan->route->origin);
}

int origin_admit(Ticket *ticket) {
    Origin *origin = find_or_make(ticket);
    if (origin == NULL) return -1;
    if (ticket->progress->may_enter || origin->speaks != SPEAKS_UNKNOWN || origin->first == ticket) return 1;
    if (origin->first == NULL) {
        origin->first = ticket;
        ticket->progress->is_first = 1;
        return 1;
    }
    list_append(&origin->waiting, &ticket->link);
    return 0;
}

void origin_release(Ticket *ticket) {
    if (!ticket->progress->is_first) return;
    ticket->progress->is_first = 0;
    Origin *origin = find(ticket);
    origin->first = NULL;
    for (Link *link; (link = list_pop(&origin->waiting)) != NULL;) {
        CONTAINER(link, Ticket, link)->progress->may_enter = 1;
        list_append(&ticket->account->core->to_begin, link);
    }
}

void origin_learn(Ticket *ticket, int is_http2) {
    Origin *origin = find(ticket);
    if (origin != NULL) origin->speaks = is_http2 ? SPEAKS_HTTP2 : SPEAKS_HTTP1;
}

MultiHandle *origin_multi(Ticket *ticket) {
    Origin *origin = find(ticket);
    if (origin == NULL || origin->speaks == SPEAKS_HTTP1) return multi_with_room(ticket->account);
    if (origin->multi == NULL) origin->multi = multi_with_room(ticket->account);
    return origin->multi;
}

int origin_speaks_http2(const Ticket *ticket) {
    const Origin *origin = find(ticket);
    return origin != NULL && origin->speaks == SPEAKS_HTTP2;
}

static void forget_multi(MapEntry *entry, void *multi) {
    Origin *origin = CONTAINER(entry, Origin, entry);
    if (origin->multi == multi) origin->multi = NULL;
}

void origins_forget_multi(MultiHandle *multi) {
    map_each(&multi->account->origins, forget_multi, multi);
}

void origins_free(Account *account) {
    map_each(&account->origins, forget_if_idle, account);
    map_free(&account->origins);
}
