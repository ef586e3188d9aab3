/* The module: accounts, scopes, lookups; events. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <string.h>

#include "binding.h"
#include "curl.h"

PyTypeObject *account_type, *scope_type;
static PyTypeObject *lookup_type;

typedef struct {
    PyObject_HEAD
    Lookup *lookup;
    int is_finished;
} LookupObject;

void free_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

PyObject *new_object(PyTypeObject *type) {
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate(type, 0);
}

/* ---- accounts ---- */

static PyObject *account_make(PyTypeObject *type, PyObject *arguments, PyObject *unused) {
    (void)unused;
    int limit, is_scripted = 0;
    if (!PyArg_ParseTuple(arguments, "i|p", &limit, &is_scripted)) return NULL;
    Core *core = core_get();
    if (core == NULL) {
        if (errno == EAGAIN) return PyErr_Format(PyExc_RuntimeError, "can't start new thread");
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    AccountObject *self = (AccountObject *)new_object(type);
    if (self == NULL) return NULL;
    self->account = is_scripted ? account_new_scripted(core, limit) : account_new(core, limit);
    if (self->account != NULL) return (PyObject *)self;
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

static PyObject *account_get_waiting(AccountObject *self, PyObject *unused) {
    (void)unused;
    size_t pending = account_pending(self->account), working = (size_t)account_counts(self->account).working;
    if (pending <= working) Py_RETURN_NONE;
    return PyFloat_FromDouble(account_last_moved(self->account));
}

static PyObject *account_start_era(AccountObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromUnsignedLong(account_begin_era(self->account));
}

static PyObject *account_wait_past(AccountObject *self, PyObject *arguments) {
    unsigned era;
    double seconds;
    int is_over;
    if (!PyArg_ParseTuple(arguments, "Id", &era, &seconds)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    is_over = account_wait_for_past(self->account, era, seconds);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(is_over);
}

static PyObject *account_get_pending(AccountObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(account_pending(self->account));
}

/* The object of a ticket, a new reference; NULL without an exception when the object is freed, or about to be
 * freed. */
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

/* Requests wait for each lookup: a lookup that Python drops has to fail. */
static void lookup_fail(Lookup *lookup) {
    lookup_finish(lookup, NULL, EAI_AGAIN);
    lookup_release(lookup);
}

static PyObject *lookup_wrap(Lookup *lookup) {
    LookupObject *self = (LookupObject *)new_object(lookup_type);
    if (self == NULL) lookup_fail(lookup);
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
    self->is_finished = 1;
    Py_RETURN_NONE;
}

static void lookup_drop(LookupObject *self) {
    if (self->lookup != NULL) (self->is_finished ? lookup_release : lookup_fail)(self->lookup);
    free_object((PyObject *)self);
}

/* ---- events ---- */

enum { EVENTS_AT_ONCE = 256 };

static void give_memory(WorkObject *self) {
    Py_ssize_t length = (Py_ssize_t)ticket_content_length(self->ticket);
    Py_XDECREF(self->memory);
    self->memory = PyBytes_FromStringAndSize(NULL, length);
    if (self->memory == NULL) PyErr_Clear(); /* the core takes memory of its own, or fails */
    ticket_give_memory(self->ticket, self->memory ? PyBytes_AsString(self->memory) : NULL);
}

static void note_event(WorkObject *work, unsigned what) {
    if (what & EVENT_NEEDS_MEMORY) give_memory(work);
    if (what & EVENT_NEEDS_PIECE) work->_asking = work->_transfers;
    work->what |= what & ~(unsigned)EVENT_NEEDS_MEMORY;
}

/* The work of an event, a new reference. The event is noted in the work, for `_take_what`, which also drops
 * the reference of a work that has left. The work may have no references and not be finalized yet (Python
 * delays finalizers in deeply nested structures): then `work_finalize` puts the event back. */
static PyObject *work_of_event(const Event *event) {
    WorkObject *work = ticket_user(event->ticket);
    if (work != NULL) note_event(work, event->what);
    PyObject *object = object_of(event->ticket);
    ticket_release(event->ticket);
    if (object == NULL || work->what) return object;
    Py_DECREF(object);
    return NULL;
}

/* Rule: this function makes no object that the garbage collector tracks, and drops no last reference.
 * Finalizers would run in the middle, and might wait for an event that is in `events`. */
static int append_events(PyObject *list, const Event *events, size_t count) {
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        const Event *event = &events[i];
        PyObject *subject = event->lookup != NULL ? lookup_wrap(event->lookup) : work_of_event(event);
        if (subject != NULL && PyList_Append(list, subject) < 0) failed = -1;
        Py_XDECREF(subject);
    }
    return PyErr_Occurred() ? -1 : failed;
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

/* ---- garbage collection ---- */

static _Thread_local int collecting;

/* Called by the collector at the start and the end of a collection. In C, because signal handlers run in
 * functions of Python, and an exception in a collection, such as KeyboardInterrupt, is lost. */
static PyObject *note_collection(PyObject *module, PyObject *arguments) {
    (void)module;
    const char *phase;
    PyObject *info;
    if (!PyArg_ParseTuple(arguments, "sO", &phase, &info)) return NULL;
    collecting = strcmp(phase, "start") == 0;
    Py_RETURN_NONE;
}

static PyObject *is_collecting(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(collecting);
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
    {"waits_since", (PyCFunction)account_get_waiting, METH_NOARGS, NULL},
    {"begin_era", (PyCFunction)account_start_era, METH_NOARGS, NULL},
    {"wait_for_past", (PyCFunction)account_wait_past, METH_VARARGS, NULL},
    {"close", (PyCFunction)account_close_now, METH_NOARGS, NULL},
    {"join", (PyCFunction)account_wait_closed, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef account_attributes[] = {
    {"pending", (getter)account_get_pending, NULL, NULL, NULL},
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

SLOTS(account_slots, {Py_tp_new, account_make}, {Py_tp_dealloc, account_drop},
      {Py_tp_methods, account_methods}, {Py_tp_getset, account_attributes});
SLOTS(scope_slots, {Py_tp_new, scope_make}, {Py_tp_dealloc, scope_free}, {Py_tp_methods, scope_methods});
SLOTS(lookup_slots, {Py_tp_dealloc, lookup_drop}, {Py_tp_methods, lookup_methods},
      {Py_tp_getset, lookup_attributes});

PyTypeObject *add_type(PyObject *module, const char *name, size_t size, unsigned flags, PyType_Slot *slots) {
    PyType_Spec spec = {name, (int)size, 0, Py_TPFLAGS_DEFAULT | flags, slots};
    PyObject *type = PyType_FromSpec(&spec);
    if (type != NULL && PyModule_AddObjectRef(module, strrchr(name, '.') + 1, type) < 0) Py_CLEAR(type);
    return (PyTypeObject *)type;
}

static int add_types(PyObject *module) {
    account_type = add_type(module, "asynchttp._core.Account", sizeof(AccountObject), 0, account_slots);
    scope_type = add_type(module, "asynchttp._core.Scope", sizeof(ScopeObject), 0, scope_slots);
    lookup_type = add_type(module, "asynchttp._core.Lookup", sizeof(LookupObject), 0, lookup_slots);
    if (!account_type || !scope_type || !lookup_type) return -1;
    return add_plan_types(module) < 0 || add_work_type(module) < 0 ? -1 : 0;
}

static PyMethodDef functions[] = {
    {"load", load, METH_O, NULL},
    {"wait", wait_for_events, METH_VARARGS, NULL},
    {"take_events", take_events, METH_O, NULL},
    {"pass_on", pass_on, METH_NOARGS, NULL},
    {"call_waiting", call_waiting, METH_NOARGS, NULL},
    {"count_waiting", count_waiting, METH_NOARGS, NULL},
    {"ask", (PyCFunction)(void (*)(void))ask, METH_FASTCALL, NULL},
    {"frames_of_caller", frames_of_caller, METH_NOARGS, NULL},
    {"origin_of", origin_of, METH_O, NULL},
    {"parse_head", parse_head, METH_VARARGS, NULL},
    {"note_collection", note_collection, METH_VARARGS, NULL},
    {"is_collecting", is_collecting, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "asynchttp._core", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__core(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && add_types(module) < 0) Py_CLEAR(module);
    Py_AtExit(core_park); /* after Python's exit handlers, which may still make requests */
    return module;
}
