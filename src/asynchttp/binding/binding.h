/* The binding: what Python sees of the core, as the module asynchttp._core.
 *
 *     plans.c     Profile, Headers, Route, Plan: what many transfers have in common
 *     work.c      Work: the base of promises, and of all that the core works on
 *     answer.c    from a head as it came to a Response
 *     scripted.c  how transfers of a scripted account are read and answered
 *     module.c    accounts, scopes, lookups; events; the module
 *
 * Rules:
 * - Only these files know Python.h, by the Limited API of 3.11, so that one library serves all versions.
 * - No Python is called while a lock of the core is held, and none on the core's thread.
 * - The core has no references to Python's objects. A Work that is dropped while the core works on it
 *   stays alive until the LEFT event (`work_finalize`), so that its bytes last as long as they are sent.
 * - Whatever looks at a ticket's user holds the GIL, as whoever frees one does.
 */
#ifndef ASYNCHTTP_BINDING_H
#define ASYNCHTTP_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core.h"

typedef struct {
    PyObject_HEAD
    Account *account;
} AccountObject;

typedef struct {
    PyObject_HEAD
    Plan *plan;
} PlanObject;

typedef struct {
    PyObject_HEAD
    CallbackScope *scope;
} ScopeObject;

/* Attributes of the Python classes of works, None until Python sets them: so a new work needs no
 * __init__. */
#define WORK_ATTRIBUTES(each)                                                                     \
    each(_result) each(_failure) each(_made_condition) each(_waiters) each(_done_callbacks)       \
    each(owner) each(scope) each(callback) each(exchange) each(transfer) each(upload)             \
    each(_settings) each(_error) each(_step_uri) each(_view) each(_response) each(_content)        \
    each(_request) each(_method) each(_uri) each(_headers) each(_body) each(_redirections)      \
    each(_frames)
#define WORK_ATTRIBUTE(name) PyObject *name;

typedef struct {
    PyObject_HEAD
    Ticket *ticket;   /* NULL before `_bind` */
    unsigned what;    /* EVENT_..., taken from the core and not yet from here */
    unsigned short readers; /* calls that are reading the answer */
    char told;
    unsigned _transfers; /* counted */
    unsigned _asking;    /* the transfer that the last NEEDS_PIECE is of */
    PyObject *url;    /* where the transfer goes */
    PyObject *sent;   /* what is sent: all, or the piece that Python has read last */
    PyObject *memory; /* bytes that the content is written into */
    double _made;
    unsigned long long number;
    WORK_ATTRIBUTES(WORK_ATTRIBUTE)
} WorkObject;

extern PyTypeObject *account_type, *plan_type, *scope_type, *work_type;

#define SLOTS(name, ...) static PyType_Slot name[] = {__VA_ARGS__, {0, NULL}}

/* Make an object of ours, and free one: heap types hold a reference to their type. */
PyObject *new_object(PyTypeObject *type);
void free_object(PyObject *self);

PyTypeObject *add_type(PyObject *module, const char *name, size_t size, unsigned flags, PyType_Slot *slots);
int add_plan_types(PyObject *module); /* 0, or -1 with an exception */
int add_work_type(PyObject *module);

/* work.c */
int is_bound(WorkObject *self); /* 0, with an exception: `_bind` has not been called */
PyObject *ask(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *frames_of_caller(PyObject *module, PyObject *unused);

/* scripted.c: methods of Work. */
PyObject *work_sent(WorkObject *self, PyObject *unused);
PyObject *work_give_answer(WorkObject *self, PyObject *arguments);

/* answer.c. `fill_response`: add the fields of the final response among those of a head to a dict; the
 * status line, a new reference, or NULL with an exception. `origin_size`: see there. */
PyObject *fill_response(PyObject *response, const char *head, size_t size);
size_t origin_size(const char *uri, size_t size);
PyObject *parse_head(PyObject *module, PyObject *arguments);
PyObject *origin_of(PyObject *module, PyObject *uri);

#endif
