/* Profile, Headers, Route, Plan: see core.h. Python makes each object once for many transfers. */
#include "binding.h"

static PyTypeObject *profile_type, *route_type, *headers_type;
PyTypeObject *plan_type;

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

/* ---- profiles ---- */

/* An array of the strings of a tuple of bytes. The tuple owns the strings; the caller frees the array. */
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
    Py_ssize_t safe, hard, content, size;
    const char *statuses;
    if (!PyArg_ParseTuple(arguments, "O!O!O!Oi(dnnn)y#", profile_type, &profile, route_type, &route,
                          headers_type, &headers, &seconds, &flags, &limits.ratio, &safe, &hard,
                          &content, &statuses, &size))
        return NULL;
    double timeout = seconds_of(seconds);
    if (PyErr_Occurred()) return NULL;
    if (limits.ratio < 0 || safe < 0 || hard < 0 || content < 0)
        return PyErr_Format(PyExc_ValueError, "decode limits: expected at least 0");
    if (size != LAST_STATUS + 1)
        return PyErr_Format(PyExc_ValueError, "statuses: expected %d bytes", LAST_STATUS + 1);
    limits.safe = (size_t)safe;
    limits.hard = (size_t)hard;
    limits.content = (size_t)content;
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

/* ---- the types ---- */

SLOTS(profile_slots, {Py_tp_new, profile_make}, {Py_tp_dealloc, profile_drop});
SLOTS(headers_slots, {Py_tp_new, headers_make}, {Py_tp_dealloc, headers_drop});
SLOTS(route_slots, {Py_tp_new, route_make}, {Py_tp_dealloc, route_drop});
SLOTS(plan_slots, {Py_tp_new, plan_make}, {Py_tp_dealloc, plan_drop});

int add_plan_types(PyObject *module) {
    profile_type = add_type(module, "asynchttp._core.Profile", sizeof(ProfileObject), 0, profile_slots);
    headers_type = add_type(module, "asynchttp._core.Headers", sizeof(HeadersObject), 0, headers_slots);
    route_type = add_type(module, "asynchttp._core.Route", sizeof(RouteObject), 0, route_slots);
    plan_type = add_type(module, "asynchttp._core.Plan", sizeof(PlanObject), 0, plan_slots);
    return profile_type && headers_type && route_type && plan_type ? 0 : -1;
}
