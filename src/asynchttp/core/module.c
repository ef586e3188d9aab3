/* The binding: what Python sees of the core, as the module asynchttp._core.
 *
 * Rules:
 * - Only this file knows Python.h, by the Limited API of 3.11, so that one library serves all versions.
 * - No Python is called while a lock of the core is held, and none on the core's thread.
 * - The core has no references to Python's objects. A Work that is dropped while the core works on it
 *   stays alive until the LEFT event (`work_finalize`), so that its bytes last as long as they are sent.
 * - Whatever looks at a ticket's user holds the GIL, as whoever frees one does.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core.h"
#include "curl.h"

static PyTypeObject *work_type, *account_type, *profile_type, *route_type, *headers_type, *plan_type,
    *scope_type, *lookup_type;
static PyObject *pending, *running, *finished, *cancelled; /* the names of states */

typedef struct {
    PyObject_HEAD
    Profile *profile;
} ProfileObject;

typedef struct {
    PyObject_HEAD
    Headers *headers;
} HeadersObject;

typedef struct {
    PyObject_HEAD
    Route *route;
} RouteObject;

typedef struct {
    PyObject_HEAD
    Account *account;
} AccountObject;

typedef struct {
    PyObject_HEAD
    Lookup *lookup;
} LookupObject;

typedef struct {
    PyObject_HEAD
    Plan *plan;
} PlanObject;

typedef struct {
    PyObject_HEAD
    CallScope *scope;
} ScopeObject;

typedef struct {
    PyObject_HEAD
    Ticket *ticket;   /* NULL before `_bind` */
    unsigned what;    /* EVENT_..., taken from the core and not yet from here */
    PyObject *body;   /* what is sent */
    PyObject *piece;  /* of it, where it is read */
    PyObject *memory; /* bytes that the content is written into */
} WorkObject;

/* Free an object of ours: heap types hold a reference to their type. */
static void free_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *new_object(PyTypeObject *type) {
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate(type, 0);
}

/* ---- profiles ---- */

/* An array of the strings of a tuple of bytes, borrowed from it; freed by the caller. */
static const char **lines_of(PyObject *tuple, Py_ssize_t *count) {
    *count = PyTuple_Size(tuple);
    if (*count < 0) return NULL;
    const char **lines = PyMem_Malloc((size_t)(*count + 1) * sizeof *lines);
    if (lines == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < *count; i++) {
        char *line;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(tuple, i), &line, NULL) < 0) {
            PyMem_Free(lines);
            return NULL;
        }
        lines[i] = line;
    }
    return lines;
}

static int add_list(Profile *profile, int option, PyObject *value) {
    Py_ssize_t count;
    const char **lines = lines_of(value, &count);
    if (lines == NULL) return -1;
    int added = profile_add_list(profile, option, lines, (size_t)count);
    PyMem_Free(lines);
    if (added < 0) PyErr_NoMemory();
    return added;
}

static int add_number(Profile *profile, int option, PyObject *value) {
    long long number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (profile_add_number(profile, option, number) == 0) return 0;
    PyErr_NoMemory();
    return -1;
}

static int add_text(Profile *profile, int option, PyObject *value) {
    char *text;
    if (PyBytes_AsStringAndSize(value, &text, NULL) < 0) return -1; /* ValueError for a NUL */
    if (profile_add_text(profile, option, text) == 0) return 0;
    PyErr_NoMemory();
    return -1;
}

static int add_option(Profile *profile, PyObject *item) {
    int option;
    PyObject *value;
    if (!PyArg_ParseTuple(item, "iO", &option, &value)) return -1;
    if (PyTuple_Check(value)) return add_list(profile, option, value);
    if (PyBytes_Check(value)) return add_text(profile, option, value);
    return add_number(profile, option, value);
}

static PyObject *profile_make(PyTypeObject *type, PyObject *arguments, PyObject *unused) {
    (void)unused;
    PyObject *options;
    if (!PyArg_ParseTuple(arguments, "O!", &PyTuple_Type, &options)) return NULL;
    ProfileObject *self = (ProfileObject *)new_object(type);
    if (self == NULL) return NULL;
    self->profile = profile_new();
    if (self->profile == NULL) PyErr_NoMemory();
    for (Py_ssize_t i = 0; self->profile != NULL && i < PyTuple_Size(options); i++)
        if (add_option(self->profile, PyTuple_GetItem(options, i)) < 0) break;
    if (!PyErr_Occurred()) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static void profile_drop(ProfileObject *self) {
    profile_release(self->profile);
    free_object((PyObject *)self);
}

/* ---- headers ---- */

static PyObject *headers_make(PyTypeObject *type, PyObject *arguments, PyObject *unused) {
    (void)unused;
    PyObject *tuple;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(arguments, "O!", &PyTuple_Type, &tuple)) return NULL;
    const char **lines = lines_of(tuple, &count);
    HeadersObject *self = lines == NULL ? NULL : (HeadersObject *)new_object(type);
    if (self != NULL && (self->headers = headers_new(lines, (size_t)count)) == NULL) {
        Py_DECREF(self);
        self = NULL;
        PyErr_NoMemory();
    }
    PyMem_Free(lines);
    return (PyObject *)self;
}

static void headers_drop(HeadersObject *self) {
    headers_release(self->headers);
    free_object((PyObject *)self);
}

/* ---- routes ---- */

static int add_hosts(Route *route, PyObject *hosts) {
    for (Py_ssize_t i = 0; i < PyTuple_Size(hosts); i++) {
        const char *name;
        int port;
        if (!PyArg_ParseTuple(PyTuple_GetItem(hosts, i), "si", &name, &port)) return -1;
        if (route_add_host(route, name, port) < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

static PyObject *route_make(PyTypeObject *type, PyObject *arguments, PyObject *unused) {
    (void)unused;
    const char *origin;
    int is_https, takes;
    PyObject *hosts;
    if (!PyArg_ParseTuple(arguments, "spiO!", &origin, &is_https, &takes, &PyTuple_Type, &hosts))
        return NULL;
    if (PyTuple_Size(hosts) > 2) return PyErr_Format(PyExc_ValueError, "hosts: two at most");
    RouteObject *self = (RouteObject *)new_object(type);
    if (self == NULL) return NULL;
    self->route = route_new(origin, is_https, (ProxyTakes)takes);
    if (self->route == NULL) PyErr_NoMemory();
    else if (add_hosts(self->route, hosts) == 0) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static void route_drop(RouteObject *self) {
    route_release(self->route);
    free_object((PyObject *)self);
}

/* ---- plans ---- */

static double seconds_of(PyObject *timeout) {
    return timeout == Py_None ? -1 : PyFloat_AsDouble(timeout);
}

static PyObject *plan_make(PyTypeObject *type, PyObject *arguments, PyObject *unused) {
    (void)unused;
    ProfileObject *profile;
    RouteObject *route;
    HeadersObject *headers;
    PyObject *seconds;
    int flags;
    DecodeLimits limits;
    Py_ssize_t safe, hard, size;
    const char *statuses;
    if (!PyArg_ParseTuple(arguments, "O!O!O!Oi(dnn)y#", profile_type, &profile, route_type, &route,
                          headers_type, &headers, &seconds, &flags, &limits.ratio, &safe, &hard,
                          &statuses, &size))
        return NULL;
    double timeout = seconds_of(seconds);
    if (PyErr_Occurred()) return NULL;
    if (limits.ratio < 0 || safe < 0 || hard < 0)
        return PyErr_Format(PyExc_ValueError, "decode limits: expected at least 0");
    if (size != LAST_STATUS + 1)
        return PyErr_Format(PyExc_ValueError, "statuses: expected %d bytes", LAST_STATUS + 1);
    limits.safe = (size_t)safe;
    limits.hard = (size_t)hard;
    PlanObject *self = (PlanObject *)new_object(type);
    if (self == NULL) return NULL;
    self->plan = plan_new(profile->profile, route->route, headers->headers, timeout, flags, &limits,
                          statuses);
    if (self->plan != NULL) return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void plan_drop(PlanObject *self) {
    plan_release(self->plan);
    free_object((PyObject *)self);
}

/* ---- accounts ---- */

static PyObject *account_make(PyTypeObject *type, PyObject *arguments, PyObject *unused) {
    (void)unused;
    int limit;
    if (!PyArg_ParseTuple(arguments, "i", &limit)) return NULL;
    Core *core = core_get();
    if (core == NULL) {
        if (errno == EAGAIN) return PyErr_Format(PyExc_RuntimeError, "can't start new thread");
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    AccountObject *self = (AccountObject *)new_object(type);
    if (self == NULL || (self->account = account_new(core, limit)) != NULL) return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static PyObject *account_limit_to(AccountObject *self, PyObject *limit) {
    long value = PyLong_AsLong(limit);
    if (value == -1 && PyErr_Occurred()) return NULL;
    account_set_limit(self->account, value > INT_MAX ? INT_MAX : (int)value);
    Py_RETURN_NONE;
}

static PyObject *account_close_now(AccountObject *self, PyObject *unused) {
    (void)unused;
    account_close(self->account);
    Py_RETURN_NONE;
}

static PyObject *wait_for(AccountObject *self, PyObject *seconds, int (*wait)(Account *, double)) {
    double timeout = PyFloat_AsDouble(seconds);
    int has_come;
    if (timeout == -1 && PyErr_Occurred()) return NULL;
    Py_BEGIN_ALLOW_THREADS
    has_come = wait(self->account, timeout);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(has_come);
}

static PyObject *account_wait_closed(AccountObject *self, PyObject *seconds) {
    return wait_for(self, seconds, account_join);
}

static PyObject *account_wait_idle(AccountObject *self, PyObject *seconds) {
    return wait_for(self, seconds, account_wait);
}

static PyObject *account_get_pending(AccountObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(account_pending(self->account));
}

/* The object of a ticket, a new reference; NULL, without an exception, when it is gone, or about to. */
static PyObject *object_of(Ticket *ticket) {
    PyObject *user = ticket_user(ticket);
    return user == NULL || Py_REFCNT(user) == 0 ? NULL : Py_NewRef(user);
}

static PyObject *account_works(AccountObject *self, PyObject *unused) {
    (void)unused;
    size_t room = account_pending(self->account);
    Ticket **tickets = PyMem_Malloc((room + 1) * sizeof *tickets);
    if (tickets == NULL) return PyErr_NoMemory();
    size_t count = account_tickets(self->account, tickets, room);
    if (count > room) count = room;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; i < count; i++) {
        PyObject *work = object_of(tickets[i]);
        if (work != NULL && list != NULL && PyList_Append(list, work) < 0) Py_CLEAR(list);
        Py_XDECREF(work);
        ticket_release(tickets[i]);
    }
    PyMem_Free(tickets);
    return list;
}

static void account_drop(AccountObject *self) {
    account_release(self->account);
    free_object((PyObject *)self);
}

/* ---- works: what a Python class that stands for a ticket is derived from ---- */

static int is_bound(WorkObject *self) {
    if (self->ticket != NULL) return 1;
    PyErr_SetString(PyExc_RuntimeError, "_bind has not been called");
    return 0;
}

static PyObject *work_make(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    (void)arguments, (void)keywords; /* those of the derived class's __init__ */
    return new_object(type);
}

static PyObject *work_bind(WorkObject *self, PyObject *arguments) {
    PyObject *account;
    int rank;
    if (!PyArg_ParseTuple(arguments, "Oi", &account, &rank)) return NULL;
    if (account != Py_None && Py_TYPE(account) != account_type)
        return PyErr_Format(PyExc_TypeError, "account: expected an Account or None");
    if (self->ticket != NULL) return PyErr_Format(PyExc_RuntimeError, "it is bound already");
    Account *chosen = account == Py_None ? NULL : ((AccountObject *)account)->account;
    self->ticket = ticket_new(chosen, self, rank);
    if (self->ticket == NULL) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static void work_finalize(PyObject *object) {
    WorkObject *self = (WorkObject *)object;
    if (self->ticket != NULL && ticket_keep(self->ticket)) Py_INCREF(object); /* until LEFT */
}

/* Python finalizes an object once. The garbage collector may have done so before the submission, in
 * vain: something else kept the object. */
static void keep_if_finalized(PyObject *object) {
    if (PyObject_GC_IsFinalized(object)) work_finalize(object);
}

static void work_drop(WorkObject *self) {
    if (self->ticket != NULL) ticket_forget_user(self->ticket);
    ticket_release(self->ticket);
    Py_XDECREF(self->body);
    Py_XDECREF(self->piece);
    Py_XDECREF(self->memory);
    free_object((PyObject *)self);
}

static PyObject *work_set_transfer(WorkObject *self, PyObject *arguments) {
    PlanObject *plan;
    const char *url;
    PyObject *body;
    int flags;
    long long size;
    char *bytes = NULL;
    Py_ssize_t length = 0;
    if (!is_bound(self) || !PyArg_ParseTuple(arguments, "O!siOL", plan_type, &plan, &url, &flags, &body, &size))
        return NULL;
    if (body != Py_None) {
        if (PyBytes_AsStringAndSize(body, &bytes, &length) < 0) return NULL;
        size = length;
    }
    if (ticket_set_transfer(self->ticket, plan->plan, url, flags, bytes, size) < 0) return PyErr_NoMemory();
    PyObject *before = self->body, *memory = self->memory;
    self->body = Py_NewRef(body);
    self->memory = NULL;
    Py_XDECREF(before);
    Py_XDECREF(memory);
    Py_RETURN_NONE;
}

static CallScope *scope_of(PyObject *object) {
    if (Py_TYPE(object) == scope_type) return ((ScopeObject *)object)->scope;
    if (object != Py_None) PyErr_SetString(PyExc_TypeError, "scope: expected a Scope or None");
    return NULL;
}

static PyObject *work_submit(WorkObject *self, PyObject *scope) {
    CallScope *asked_by = scope_of(scope);
    if (PyErr_Occurred() || !is_bound(self)) return NULL;
    if (ticket_submit(self->ticket, asked_by) < 0) Py_RETURN_FALSE;
    keep_if_finalized((PyObject *)self);
    Py_RETURN_TRUE;
}

static PyObject *work_transfer(WorkObject *self, PyObject *unused) {
    (void)unused;
    ticket_transfer(self->ticket);
    Py_RETURN_NONE;
}

static PyObject *work_leave(WorkObject *self, PyObject *unused) {
    (void)unused;
    ticket_leave(self->ticket);
    Py_RETURN_NONE;
}

static PyObject *work_stop(WorkObject *self, PyObject *unused) {
    (void)unused;
    ticket_cancel(self->ticket);
    Py_RETURN_NONE;
}

static PyObject *work_observe(WorkObject *self, PyObject *unused) {
    (void)unused;
    if (!is_bound(self)) return NULL;
    return PyBool_FromLong(ticket_observe(self->ticket));
}

static PyObject *work_run(WorkObject *self, PyObject *unused) {
    (void)unused;
    if (!is_bound(self)) return NULL;
    return PyBool_FromLong(ticket_run(self->ticket));
}

static PyObject *work_finish(WorkObject *self, PyObject *unused) {
    (void)unused;
    if (!is_bound(self)) return NULL;
    return PyBool_FromLong(ticket_settle(self->ticket, STATE_FINISHED));
}

static PyObject *work_cancel(WorkObject *self, PyObject *unused) {
    (void)unused;
    if (!is_bound(self)) return NULL;
    return PyBool_FromLong(ticket_settle(self->ticket, STATE_CANCELLED));
}

static PyObject *work_wake(WorkObject *self, PyObject *unused) {
    (void)unused;
    if (!is_bound(self)) return NULL;
    ticket_wake(self->ticket);
    Py_RETURN_NONE;
}

/* ---- waiting ---- */

static void ring(void *bell) { PyThread_release_lock(bell); }

/* Wait in slices of one second at most: a signal that comes just before the system call does not end
 * that, and Python runs handlers in between. Returns -1 when one raised. */
static int wait_for_bell(Ticket *ticket, PyThread_type_lock bell, double seconds) {
    for (double left = seconds; seconds < 0 || left > 0; left -= 1) {
        double slice = seconds < 0 || left > 1 ? 1 : left;
        Waiter waiter = {NULL, bell}; /* not listed while a handler runs, which may fork */
        PyLockStatus status;
        if (!ticket_add_waiter(ticket, &waiter)) return 1;
        Py_BEGIN_ALLOW_THREADS
        status = PyThread_acquire_lock_timed(bell, (PY_TIMEOUT_T)(slice * 1e6), 1);
        Py_END_ALLOW_THREADS
        if (status == PY_LOCK_ACQUIRED) return 1;
        if (!ticket_remove_waiter(ticket, &waiter)) {
            PyThread_acquire_lock(bell, 1); /* it is being rung */
            return 1;
        }
        if (PyErr_CheckSignals() < 0) return -1;
        if (status == PY_LOCK_INTR) left += 1; /* not for so long: to be exact is not worth a clock */
    }
    return 0;
}

static PyObject *work_wait(WorkObject *self, PyObject *timeout) {
    double seconds = PyFloat_AsDouble(timeout);
    if (PyErr_Occurred() || !is_bound(self)) return NULL;
    if (ticket_state(self->ticket) & STATE_DONE) Py_RETURN_TRUE;
    PyThread_type_lock bell = PyThread_allocate_lock();
    if (bell == NULL) return PyErr_NoMemory();
    PyThread_acquire_lock(bell, 0);
    int has_come = wait_for_bell(self->ticket, bell, seconds);
    PyThread_free_lock(bell);
    return has_come < 0 ? NULL : PyBool_FromLong(has_come);
}

/* ---- what a ticket says ---- */

static PyObject *work_get_state(WorkObject *self, void *unused) {
    (void)unused;
    int state = self->ticket == NULL ? STATE_PENDING : ticket_state(self->ticket);
    if (state & STATE_FINISHED) return Py_NewRef(finished);
    if (state & STATE_CANCELLED) return Py_NewRef(cancelled);
    return Py_NewRef(state & STATE_RUNNING ? running : pending);
}

static PyObject *work_get_is_done(WorkObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(self->ticket != NULL && ticket_state(self->ticket) & STATE_DONE);
}

static PyObject *work_get_has_slot(WorkObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(self->ticket != NULL && ticket_has_slot(self->ticket));
}

static PyObject *work_bring_piece(WorkObject *self, PyObject *piece) {
    char *bytes;
    Py_ssize_t size;
    if (piece == Py_None) {
        ticket_refuse_piece(self->ticket);
        Py_RETURN_NONE;
    }
    if (PyBytes_AsStringAndSize(piece, &bytes, &size) < 0) return NULL;
    PyObject *before = self->piece; /* all of it has been sent */
    self->piece = Py_NewRef(piece);
    ticket_give_piece(self->ticket, bytes, (size_t)size);
    Py_XDECREF(before);
    Py_RETURN_NONE;
}

static PyObject *work_content(WorkObject *self, PyObject *unused) {
    (void)unused;
    const Buffer *content = ticket_content(self->ticket);
    if (self->memory != NULL && content->size == (size_t)PyBytes_Size(self->memory))
        return Py_NewRef(self->memory);
    return PyBytes_FromStringAndSize(content->bytes, (Py_ssize_t)content->size);
}

static PyObject *work_head(WorkObject *self, PyObject *unused) {
    (void)unused;
    const Buffer *head = ticket_head(self->ticket);
    return PyBytes_FromStringAndSize(head->bytes, (Py_ssize_t)head->size);
}

static PyObject *work_outcome(WorkObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromLong(ticket_outcome(self->ticket));
}

static PyObject *work_status(WorkObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromLong(ticket_status(self->ticket));
}

static PyObject *work_is_decoded(WorkObject *self, PyObject *unused) {
    (void)unused;
    return PyBool_FromLong(ticket_is_decoded(self->ticket));
}

static PyObject *work_error(WorkObject *self, PyObject *unused) {
    (void)unused;
    const TransferError *error = ticket_error(self->ticket);
    if (error == NULL) Py_RETURN_NONE;
    const char *message = error->message ? error->message : "";
    PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
    if (text == NULL) return NULL;
    return Py_BuildValue("(iNilllLNNnn)", error->code, text, error->os_errno, error->verify_result,
                         error->connect_code, error->request_size, (long long)error->length,
                         PyBool_FromLong(error->is_connected), PyBool_FromLong(error->is_reused),
                         (Py_ssize_t)error->consumed, (Py_ssize_t)error->produced);
}

static PyObject *work_connected(WorkObject *self, PyObject *unused) {
    (void)unused;
    const Connected *connected = ticket_connected(self->ticket);
    if (connected == NULL) Py_RETURN_NONE;
    return Py_BuildValue("(siNd)", connected->address, connected->port,
                         PyBool_FromLong(connected->is_new), connected->seconds);
}

static PyObject *records_of(const Buffer *trace) {
    PyObject *records = PyList_New(0);
    for (size_t at = 0; records != NULL && at < trace->size;) {
        TraceRecord record;
        memcpy(&record, trace->bytes + at, sizeof record);
        at += sizeof record;
        PyObject *item =
            Py_BuildValue("(iy#)", record.kind, trace->bytes + at, (Py_ssize_t)record.size);
        at += record.size;
        if (item == NULL || PyList_Append(records, item) < 0) Py_CLEAR(records);
        Py_XDECREF(item);
    }
    return records;
}

static PyObject *work_take_trace(WorkObject *self, PyObject *unused) {
    (void)unused;
    Buffer trace = ticket_take_trace(self->ticket);
    PyObject *records = records_of(&trace);
    buffer_free(&trace);
    return records;
}

/* ---- scopes ---- */

static PyObject *scope_make(PyTypeObject *type, PyObject *arguments, PyObject *unused) {
    (void)unused;
    WorkObject *work;
    if (!PyArg_ParseTuple(arguments, "O!", work_type, &work) || !is_bound(work)) return NULL;
    ScopeObject *self = (ScopeObject *)new_object(type);
    if (self == NULL || (self->scope = scope_open(work->ticket)) != NULL) return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static PyObject *scope_shut(ScopeObject *self, PyObject *unused) {
    (void)unused;
    scope_close(self->scope);
    Py_RETURN_NONE;
}

static PyObject *scope_expect_work(ScopeObject *self, PyObject *work) {
    if (!PyObject_TypeCheck(work, work_type))
        return PyErr_Format(PyExc_TypeError, "work: expected a Work");
    if (!is_bound((WorkObject *)work)) return NULL;
    if (scope_await(self->scope, ((WorkObject *)work)->ticket) < 0) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static void scope_free(ScopeObject *self) {
    scope_drop(self->scope);
    free_object((PyObject *)self);
}

/* ---- lookups ---- */

static PyObject *lookup_wrap(Lookup *lookup) {
    LookupObject *self = (LookupObject *)new_object(lookup_type);
    if (self == NULL) lookup_release(lookup);
    else self->lookup = lookup;
    return (PyObject *)self;
}

static PyObject *lookup_get_host(LookupObject *self, void *unused) {
    (void)unused;
    return Py_BuildValue("(si)", lookup_name(self->lookup), lookup_port(self->lookup));
}

static PyObject *lookup_answer(LookupObject *self, PyObject *arguments) {
    const char *addresses;
    int code;
    if (!PyArg_ParseTuple(arguments, "zi", &addresses, &code)) return NULL;
    lookup_finish(self->lookup, addresses, code);
    Py_RETURN_NONE;
}

static void lookup_drop(LookupObject *self) {
    if (self->lookup != NULL) lookup_release(self->lookup);
    free_object((PyObject *)self);
}

/* ---- events ---- */

enum { EVENTS_AT_ONCE = 256 };

static void bring_memory(WorkObject *self) {
    Py_ssize_t length = (Py_ssize_t)ticket_content_length(self->ticket);
    Py_XDECREF(self->memory);
    self->memory = PyBytes_FromStringAndSize(NULL, length);
    if (self->memory == NULL) PyErr_Clear(); /* the core then fails the transfer */
    ticket_give_memory(self->ticket, self->memory ? PyBytes_AsString(self->memory) : NULL);
}

/* What happened to a work is noted there: `_take_what`. A work that has left has to be let go of by
 * whoever takes that. */
static PyObject *work_with(const Event *event) {
    PyObject *object = object_of(event->ticket);
    WorkObject *work = (WorkObject *)object;
    ticket_release(event->ticket);
    if (object == NULL) return NULL;
    if (event->what & EVENT_NEEDS_MEMORY) bring_memory(work);
    work->what |= event->what & ~(unsigned)EVENT_NEEDS_MEMORY;
    if (work->what) return object;
    Py_DECREF(object);
    return NULL;
}

/* Rule: no object is made that the garbage collector knows, and none is let go of. Finalizers would come
 * in the middle, and might wait for the very events that nobody else can see yet. */
static int append_events(PyObject *list, const Event *events, size_t count) {
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        const Event *event = &events[i];
        PyObject *subject = event->lookup != NULL ? lookup_wrap(event->lookup) : work_with(event);
        if (subject != NULL && PyList_Append(list, subject) < 0) failed = -1;
        Py_XDECREF(subject);
    }
    return PyErr_Occurred() ? -1 : failed;
}

static PyObject *work_take_what(WorkObject *self, PyObject *unused) {
    (void)unused;
    unsigned what = self->what;
    self->what = 0;
    if (what & EVENT_LEFT) Py_DECREF((PyObject *)self); /* the reference of work_finalize */
    return PyLong_FromUnsignedLong(what & ~(unsigned)EVENT_LEFT);
}

static PyObject *wait_for_events(PyObject *module, PyObject *arguments) {
    (void)module;
    double seconds;
    int has_role;
    WaitResult result;
    if (!PyArg_ParseTuple(arguments, "dp", &seconds, &has_role)) return NULL;
    Core *core = core_get();
    if (core == NULL) return PyErr_SetFromErrno(PyExc_OSError);
    Py_BEGIN_ALLOW_THREADS
    result = core_wait(core, seconds, has_role);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(result);
}

static PyObject *take_events(PyObject *module, PyObject *list) {
    (void)module;
    Event events[EVENTS_AT_ONCE];
    if (!PyList_Check(list)) return PyErr_Format(PyExc_TypeError, "events: expected a list");
    Core *core = core_get();
    if (core == NULL) return PyErr_SetFromErrno(PyExc_OSError);
    if (append_events(list, events, core_take_events(core, events, EVENTS_AT_ONCE)) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *pass_on(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    Core *core = core_get();
    if (core != NULL) core_pass_on(core);
    Py_RETURN_NONE;
}

static PyObject *call_waiting(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    Core *core = core_get();
    return PyBool_FromLong(core != NULL && core_call_waiting(core));
}

static PyObject *count_waiting(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    Core *core = core_get();
    return PyLong_FromLong(core == NULL ? 0 : core_count_waiting(core));
}

/* ---- heads ---- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* The name of a field, in lower case. */
static PyObject *name_of(const char *line, size_t size) {
    char small[128];
    PyObject *name = NULL;
    int is_ascii = size <= sizeof small;
    for (size_t i = 0; i < size && is_ascii; i++) {
        is_ascii = (unsigned char)line[i] < 128;
        small[i] = lower(line[i]);
    }
    if (is_ascii) return PyUnicode_DecodeLatin1(small, (Py_ssize_t)size, NULL);
    PyObject *given = PyUnicode_DecodeLatin1(line, (Py_ssize_t)size, NULL);
    if (given != NULL) name = PyObject_CallMethod(given, "lower", NULL);
    Py_XDECREF(given);
    return name;
}

static PyObject *value_of(const char *value, const char *end) {
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    return PyUnicode_DecodeLatin1(value, end - value, NULL);
}

/* Note in `several` that a field comes once more; its first value is in `fields`. */
static int note_several(PyObject *several, PyObject *name, PyObject *first, PyObject *value) {
    PyObject *values = PyDict_GetItemWithError(several, name);
    if (values != NULL) return PyList_Append(values, value);
    if (PyErr_Occurred()) return -1;
    values = Py_BuildValue("[OO]", first, value);
    int failed = values == NULL ? -1 : PyDict_SetItem(several, name, values);
    Py_XDECREF(values);
    return failed;
}

/* A field that comes several times is one, its values joined (RFC 9110, 5.2). */
static int join_field(PyObject *fields, PyObject *several, PyObject *name, PyObject *value) {
    PyObject *before = PyDict_GetItemWithError(fields, name);
    if (before == NULL) return PyErr_Occurred() ? -1 : PyDict_SetItem(fields, name, value);
    Py_INCREF(before);
    PyObject *joined = PyUnicode_FromFormat("%U, %U", before, value);
    int failed = joined == NULL ? -1 : note_several(several, name, before, value);
    if (failed == 0) failed = PyDict_SetItem(fields, name, joined);
    Py_XDECREF(joined);
    Py_DECREF(before);
    return failed;
}

static int add_field(PyObject *fields, PyObject *several, const char *line, const char *end) {
    const char *colon = memchr(line, ':', (size_t)(end - line));
    PyObject *name = name_of(line, (size_t)((colon ? colon : end) - line));
    PyObject *value = value_of(colon ? colon + 1 : end, end);
    int failed = name == NULL || value == NULL ? -1 : join_field(fields, several, name, value);
    Py_XDECREF(name);
    Py_XDECREF(value);
    return failed;
}

/* The end of a line, without its CR and LF; *next is where the next begins. Lines that end in LF alone
 * count (RFC 9112, 2.2). */
static const char *end_of_line(const char *line, const char *end, const char **next) {
    const char *feed = memchr(line, '\n', (size_t)(end - line));
    *next = feed == NULL ? end : feed + 1;
    if (feed == NULL) return end;
    return feed > line && feed[-1] == '\r' ? feed - 1 : feed;
}

static PyObject *parse_head(PyObject *module, PyObject *arguments) {
    (void)module;
    const char *head, *next;
    Py_ssize_t size;
    PyObject *fields;
    if (!PyArg_ParseTuple(arguments, "y#O!", &head, &size, &PyDict_Type, &fields)) return NULL;
    const char *end = head + size, *stop = end_of_line(head, end, &next);
    PyObject *line = PyUnicode_DecodeLatin1(head, stop - head, NULL), *several = PyDict_New();
    int failed = line == NULL || several == NULL;
    while (!failed && next < end) {
        const char *begin = next;
        stop = end_of_line(begin, end, &next);
        if (stop == begin) break; /* trailers may follow */
        failed = add_field(fields, several, begin, stop) < 0;
    }
    if (!failed) return Py_BuildValue("(NN)", line, several);
    Py_XDECREF(line);
    Py_XDECREF(several);
    return NULL;
}

/* ---- the module ---- */

static PyObject *load(PyObject *module, PyObject *path) {
    (void)module;
    PyObject *bytes;
    if (!PyUnicode_FSConverter(path, &bytes)) return NULL;
    void *library = dlopen(PyBytes_AsString(bytes), RTLD_NOW | RTLD_NOLOAD);
    Py_DECREF(bytes);
    if (library == NULL) return PyErr_Format(PyExc_ImportError, "%s", dlerror());
    const char *missing = curl_find(library);
    if (missing == NULL && zlib_find(library) < 0) missing = "inflate";
    if (missing != NULL) return PyErr_Format(PyExc_ImportError, "%s has no function %s", "libcurl", missing);
    return PyUnicode_FromString(curl.version());
}

static PyMethodDef account_methods[] = {
    {"limit", (PyCFunction)account_limit_to, METH_O, NULL},
    {"works", (PyCFunction)account_works, METH_NOARGS, NULL},
    {"wait", (PyCFunction)account_wait_idle, METH_O, NULL},
    {"close", (PyCFunction)account_close_now, METH_NOARGS, NULL},
    {"join", (PyCFunction)account_wait_closed, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef account_attributes[] = {
    {"pending", (getter)account_get_pending, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef work_methods[] = {
    {"_bind", (PyCFunction)work_bind, METH_VARARGS, NULL},
    {"_set_transfer", (PyCFunction)work_set_transfer, METH_VARARGS, NULL},
    {"_submit", (PyCFunction)work_submit, METH_O, NULL},
    {"_transfer", (PyCFunction)work_transfer, METH_NOARGS, NULL},
    {"_leave", (PyCFunction)work_leave, METH_NOARGS, NULL},
    {"_stop", (PyCFunction)work_stop, METH_NOARGS, NULL},
    {"_observe", (PyCFunction)work_observe, METH_NOARGS, NULL},
    {"_run", (PyCFunction)work_run, METH_NOARGS, NULL},
    {"_finish", (PyCFunction)work_finish, METH_NOARGS, NULL},
    {"_cancel", (PyCFunction)work_cancel, METH_NOARGS, NULL},
    {"_wake", (PyCFunction)work_wake, METH_NOARGS, NULL},
    {"_wait", (PyCFunction)work_wait, METH_O, NULL},
    {"_give_piece", (PyCFunction)work_bring_piece, METH_O, NULL},
    {"_take_what", (PyCFunction)work_take_what, METH_NOARGS, NULL},
    {"_take_trace", (PyCFunction)work_take_trace, METH_NOARGS, NULL},
    {"_get_outcome", (PyCFunction)work_outcome, METH_NOARGS, NULL},
    {"_get_status", (PyCFunction)work_status, METH_NOARGS, NULL},
    {"_get_head", (PyCFunction)work_head, METH_NOARGS, NULL},
    {"_get_content", (PyCFunction)work_content, METH_NOARGS, NULL},
    {"_get_is_decoded", (PyCFunction)work_is_decoded, METH_NOARGS, NULL},
    {"_get_error", (PyCFunction)work_error, METH_NOARGS, NULL},
    {"_get_connected", (PyCFunction)work_connected, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef work_attributes[] = {
    {"_state", (getter)work_get_state, NULL, NULL, NULL},
    {"_is_done", (getter)work_get_is_done, NULL, NULL, NULL},
    {"_has_slot", (getter)work_get_has_slot, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef scope_methods[] = {
    {"close", (PyCFunction)scope_shut, METH_NOARGS, NULL},
    {"expect", (PyCFunction)scope_expect_work, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef lookup_methods[] = {
    {"finish", (PyCFunction)lookup_answer, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef lookup_attributes[] = {
    {"host", (getter)lookup_get_host, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define SLOTS(name, ...) \
    static PyType_Slot name[] = {__VA_ARGS__, {0, NULL}}

SLOTS(profile_slots, {Py_tp_new, profile_make}, {Py_tp_dealloc, profile_drop});
SLOTS(headers_slots, {Py_tp_new, headers_make}, {Py_tp_dealloc, headers_drop});
SLOTS(route_slots, {Py_tp_new, route_make}, {Py_tp_dealloc, route_drop});
SLOTS(plan_slots, {Py_tp_new, plan_make}, {Py_tp_dealloc, plan_drop});
SLOTS(account_slots, {Py_tp_new, account_make}, {Py_tp_dealloc, account_drop},
      {Py_tp_methods, account_methods}, {Py_tp_getset, account_attributes});
SLOTS(work_slots, {Py_tp_new, work_make}, {Py_tp_dealloc, work_drop},
      {Py_tp_finalize, work_finalize}, {Py_tp_methods, work_methods},
      {Py_tp_getset, work_attributes});
SLOTS(scope_slots, {Py_tp_new, scope_make}, {Py_tp_dealloc, scope_free},
      {Py_tp_methods, scope_methods});
SLOTS(lookup_slots, {Py_tp_dealloc, lookup_drop}, {Py_tp_methods, lookup_methods},
      {Py_tp_getset, lookup_attributes});

static PyTypeObject *add_type(PyObject *module, const char *name, size_t size, PyType_Slot *slots) {
    unsigned is_base = slots == work_slots ? Py_TPFLAGS_BASETYPE : 0;
    PyType_Spec spec = {name, (int)size, 0, Py_TPFLAGS_DEFAULT | is_base, slots};
    PyObject *type = PyType_FromSpec(&spec);
    if (type != NULL && PyModule_AddObjectRef(module, strrchr(name, '.') + 1, type) < 0) Py_CLEAR(type);
    return (PyTypeObject *)type;
}

static int add_types(PyObject *module) {
    const struct {
        PyTypeObject **type;
        const char *name;
        size_t size;
        PyType_Slot *slots;
    } types[] = {
        {&profile_type, "asynchttp._core.Profile", sizeof(ProfileObject), profile_slots},
        {&headers_type, "asynchttp._core.Headers", sizeof(HeadersObject), headers_slots},
        {&route_type, "asynchttp._core.Route", sizeof(RouteObject), route_slots},
        {&account_type, "asynchttp._core.Account", sizeof(AccountObject), account_slots},
        {&plan_type, "asynchttp._core.Plan", sizeof(PlanObject), plan_slots},
        {&work_type, "asynchttp._core.Work", sizeof(WorkObject), work_slots},
        {&scope_type, "asynchttp._core.Scope", sizeof(ScopeObject), scope_slots},
        {&lookup_type, "asynchttp._core.Lookup", sizeof(LookupObject), lookup_slots},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        *types[i].type = add_type(module, types[i].name, types[i].size, types[i].slots);
        if (*types[i].type == NULL) return -1;
    }
    return 0;
}

static PyMethodDef functions[] = {
    {"load", load, METH_O, NULL},
    {"wait", wait_for_events, METH_VARARGS, NULL},
    {"take_events", take_events, METH_O, NULL},
    {"pass_on", pass_on, METH_NOARGS, NULL},
    {"call_waiting", call_waiting, METH_NOARGS, NULL},
    {"count_waiting", count_waiting, METH_NOARGS, NULL},
    {"parse_head", parse_head, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "asynchttp._core", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

static int name_states(void) {
    pending = PyUnicode_InternFromString("PENDING");
    running = PyUnicode_InternFromString("RUNNING");
    finished = PyUnicode_InternFromString("FINISHED");
    cancelled = PyUnicode_InternFromString("CANCELLED_AND_NOTIFIED");
    return pending && running && finished && cancelled ? 0 : -1;
}

PyMODINIT_FUNC PyInit__core(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && (add_types(module) < 0 || name_states() < 0)) Py_CLEAR(module);
    waiters_ring_by(ring);
    Py_AtExit(core_park); /* the last exit handlers may make requests yet */
    return module;
}
