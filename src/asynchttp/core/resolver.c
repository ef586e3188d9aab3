/* Resolver: looks host names up by getaddrinfo(3), each on a thread of its own, or by an event
 * (TRANSFER_RESOLVE_BY_EVENT).
 *
 * libcurl has a few threads for all lookups: ten lookups that hang delay every other host, and closing the
 * handle waits for these threads. With this resolver a dead name server stalls only the transfers to its own
 * hosts. libcurl is given the addresses (CURLOPT_RESOLVE), and keeps the addresses in the multi handle.
 *
 * Rules:
 * - Addresses are fresh for a minute. In the next minute the old addresses are used while a new lookup runs.
 *   Old addresses stay when the new lookup fails (RFC 8767).
 * - The thread of a lookup owns only a reference to the Lookup. A thread that hangs in the system's resolver
 *   cannot be ended, so no thread waits for the lookup's thread.
 */
#define _GNU_SOURCE
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "state.h"

static const double FRESH = 60, STALE = 120; /* seconds */

enum {
    MOST = 4096, /* hosts that an account remembers */
    MOST_LOADED = 1024, /* hosts that a multi handle has the addresses of */
};

/* A host that an account has looked up, and its addresses. Owned by the account. */
typedef struct {
    MapEntry entry;
    Host host;       /* owned copies; the entry's key is host.key */
    char *addresses; /* owned; for CURLOPT_RESOLVE: separated by commas, IPv6 in brackets; NULL: none */
    double since;     /* when the last lookup finished */
    double used;      /* when a transfer last asked for the addresses */
    unsigned version; /* Core.versions when the addresses were found */
    int is_looked_up;
    Link waiting; /* Ticket.link */
} KnownHost;

/* The version of a host's addresses that a multi handle was given. Owned by the multi handle. */
typedef struct {
    MapEntry entry;
    unsigned version;
} Loaded;

/* ---- lookups ---- */

static void host_free(Host *host) {
    free(host->name);
    free(host->key);
}

static int host_copy(Host *copy, const Host *host) {
    *copy = (Host){strdup(host->name), host->port, strdup(host->key)};
    if (copy->name != NULL && copy->key != NULL) return 0;
    host_free(copy);
    return -1;
}

void lookup_hold(Lookup *lookup) { atomic_fetch_add(&lookup->references, 1); }

void lookup_release(Lookup *lookup) {
    if (atomic_fetch_sub(&lookup->references, 1) != 1) return;
    account_release(lookup->account);
    host_free(&lookup->host);
    free(lookup->addresses);
    free(lookup);
}

const char *lookup_name(const Lookup *lookup) { return lookup->host.name; }
int lookup_port(const Lookup *lookup) { return lookup->host.port; }

void event_hold(EventNode *event, unsigned what) {
    if (what & EVENT_NEEDS_NAME) lookup_hold(CONTAINER(event, Lookup, event));
    else ticket_hold(CONTAINER(event, Ticket, event));
}

void lookup_finish(Lookup *lookup, const char *addresses, int code) {
    Core *core = lookup->account->core;
    char *copy = addresses == NULL ? NULL : strdup(addresses);
    pthread_mutex_lock(&core->lock);
    free(lookup->addresses);
    lookup->addresses = copy;
    lookup->code = addresses != NULL && copy == NULL ? EAI_MEMORY : code;
    pthread_mutex_unlock(&core->lock);
    core_post(core, &lookup->post, INBOX_FOUND);
}

/* The addresses, as "1.2.3.4,[::1]"; NULL when there is no memory, or no address. */
static char *addresses_of(const struct addrinfo *found) {
    Buffer text = {0};
    for (const struct addrinfo *info = found; info != NULL; info = info->ai_next) {
        char address[NI_MAXHOST], item[NI_MAXHOST + 4];
        if (getnameinfo(info->ai_addr, info->ai_addrlen, address, sizeof address, NULL, 0,
                        NI_NUMERICHOST) != 0)
            continue;
        int is_ipv6 = info->ai_family == AF_INET6;
        snprintf(item, sizeof item, is_ipv6 ? "[%s]" : "%s", address);
        if (text.size && buffer_append(&text, ",", 1) < 0) break;
        if (buffer_append(&text, item, strlen(item)) < 0) break;
    }
    if (buffer_append(&text, "", 1) == 0 && text.size > 1) return text.bytes;
    buffer_free(&text);
    return NULL;
}

static void *look_up(void *argument) {
    Lookup *lookup = argument;
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    snprintf(service, sizeof service, "%d", lookup->host.port & 0xFFFF);
    int code = getaddrinfo(lookup->host.name, service, &hints, &found);
    char *addresses = code == 0 ? addresses_of(found) : NULL;
    if (code == 0) freeaddrinfo(found);
    if (code == 0 && addresses == NULL) code = EAI_MEMORY;
    lookup_finish(lookup, addresses, code);
    free(addresses);
    lookup_release(lookup);
    return NULL;
}

static int look_up_on_thread(Lookup *lookup) {
    lookup_hold(lookup);
    int error = start_thread(look_up, lookup);
    if (error != 0) lookup_release(lookup);
    return error;
}

static Lookup *lookup_new(Account *account, const Host *host) {
    Lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) return NULL;
    if (host_copy(&lookup->host, host) < 0) {
        free(lookup);
        return NULL;
    }
    lookup->post.kind = INBOX_LOOKUP;
    atomic_init(&lookup->references, 1);
    lookup->account = account;
    atomic_fetch_add(&account->references, 1);
    return lookup;
}

/* Returns 0, or a code of getaddrinfo. */
static int start_lookup(KnownHost *known, Ticket *ticket) {
    Account *account = ticket->account;
    Lookup *lookup = lookup_new(account, &known->host);
    if (lookup == NULL) return EAI_MEMORY;
    int error = 0;
    if (ticket->flags & TRANSFER_RESOLVE_BY_EVENT)
        core_tell(account->core, &lookup->event, EVENT_NEEDS_NAME);
    else error = look_up_on_thread(lookup);
    lookup_release(lookup);
    known->is_looked_up = error == 0;
    return error == 0 ? 0 : EAI_AGAIN;
}

/* ---- known hosts ---- */

static void known_host_free(Map *known_hosts, KnownHost *known) {
    map_remove(known_hosts, &known->entry);
    host_free(&known->host);
    free(known->addresses);
    free(known);
}

static void free_if_idle(Account *account, KnownHost *known) {
    if (!known->is_looked_up && list_is_empty(&known->waiting)) known_host_free(&account->known_hosts, known);
}

/* A transfer that has asked in this turn loads the addresses later in the turn, after its other hosts have
 * been looked up. */
static void free_if_unused(MapEntry *entry, void *argument) {
    Account *account = argument;
    KnownHost *known = CONTAINER(entry, KnownHost, entry);
    if (known->used < account->core->now) free_if_idle(account, known);
}

static KnownHost *find_or_make_host(Account *account, const Host *host) {
    MapEntry *entry = map_find(&account->known_hosts, host->key);
    if (entry != NULL) return CONTAINER(entry, KnownHost, entry);
    if (account->known_hosts.count >= MOST) map_each(&account->known_hosts, free_if_unused, account);
    KnownHost *known = calloc(1, sizeof *known);
    if (known == NULL) return NULL;
    list_init(&known->waiting);
    if (host_copy(&known->host, host) == 0) {
        if (map_add(&account->known_hosts, &known->entry, known->host.key) == 0) return known;
        host_free(&known->host);
    }
    free(known);
    return NULL;
}

const char *resolver_look_up(Account *account, const Host *host, Ticket *ticket, int *failed) {
    KnownHost *known = find_or_make_host(account, host);
    *failed = known == NULL ? EAI_MEMORY : 0;
    if (known == NULL) return NULL;
    known->used = account->core->now;
    double age = known->addresses == NULL ? STALE : account->core->now - known->since;
    if (age >= FRESH && !known->is_looked_up) *failed = start_lookup(known, ticket);
    if (known->addresses != NULL && (age < STALE || *failed)) return known->addresses;
    if (*failed == 0) list_append(&known->waiting, &ticket->link);
    return NULL;
}

static void take_result(Lookup *lookup, char **addresses, int *code) {
    Core *core = lookup->account->core;
    pthread_mutex_lock(&core->lock);
    *addresses = lookup->addresses;
    *code = lookup->code;
    lookup->addresses = NULL;
    pthread_mutex_unlock(&core->lock);
}

static void fail_waiting(KnownHost *known, int code) {
    for (Link *link; (link = list_pop(&known->waiting)) != NULL;)
        transfer_end(CONTAINER(link, Ticket, link), OUTCOME_NOT_FOUND, code);
}

void resolver_learn(Lookup *lookup) {
    Account *account = lookup->account;
    MapEntry *entry = map_find(&account->known_hosts, lookup->host.key);
    char *addresses;
    int code;
    take_result(lookup, &addresses, &code);
    if (entry == NULL) {
        free(addresses);
        return;
    }
    KnownHost *known = CONTAINER(entry, KnownHost, entry);
    known->is_looked_up = 0;
    if (addresses != NULL) {
        free(known->addresses);
        known->addresses = addresses;
        known->version = ++account->core->versions;
    }
    known->since = account->core->now;
    if (known->addresses != NULL) list_move(&account->core->to_begin, &known->waiting);
    else {
        fail_waiting(known, code);
        free_if_idle(account, known);
    }
}

static void free_entry(MapEntry *entry, void *account) {
    known_host_free(&((Account *)account)->known_hosts, CONTAINER(entry, KnownHost, entry));
}

void resolver_free(Account *account) {
    map_each(&account->known_hosts, free_entry, account);
    map_free(&account->known_hosts);
}

/* ---- addresses for libcurl ---- */

static Loaded *loaded_of(MultiHandle *multi, const char *key) {
    MapEntry *entry = map_find(&multi->loaded, key);
    if (entry != NULL) return CONTAINER(entry, Loaded, entry);
    Loaded *loaded = calloc(1, sizeof *loaded);
    char *copy = strdup(key);
    if (loaded != NULL && copy != NULL && map_add(&multi->loaded, &loaded->entry, copy) == 0)
        return loaded;
    free(loaded);
    free(copy);
    return NULL;
}

static int append(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl.slist_append(*list, text);
    if (longer == NULL) return CURLE_OUT_OF_MEMORY;
    *list = longer;
    return CURLE_OK;
}

static int load_host(EasyHandle *handle, MultiHandle *multi, KnownHost *known) {
    Loaded *loaded = loaded_of(multi, known->host.key);
    if (loaded == NULL) return CURLE_OUT_OF_MEMORY;
    if (loaded->version == known->version) return CURLE_OK;
    /* libcurl takes "-" before a name for the wish to forget the name; "+" is for entries that grow old, which
     * DNS_CACHE_TIMEOUT forbids. */
    const char *mark = known->host.key[0] == '-' ? "+" : "";
    size_t size = strlen(known->host.key) + strlen(known->addresses) + 3;
    char *text = malloc(size);
    if (text == NULL) return CURLE_OUT_OF_MEMORY;
    snprintf(text, size, "%s%s:%s", mark, known->host.key, known->addresses);
    int code = append(&handle->resolve, text);
    free(text);
    if (code == CURLE_OK) loaded->version = known->version;
    return code;
}

/* The address for a proxy that looks up no names: SOCKS4 takes IPv4 addresses only. */
static const char *first_address(const char *addresses, ProxyTakes takes, size_t *size) {
    const char *address = addresses;
    while (takes == PROXY_IPV4_ADDRESSES && *address == '[') {
        const char *comma = strchr(address, ',');
        if (comma == NULL) break;
        address = comma + 1;
    }
    *size = strcspn(address, ",");
    return address;
}

/* Make libcurl give the proxy an address in place of the target's name. */
static int load_address(EasyHandle *handle, const KnownHost *known, ProxyTakes takes) {
    char connect_to[128], resolve[256];
    size_t size;
    const char *address = first_address(known->addresses, takes, &size);
    if (size > 64) return CURLE_BAD_FUNCTION_ARGUMENT;
    snprintf(connect_to, sizeof connect_to, "::%.*s:", (int)size, address);
    snprintf(resolve, sizeof resolve, "%.*s:%d:%.*s", (int)size, address, known->host.port & 0xFFFF,
             (int)size, address);
    int code = append(&handle->resolve, resolve);
    return code != CURLE_OK ? code : append(&handle->connect_to, connect_to);
}

typedef struct {
    EasyHandle *handle;
    int code;
} Removal;

static void remove_address(MapEntry *entry, void *argument) {
    Removal *removal = argument;
    size_t size = strlen(entry->key) + 2;
    char *text = malloc(size);
    if (text != NULL) snprintf(text, size, "-%s", entry->key);
    if (text == NULL || append(&removal->handle->resolve, text) != CURLE_OK)
        removal->code = CURLE_OUT_OF_MEMORY;
    free(text);
}

/* Make libcurl forget all hosts when there are too many. Each transfer has its addresses already: libcurl reads
 * the list when the transfer begins, and then looks the name up at once. */
static int limit_loaded(EasyHandle *handle, MultiHandle *multi) {
    Removal removal = {handle, CURLE_OK};
    if (multi->loaded.count < MOST_LOADED) return CURLE_OK;
    map_each(&multi->loaded, remove_address, &removal);
    resolver_unload(multi);
    return removal.code;
}

int resolver_load(EasyHandle *handle, MultiHandle *multi, Ticket *ticket) {
    Route *route = ticket->plan->route;
    int code = limit_loaded(handle, multi);
    for (int i = 0; i < route->host_count && code == CURLE_OK; i++) {
        KnownHost *known = find_or_make_host(ticket->account, &route->hosts[i]);
        if (known == NULL || known->addresses == NULL) return CURLE_OUT_OF_MEMORY;
        int is_told = route->proxy_takes != PROXY_NAMES && i == route->host_count - 1;
        code = is_told ? load_address(handle, known, route->proxy_takes) : load_host(handle, multi, known);
    }
    if (code == CURLE_OK && handle->resolve)
        code = set_pointer(handle->easy, CURLOPT_RESOLVE, handle->resolve);
    if (code == CURLE_OK && handle->connect_to)
        code = set_pointer(handle->easy, CURLOPT_CONNECT_TO, handle->connect_to);
    return code;
}

static void outdate(MapEntry *entry, void *unused) {
    (void)unused;
    CONTAINER(entry, Loaded, entry)->version = 0;
}

void resolver_load_again(MultiHandle *multi) { map_each(&multi->loaded, outdate, NULL); }

static void unload(MapEntry *entry, void *argument) {
    MultiHandle *multi = argument;
    map_remove(&multi->loaded, entry);
    free((char *)entry->key);
    free(CONTAINER(entry, Loaded, entry));
}

void resolver_unload(MultiHandle *multi) {
    map_each(&multi->loaded, unload, multi);
    map_free(&multi->loaded);
}
