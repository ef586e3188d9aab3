/* The binding: the module asynchttp._core, which gives Python the core.
 *
 *     plans.c     Profile, Headers, Route, Plan: settings that many transfers share
 *     work.c      Work: the base class of promises, and of all other tickets in Python
 *     answer.c    parses heads of answers into Responses
 *     scripted.c  reads and answers the transfers of a scripted account
 *     module.c    accounts, scopes, lookups; events; the module
 *
 * Rules:
 * - Only these files use Python.h, by the Limited API of 3.11, so that a single library serves all versions.
 * - All functions run on Python's threads, with the GIL, and with no lock of the core. The exception is
 *   `release_wakeup`, which the core calls.
 * - The core has no references to Python's objects. A Work without references stays alive until the LEFT
 *   event (`work_finalize`), so that its bytes last as long as libcurl sends the bytes.
 * - ticket_user and ticket_forget_user are called with the GIL only.
 */
#ifndef ASYNCHTTP_BINDING_H
#define ASYNCHTTP_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core.h"

/* Each object holds a reference to its core struct, and is used with the GIL. */
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

/* Attributes for the Python classes derived from Work. All are None at first, so that a new work needs no
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
    Ticket *ticket;   /* held; NULL before `_bind` */
    unsigned what;    /* EVENT_... for `_take_what` */
    unsigned short readers; /* calls of `_read` in progress */
    char is_logged;
    unsigned _transfers; /* how many transfers have been set */
    unsigned _asking;    /* the value of `_transfers` at the last NEEDS_PIECE */
    PyObject *url;    /* of the transfer */
    PyObject *sent;   /* the bytes that libcurl sends: the body, or the last piece of the body */
    PyObject *memory; /* the bytes object that libcurl's content is written into */
    double _made;
    unsigned long long number;
    WORK_ATTRIBUTES(WORK_ATTRIBUTE)
} WorkObject;

extern PyTypeObject *account_type, *plan_type, *scope_type, *work_type;

#define SLOTS(name, ...) static PyType_Slot name[] = {__VA_ARGS__, {0, NULL}}

/* Make and free an object of a type below: objects of heap types hold a reference to their type. */
PyObject *new_object(PyTypeObject *type);
void free_object(PyObject *self);

PyTypeObject *add_type(PyObject *module, const char *name, size_t size, unsigned flags, PyType_Slot *slots);
int add_plan_types(PyObject *module); /* 0, or -1 with an exception */
int add_work_type(PyObject *module);

/* work.c */
int is_bound(WorkObject *self); /* 0 with an exception: `_bind` has not been called */
PyObject *ask(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *frames_of_caller(PyObject *module, PyObject *unused);

/* scripted.c: methods of Work. */
PyObject *work_sent(WorkObject *self, PyObject *unused);
PyObject *work_give_answer(WorkObject *self, PyObject *arguments);

/* answer.c. `fill_response` adds the fields of the final response of a head to the dict `response`. Returns
 * the status line, a new reference; or NULL with an exception. */
PyObject *fill_response(PyObject *response, const char *head, size_t size);
size_t origin_size(const char *uri, size_t size);
PyObject *parse_head(PyObject *module, PyObject *arguments);
PyObject *origin_of(PyObject *module, PyObject *uri);

#endif
