/* Work: the base of the Python classes of tickets. Makes requests, waits for requests, reads answers. */
#define _GNU_SOURCE
#include "binding.h"

#include <stddef.h>
#include <string.h>
#include <structmember.h>
#include <time.h>

PyTypeObject *work_type;
static PyObject *pending, *running, *finished, *cancelled; /* the names of states */

static double time_by(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int is_bound(WorkObject *self) {
    if (self->ticket != NULL) return 1;
    PyErr_SetString(PyExc_RuntimeError, "_bind has not been called");
    return 0;
}

#define SET_TO_NONE(name) self->name = Py_NewRef(Py_None);

static PyObject *new_work(PyTypeObject *type) {
    WorkObject *self = (WorkObject *)new_object(type);
    if (self != NULL) {
        WORK_ATTRIBUTES(SET_TO_NONE)
    }
    return (PyObject *)self;
}

static PyObject *work_make(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    (void)arguments, (void)keywords; /* for the __init__ of the derived class */
    return new_work(type);
}

static int bind_to(WorkObject *self, PyObject *account, int rank) {
    if (account != Py_None && Py_TYPE(account) != account_type) {
        PyErr_SetString(PyExc_TypeError, "account: expected an Account or None");
        return -1;
    }
    if (self->ticket != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "it is bound already");
        return -1;
    }
    Account *chosen = account == Py_None ? NULL : ((AccountObject *)account)->account;
    self->ticket = ticket_new(chosen, self, rank);
    if (self->ticket != NULL) return 0;
    PyErr_NoMemory();
    return -1;
}

static PyObject *work_bind(WorkObject *self, PyObject *arguments) {
    PyObject *account;
    int rank;
    if (!PyArg_ParseTuple(arguments, "Oi", &account, &rank) || bind_to(self, account, rank) < 0) return NULL;
    Py_RETURN_NONE;
}

static void work_finalize(PyObject *object) {
    WorkObject *self = (WorkObject *)object;
    if (self->ticket == NULL || !ticket_keep(self->ticket)) return;
    Py_INCREF(object); /* until the LEFT event */
    if (self->what) ticket_tell_again(self->ticket, self->what); /* see work_of_event */
    self->what = 0;
}

/* Python finalizes an object once. The garbage collector may have finalized the work before the submission,
 * and freed nothing, since another object had a reference to the work. */
static void keep_if_finalized(PyObject *object) {
    if (PyObject_GC_IsFinalized(object)) work_finalize(object);
}

#define VISIT(name) Py_VISIT(self->name);
#define CLEAR(name) Py_CLEAR(self->name);

static int work_visit(PyObject *object, visitproc visit, void *arg) {
    WorkObject *self = (WorkObject *)object;
    Py_VISIT(Py_TYPE(object));
    WORK_ATTRIBUTES(VISIT)
    return 0;
}

static int work_clear(PyObject *object) {
    WorkObject *self = (WorkObject *)object;
    WORK_ATTRIBUTES(CLEAR)
    return 0;
}

static void work_drop(WorkObject *self) {
    PyObject_GC_UnTrack(self);
    if (self->ticket != NULL) ticket_forget_user(self->ticket);
    ticket_release(self->ticket); /* first: the core may have used the url, the bytes and the memory */
    Py_XDECREF(self->url);
    Py_XDECREF(self->sent);
    Py_XDECREF(self->memory);
    work_clear((PyObject *)self);
    free_object((PyObject *)self);
}

/* The garbage collector tracks a work once Python has set an attribute: before, the work is in no cycle. This
 * spares the collector work while many requests are pending. */
static int work_set_attribute(PyObject *self, PyObject *name, PyObject *value) {
    if (!PyObject_GC_IsTracked(self)) PyObject_GC_Track(self);
    return PyObject_GenericSetAttr(self, name, value);
}

/* ---- making requests ---- */

/* The place of a call in the caller's code is a tuple: code, offset, code, offset..., innermost first. Calls
 * from the same place, as in a loop, share a tuple. */
enum { FRAMES = 4 };

static PyObject *known_frames; /* the tuple that was made last */
static PyObject *f_back, *f_lasti;

static int is_known(PyObject *const *noted, Py_ssize_t count) {
    if (known_frames == NULL || PyTuple_Size(known_frames) != count) return 0;
    for (Py_ssize_t i = 0; i < count; i += 2) {
        if (PyTuple_GetItem(known_frames, i) != noted[i]) return 0;
        if (PyLong_AsLong(PyTuple_GetItem(known_frames, i + 1)) != PyLong_AsLong(noted[i + 1])) return 0;
    }
    return 1;
}

/* A tuple of the objects in `noted`, whose references the tuple takes; NULL without memory. */
static PyObject *tuple_of(PyObject **noted, Py_ssize_t count) {
    if (is_known(noted, count)) {
        for (Py_ssize_t i = 0; i < count; i++) Py_DECREF(noted[i]);
        return Py_NewRef(known_frames);
    }
    PyObject *frames = PyTuple_New(count);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (frames == NULL) Py_DECREF(noted[i]);
        else PyTuple_SetItem(frames, i, noted[i]);
    }
    if (frames == NULL) return NULL;
    PyObject *before = known_frames;
    known_frames = Py_NewRef(frames);
    Py_XDECREF(before);
    return frames;
}

/* The tuple of the frames from `frame` outwards, a new reference. `frame` NULL: C code called. */
static PyObject *frames_from(PyObject *frame) {
    PyObject *noted[2 * FRAMES];
    Py_ssize_t count = 0;
    while (frame != NULL && frame != Py_None && count < 2 * FRAMES) {
        PyObject *offset = PyObject_GetAttr(frame, f_lasti);
        PyObject *back = offset == NULL ? NULL : PyObject_GetAttr(frame, f_back);
        if (offset != NULL) {
            noted[count++] = (PyObject *)PyFrame_GetCode((PyFrameObject *)frame);
            noted[count++] = offset;
        }
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    if (PyErr_Occurred()) PyErr_Clear(); /* no memory: the tuple lacks the outer frames */
    return tuple_of(noted, count);
}

static PyObject *frames_of_caller_now(void) {
    PyObject *frame = (PyObject *)PyEval_GetFrame(); /* of the calling function of asynchttp */
    PyObject *caller = frame == NULL ? NULL : PyObject_GetAttr(frame, f_back);
    if (caller == NULL) PyErr_Clear();
    return frames_from(caller);
}

PyObject *frames_of_caller(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return frames_of_caller_now();
}

static void set_reference(PyObject **at, PyObject *value) {
    PyObject *before = *at;
    *at = Py_NewRef(value);
    Py_XDECREF(before);
}

static void describe_request(WorkObject *self, PyObject *const *arguments) {
    static unsigned long long numbers; /* under the GIL */
    self->number = ++numbers;
    self->_made = time_by(CLOCK_REALTIME);
    PyObject *frames = frames_of_caller_now();
    if (frames != NULL) set_reference(&self->_frames, frames);
    Py_XDECREF(frames);
    set_reference(&self->owner, arguments[1]);
    set_reference(&self->_settings, arguments[3]);
    set_reference(&self->_method, arguments[4]);
    set_reference(&self->_uri, arguments[5]);
    set_reference(&self->_redirections, arguments[6]);
}

PyObject *ask(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    if (count != 7 || !PyType_Check(arguments[0]) ||
        !PyType_IsSubtype((PyTypeObject *)arguments[0], work_type))
        return PyErr_Format(PyExc_TypeError, "expected a class of works, and six arguments");
    WorkObject *self = (WorkObject *)new_work((PyTypeObject *)arguments[0]);
    if (self == NULL) return NULL;
    /* A str and an int have no references to other objects: no cycle until work_set_attribute. */
    int is_simple = PyUnicode_CheckExact(arguments[4]) && PyUnicode_CheckExact(arguments[5]) &&
                    PyLong_CheckExact(arguments[6]);
    if (is_simple) PyObject_GC_UnTrack(self);
    describe_request(self, arguments);
    if (!PyErr_Occurred() && bind_to(self, arguments[2], 0) == 0) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

/* ---- transfers ---- */

/* `sent`: bytes, or None. Returns 0, or -1 with an exception. */
static int set_transfer(WorkObject *self, PyObject *plan, PyObject *url, int flags, PyObject *sent,
                        int64_t size) {
    char *bytes = NULL;
    Py_ssize_t length = 0;
    const char *text = PyUnicode_AsUTF8AndSize(url, NULL);
    if (text == NULL || (sent != Py_None && PyBytes_AsStringAndSize(sent, &bytes, &length) < 0)) return -1;
    ticket_set_transfer(self->ticket, ((PlanObject *)plan)->plan, text, flags, bytes,
                        bytes == NULL ? size : (int64_t)length);
    self->_transfers++;
    set_reference(&self->url, url);
    set_reference(&self->sent, sent);
    Py_CLEAR(self->memory);
    return 0;
}

static PyObject *work_set_transfer(WorkObject *self, PyObject *arguments) {
    PyObject *plan, *url, *sent;
    int flags;
    long long size;
    if (!is_bound(self) ||
        !PyArg_ParseTuple(arguments, "O!UiOL", plan_type, &plan, &url, &flags, &sent, &size))
        return NULL;
    if (set_transfer(self, plan, url, flags, sent, size) < 0) return NULL;
    Py_RETURN_NONE;
}

/* The plan for the origin of the request, borrowed; NULL where `plans` has none, or the URI is not normal. */
static PyObject *plan_in(PyObject *plans, PyObject *uri) {
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(uri, &size);
    size_t origin = text == NULL ? 0 : origin_size(text, (size_t)size);
    if (origin == 0) {
        PyErr_Clear();
        return NULL;
    }
    PyObject *key = PyUnicode_FromStringAndSize(text, (Py_ssize_t)origin);
    PyObject *plan = key == NULL ? NULL : PyDict_GetItemWithError(plans, key);
    Py_XDECREF(key);
    return plan;
}

static PyObject *work_start(WorkObject *self, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 2 || !PyDict_Check(arguments[0]))
        return PyErr_Format(PyExc_TypeError, "expected a dict of plans, and bytes or None");
    if (!is_bound(self)) return NULL;
    PyObject *plan = plan_in(arguments[0], self->_uri);
    if (plan == NULL) return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    if (Py_TYPE(plan) != plan_type) return PyErr_Format(PyExc_TypeError, "plans: expected Plans");
    if (set_transfer(self, plan, self->_uri, 0, arguments[1], -1) < 0) return NULL;
    Py_RETURN_TRUE;
}

static CallbackScope *scope_of(PyObject *object) {
    if (Py_TYPE(object) == scope_type) return ((ScopeObject *)object)->scope;
    if (object != Py_None) PyErr_SetString(PyExc_TypeError, "scope: expected a Scope or None");
    return NULL;
}

static PyObject *work_submit(WorkObject *self, PyObject *scope) {
    CallbackScope *asked_by = scope_of(scope);
    if (PyErr_Occurred() || !is_bound(self)) return NULL;
    if (ticket_submit(self->ticket, asked_by) < 0) Py_RETURN_FALSE;
    keep_if_finalized((PyObject *)self);
    Py_RETURN_TRUE;
}

static PyObject *work_submit_and_wait(WorkObject *self, PyObject *seconds) {
    double longest = PyFloat_AsDouble(seconds);
    int failed;
    if (PyErr_Occurred() || !is_bound(self)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    failed = ticket_submit_and_wait(self->ticket, longest);
    Py_END_ALLOW_THREADS
    keep_if_finalized((PyObject *)self);
    return PyBool_FromLong(failed == 0);
}

static PyObject *work_transfer(WorkObject *self, PyObject *unused) {
    (void)unused;
    ticket_transfer(self->ticket);
    Py_RETURN_NONE;
}

static PyObject *work_delay(WorkObject *self, PyObject *argument) {
    double seconds = PyFloat_AsDouble(argument);
    if (seconds == -1 && PyErr_Occurred()) return NULL;
    if (ticket_delay(self->ticket, seconds) < 0) return PyErr_NoMemory();
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

static PyObject *settle(WorkObject *self, int state) {
    return is_bound(self) ? PyBool_FromLong(ticket_settle(self->ticket, state)) : NULL;
}

static PyObject *work_finish(WorkObject *self, PyObject *unused) {
    (void)unused;
    return settle(self, STATE_FINISHED);
}

static PyObject *work_cancel(WorkObject *self, PyObject *unused) {
    (void)unused;
    return settle(self, STATE_CANCELLED);
}

static PyObject *work_wake(WorkObject *self, PyObject *unused) {
    (void)unused;
    if (!is_bound(self)) return NULL;
    ticket_wake(self->ticket);
    ticket_tell_driver(self->ticket);
    Py_RETURN_NONE;
}

/* ---- waiting ---- */

static void release_wakeup(void *lock) { PyThread_release_lock(lock); }

/* Take the turns in place of the core's thread, if the thread rests. Returns the rest of `seconds`. */
static double take_turns(Ticket *ticket, double seconds) {
    double before = time_by(CLOCK_MONOTONIC);
    Py_BEGIN_ALLOW_THREADS
    ticket_take_turns(ticket, seconds < 0 || seconds > 1 ? 1 : seconds);
    Py_END_ALLOW_THREADS
    double left = seconds - (time_by(CLOCK_MONOTONIC) - before);
    return seconds < 0 ? seconds : left > 0 ? left : 0;
}

/* Wait in slices of at most a second. A signal that comes just before the system call does not end the call:
 * Python runs the signal handlers between two slices. Any number of signals may end slices early. Returns
 * 1 when the ticket is done, 0 after a timeout, -1 when a handler raised. */
static int wait_for_wakeup(Ticket *ticket, PyThread_type_lock lock, double seconds) {
    double end = time_by(CLOCK_MONOTONIC) + seconds;
    for (double left = seconds; seconds < 0 || left > 0; left = end - time_by(CLOCK_MONOTONIC)) {
        double slice = seconds < 0 || left > 1 ? 1 : left;
        Waiter waiter = {NULL, lock}; /* not listed while a handler runs, which may fork */
        PyLockStatus status;
        if (!ticket_add_waiter(ticket, &waiter)) return 1;
        Py_BEGIN_ALLOW_THREADS
        status = PyThread_acquire_lock_timed(lock, (PY_TIMEOUT_T)(slice * 1e6), 1);
        Py_END_ALLOW_THREADS
        if (status == PY_LOCK_ACQUIRED) return 1;
        if (!ticket_remove_waiter(ticket, &waiter)) {
            PyThread_acquire_lock(lock, 1); /* the lock is being released */
            return 1;
        }
        if (PyErr_CheckSignals() < 0) return -1;
    }
    return 0;
}

static PyObject *work_wait(WorkObject *self, PyObject *timeout) {
    double seconds = PyFloat_AsDouble(timeout);
    if (PyErr_Occurred() || !is_bound(self)) return NULL;
    if (ticket_state(self->ticket) & STATE_DONE) Py_RETURN_TRUE;
    seconds = take_turns(self->ticket, seconds);
    if (ticket_state(self->ticket) & STATE_DONE) Py_RETURN_TRUE;
    if (PyErr_CheckSignals() < 0) return NULL;
    PyThread_type_lock lock = PyThread_allocate_lock();
    if (lock == NULL) return PyErr_NoMemory();
    PyThread_acquire_lock(lock, 0);
    int has_come = wait_for_wakeup(self->ticket, lock, seconds);
    PyThread_free_lock(lock);
    return has_come < 0 ? NULL : PyBool_FromLong(has_come);
}

/* ---- state and answer ---- */

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

/* A piece for an earlier transfer is dropped, and does not replace `sent`, which the present transfer may be
 * sending. */
static PyObject *work_give_piece(WorkObject *self, PyObject *arguments) {
    char *bytes;
    Py_ssize_t size;
    unsigned transfer;
    PyObject *piece;
    if (!PyArg_ParseTuple(arguments, "IO", &transfer, &piece)) return NULL;
    if (transfer != self->_transfers) Py_RETURN_NONE;
    if (piece == Py_None) {
        ticket_refuse_piece(self->ticket);
        Py_RETURN_NONE;
    }
    if (PyBytes_AsStringAndSize(piece, &bytes, &size) < 0) return NULL;
    PyObject *before = self->sent; /* sent completely */
    self->sent = Py_NewRef(piece);
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

/* Add the fields of the answer to a dict. Returns status line, content, and whether the content was decoded;
 * or None for a forgotten answer. */
static PyObject *work_read(WorkObject *self, PyObject *response) {
    const Buffer *head = ticket_head(self->ticket);
    if (!PyDict_Check(response)) return PyErr_Format(PyExc_TypeError, "response: expected a dict");
    if (ticket_is_under_way(self->ticket) || head->size == 0) Py_RETURN_NONE;
    self->readers++;
    PyObject *status_line = fill_response(response, head->bytes, head->size);
    PyObject *content = status_line == NULL ? NULL : work_content(self, NULL);
    self->readers--;
    if (content != NULL)
        return Py_BuildValue("(NNN)", status_line, content, PyBool_FromLong(ticket_is_decoded(self->ticket)));
    Py_XDECREF(status_line);
    return NULL;
}

/* Free the bytes of the answer, once Python has a copy. Does nothing during `_read`, in the middle of which a
 * finalizer may call this. */
static PyObject *work_forget_answer(WorkObject *self, PyObject *unused) {
    (void)unused;
    if (self->readers == 0 && !ticket_is_under_way(self->ticket)) ticket_forget_answer(self->ticket);
    Py_RETURN_NONE;
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
    return Py_BuildValue("(iNilllLNNNnn)", error->code, text, error->os_errno, error->verify_result,
                         error->connect_code, error->request_size, (long long)error->length,
                         PyBool_FromLong(error->is_connected), PyBool_FromLong(error->is_reused),
                         PyBool_FromLong(error->has_begun),
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

static PyObject *work_take_what(WorkObject *self, PyObject *unused) {
    (void)unused;
    unsigned what = self->what;
    self->what = 0;
    if (what & EVENT_LEFT) Py_DECREF((PyObject *)self); /* the reference of work_finalize */
    return PyLong_FromUnsignedLong(what & ~(unsigned)EVENT_LEFT);
}

/* ---- the type ---- */

static PyMethodDef work_methods[] = {
    {"_bind", (PyCFunction)work_bind, METH_VARARGS, NULL},
    {"_start", (PyCFunction)(void (*)(void))work_start, METH_FASTCALL, NULL},
    {"_set_transfer", (PyCFunction)work_set_transfer, METH_VARARGS, NULL},
    {"_submit", (PyCFunction)work_submit, METH_O, NULL},
    {"_submit_and_wait", (PyCFunction)work_submit_and_wait, METH_O, NULL},
    {"_transfer", (PyCFunction)work_transfer, METH_NOARGS, NULL},
    {"_delay", (PyCFunction)work_delay, METH_O, NULL},
    {"_leave", (PyCFunction)work_leave, METH_NOARGS, NULL},
    {"_stop", (PyCFunction)work_stop, METH_NOARGS, NULL},
    {"_observe", (PyCFunction)work_observe, METH_NOARGS, NULL},
    {"_run", (PyCFunction)work_run, METH_NOARGS, NULL},
    {"_finish", (PyCFunction)work_finish, METH_NOARGS, NULL},
    {"_cancel", (PyCFunction)work_cancel, METH_NOARGS, NULL},
    {"_wake", (PyCFunction)work_wake, METH_NOARGS, NULL},
    {"_wait", (PyCFunction)work_wait, METH_O, NULL},
    {"_give_piece", (PyCFunction)work_give_piece, METH_VARARGS, NULL},
    {"_get_sent", (PyCFunction)work_sent, METH_NOARGS, NULL},
    {"_give_answer", (PyCFunction)work_give_answer, METH_VARARGS, NULL},
    {"_take_what", (PyCFunction)work_take_what, METH_NOARGS, NULL},
    {"_take_trace", (PyCFunction)work_take_trace, METH_NOARGS, NULL},
    {"_read", (PyCFunction)work_read, METH_O, NULL},
    {"_forget_answer", (PyCFunction)work_forget_answer, METH_NOARGS, NULL},
    {"_get_outcome", (PyCFunction)work_outcome, METH_NOARGS, NULL},
    {"_get_status", (PyCFunction)work_status, METH_NOARGS, NULL},
    {"_get_head", (PyCFunction)work_head, METH_NOARGS, NULL},
    {"_get_content", (PyCFunction)work_content, METH_NOARGS, NULL},
    {"_get_is_decoded", (PyCFunction)work_is_decoded, METH_NOARGS, NULL},
    {"_get_error", (PyCFunction)work_error, METH_NOARGS, NULL},
    {"_get_connected", (PyCFunction)work_connected, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef work_properties[] = {
    {"_state", (getter)work_get_state, NULL, NULL, NULL},
    {"_is_done", (getter)work_get_is_done, NULL, NULL, NULL},
    {"_has_slot", (getter)work_get_has_slot, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define MEMBER(name) {#name, T_OBJECT_EX, offsetof(WorkObject, name), 0, NULL},

static PyMemberDef work_members[] = {
    WORK_ATTRIBUTES(MEMBER)
    {"_transfers", T_UINT, offsetof(WorkObject, _transfers), READONLY, NULL},
    {"_asking", T_UINT, offsetof(WorkObject, _asking), READONLY, NULL},
    {"_made", T_DOUBLE, offsetof(WorkObject, _made), READONLY, NULL},
    {"is_logged", T_BOOL, offsetof(WorkObject, is_logged), 0, NULL},
    {"number", T_ULONGLONG, offsetof(WorkObject, number), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

SLOTS(work_slots, {Py_tp_new, work_make}, {Py_tp_dealloc, work_drop}, {Py_tp_finalize, work_finalize},
      {Py_tp_traverse, work_visit}, {Py_tp_clear, work_clear}, {Py_tp_setattro, work_set_attribute},
      {Py_tp_methods, work_methods}, {Py_tp_getset, work_properties}, {Py_tp_members, work_members});

int add_work_type(PyObject *module) {
    waiters_wake_by(release_wakeup);
    f_back = PyUnicode_InternFromString("f_back");
    f_lasti = PyUnicode_InternFromString("f_lasti");
    pending = PyUnicode_InternFromString("PENDING");
    running = PyUnicode_InternFromString("RUNNING");
    finished = PyUnicode_InternFromString("FINISHED");
    cancelled = PyUnicode_InternFromString("CANCELLED_AND_NOTIFIED");
    if (!f_back || !f_lasti || !pending || !running || !finished || !cancelled) return -1;
    work_type = add_type(module, "asynchttp._core.Work", sizeof(WorkObject),
                         Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, work_slots);
    return work_type == NULL ? -1 : 0;
}
