"""Connections that are refused, end, are reset, or fall silent, and bytes that nobody asked for."""

from http.client import BadStatusLine, IncompleteRead

from tests.faults.fault import Fault
from tests.faults.kinds import ON_NEW_CONNECTION
from tests.faults.steps import answer, hang_up, head, linger, pause, stay_silent
from tests.faults.wanted import (
    OK,
    Answer,
    Rule,
    always,
    answered,
    by_kind,
    ends,
    ends_once,
    resets,
    resets_once,
)
from tests.servers.raw import OK as OK_ANSWER
from tests.servers.raw import reset_connection, send, send_slowly
from tests.servers.unreachable import black_hole_port, refused_port

TWO = "Content-Length: 2"
POISON = answer(b"POISON")
APART = pause(0.02)
TOO_LARGE = answer(b"no", status="413 Content Too Large")

CUT: Rule = always(IncompleteRead)
RESET: Rule = always(ConnectionResetError)
TIMES_OUT: Rule = always(TimeoutError)
# The client meets the end first, or the kernel's reset: a matter of microseconds.
LOST: Rule = always(ConnectionError, sent=0)
REFUSED_UPLOAD: Rule = always(Answer(413, b"no"))

_NO_CONNECTION = (
    Fault(
        "refuses the connection",
        always(ConnectionRefusedError, sent=0),
        port=refused_port,
        kinds=ON_NEW_CONNECTION,
    ),
    Fault(
        "does not answer SYN",
        always(TimeoutError, sent=0),
        is_silent=True,
        port=black_hole_port,
        kinds=ON_NEW_CONNECTION,
    ),
    Fault("closes at accept", LOST, at_connect=(hang_up,), kinds=ON_NEW_CONNECTION),
    Fault("resets at accept", LOST, at_connect=(reset_connection,), kinds=ON_NEW_CONNECTION),
    Fault(
        "accepts, reads nothing, is silent",
        always(TimeoutError, sent=0),
        at_connect=(stay_silent,),
        is_silent=True,
        kinds=ON_NEW_CONNECTION,
    ),
)

_ENDS = (
    Fault("closes after the request", ends, (hang_up,)),
    Fault("closes after the request, once", ends_once, (hang_up,), strikes=1, keeps=False),
    Fault("closes in the status line", always(BadStatusLine), (send(b"HTTP/1."),)),
    Fault("closes after the status line", CUT, (send(b"HTTP/1.1 200 OK\r\n"),)),
    Fault("closes within a field", CUT, (send(head(TWO)[:-2] + b"X: cut"),)),
    Fault("closes after a field", CUT, (send(head(TWO)[:-2]),)),
    Fault("closes after the head", CUT, (send(head(TWO)),)),
    Fault("closes in the content", CUT, (send(head(TWO) + b"o"),)),
    Fault(
        "closes after an interim answer",
        always(BadStatusLine),
        (send(b"HTTP/1.1 103 Early Hints\r\n\r\n"),),
    ),
    Fault("no length, the end of the connection", always(OK), (send(head() + b"ok"),)),
    Fault("closes after the answer", always(OK), (send(OK_ANSWER), hang_up), settles=True),
)

_RESETS = (
    Fault("resets after the request", resets, (reset_connection,)),
    Fault("resets after the request, once", resets_once, (reset_connection,), strikes=1),
    Fault("resets in the status line", RESET, (send(b"HTTP/1."), APART, reset_connection)),
    Fault("resets after a field", RESET, (send(head(TWO)[:-2]), APART, reset_connection)),
    Fault("resets in the content", RESET, (send(head(TWO) + b"o"), APART, reset_connection)),
    Fault("no length, a reset", RESET, (send(head() + b"ok"), APART, reset_connection)),
    # APART lets the client take the answer, which a reset may discard.
    Fault(
        "resets after the answer",
        always(OK),
        (send(OK_ANSWER), APART, reset_connection),
        settles=True,
    ),
)

_SILENCE = (
    Fault("silent after the request", TIMES_OUT, (stay_silent,), is_silent=True),
    Fault(
        "silent in the status line",
        TIMES_OUT,
        (send(b"HTTP/1.1 2"), stay_silent),
        is_silent=True,
    ),
    Fault("silent after a field", TIMES_OUT, (send(head(TWO)[:-2]), stay_silent), is_silent=True),
    Fault(
        "silent in the content", TIMES_OUT, (send(head(TWO) + b"o"), stay_silent), is_silent=True
    ),
    Fault("a byte at a time", answered(), (send_slowly(OK_ANSWER, every=0.005),), keeps=True),
)

_UNASKED = (
    Fault("more than the length", always(OK), (send(OK_ANSWER + b"XXXX"),), keeps=True),
    Fault(
        "more than the length, later",
        always(OK),
        (send(OK_ANSWER), APART, send(b"XXXX")),
        keeps=True,
        settles=True,
    ),
    Fault("a second answer at once", always(OK), (send(OK_ANSWER + POISON),), keeps=True),
    Fault(
        "a second answer later",
        always(OK),
        (send(OK_ANSWER), APART, send(POISON)),
        keeps=True,
        settles=True,
    ),
    Fault(
        "408 on the idle connection",
        always(OK),
        (send(OK_ANSWER), APART, send(answer(b"", status="408 Request Timeout")), hang_up),
        settles=True,
    ),
    Fault(
        "an answer before the request",
        always(OK, is_reused=None),
        at_connect=(send(OK_ANSWER),),
        steps=(APART,),
        keeps=True,
        kinds=ON_NEW_CONNECTION,
    ),
)

_MID_UPLOAD = (
    Fault("413 at the end of the head", REFUSED_UPLOAD, (send(TOO_LARGE), linger), at_head=True),
    Fault(
        "413 at the end of the head, keeps the connection",
        by_kind(answered(Answer(413, b"no")), file=always(Answer(413, b"no"), is_reused=None)),
        (send(TOO_LARGE),),
        keeps=True,
    ),
    # The reset may discard the answer, or not.
    Fault(
        "413 and a reset",
        by_kind(
            always(Answer(413, b"no"), ConnectionResetError),
            file=always(Answer(413, b"no"), ConnectionError),
        ),
        (send(TOO_LARGE), APART, reset_connection),
        at_head=True,
    ),
)

ROWS = (*_NO_CONNECTION, *_ENDS, *_RESETS, *_SILENCE, *_UNASKED, *_MID_UPLOAD)
