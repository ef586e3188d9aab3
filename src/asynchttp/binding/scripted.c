/* Reads and answers the transfers of a scripted account: see core/scripted.c. */
#include "binding.h"

static PyObject *header_lines(const Ticket *ticket) {
    PyObject *lines = PyList_New(0);
    const char *text;
    for (size_t i = 0; lines != NULL && (text = ticket_header_line(ticket, i)) != NULL; i++) {
        PyObject *line = PyBytes_FromString(text);
        if (line == NULL || PyList_Append(lines, line) < 0) Py_CLEAR(lines);
        Py_XDECREF(line);
    }
    return lines;
}

PyObject *work_sent(WorkObject *self, PyObject *unused) {
    (void)unused;
    if (self->url == NULL) return PyErr_Format(PyExc_RuntimeError, "no transfer has been set");
    return Py_BuildValue("(sONOi)", ticket_method(self->ticket), self->url, header_lines(self->ticket),
                         self->sent, ticket_flags(self->ticket));
}

/* Read a TransferError from a tuple, which owns `message`. Returns 0, or -1 with an exception. */
static int read_error(PyObject *fields, TransferError *error) {
    Py_ssize_t consumed, produced;
    long long length;
    if (!PyArg_ParseTuple(fields, "isilllLpppnn", &error->code, &error->message, &error->os_errno,
                          &error->verify_result, &error->connect_code, &error->request_size, &length,
                          &error->is_connected, &error->is_reused, &error->has_begun, &consumed,
                          &produced))
        return -1;
    error->length = length;
    error->consumed = (size_t)consumed;
    error->produced = (size_t)produced;
    return 0;
}

/* An answer names its transfer: an answer to an earlier transfer is dropped. */
PyObject *work_give_answer(WorkObject *self, PyObject *arguments) {
    unsigned transfer;
    int outcome;
    Py_ssize_t head_size, content_size;
    PyObject *fields;
    Answer answer = {0};
    TransferError error;
    if (!is_bound(self) ||
        !PyArg_ParseTuple(arguments, "Iiiy#y#pO", &transfer, &outcome, &answer.status, &answer.head,
                          &head_size, &answer.content, &content_size, &answer.is_decoded, &fields))
        return NULL;
    if (fields != Py_None && read_error(fields, &error) < 0) return NULL;
    if (transfer != self->_transfers) Py_RETURN_FALSE;
    answer.outcome = (OutcomeKind)outcome;
    answer.head_size = (size_t)head_size;
    answer.content_size = (size_t)content_size;
    answer.error = fields == Py_None ? NULL : &error;
    int given = ticket_give_answer(self->ticket, &answer);
    return given < 0 ? PyErr_NoMemory() : PyBool_FromLong(given);
}
