/* Lists whose links are embedded in the listed structs. A link of zeros is in no list.
 *
 * The owner of a list says which thread may use the list and all links in the list.
 */
#ifndef ASYNCHTTP_LIST_H
#define ASYNCHTTP_LIST_H

#include <stddef.h>

typedef struct Link {
    struct Link *previous, *next;
} Link;

/* The struct of `type` whose `member` is at `pointer`. */
#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

static inline void list_init(Link *list) { list->previous = list->next = list; }

static inline int list_is_empty(const Link *list) { return list->next == list; }

static inline int link_is_listed(const Link *link) { return link->next != NULL; }

static inline void list_append(Link *list, Link *link) {
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void list_prepend(Link *list, Link *link) { list_append(list->next, link); }

static inline void link_remove(Link *link) {
    if (link->next == NULL) return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->previous = link->next = NULL;
}

/* Take the first link out; NULL from an empty list. */
static inline Link *list_pop(Link *list) {
    if (list_is_empty(list)) return NULL;
    Link *link = list->next;
    link_remove(link);
    return link;
}

/* Append all links of `from`, in their order, to `list`; `from` is empty afterwards. */
static inline void list_move(Link *list, Link *from) {
    for (Link *link; (link = list_pop(from)) != NULL;) list_append(list, link);
}

#endif
