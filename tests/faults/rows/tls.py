"""Certificates and handshakes that must not be accepted, and connections that TLS does not end."""

import ssl
from http.client import IncompleteRead, RemoteDisconnected

from tests.faults.fault import Certificate, Fault
from tests.faults.kinds import ON_NEW_CONNECTION
from tests.faults.steps import (
    answer,
    hang_up,
    head,
    read_client_hello,
    say_goodbye,
    stay_silent,
)
from tests.faults.wanted import OK, Rule, always, answered, ends
from tests.servers.raw import OK as OK_ANSWER
from tests.servers.raw import Step, reset_connection, send

NOT_TRUSTED: Rule = always(ssl.SSLCertVerificationError, sent=0)
NO_HANDSHAKE: Rule = always(ssl.SSLError, sent=0)


def _shows(name: str, certificate: Certificate, wanted: Rule) -> Fault:
    """The fault ends with no request: a request that comes nevertheless would be answered."""
    return Fault(name, wanted, certificate=certificate, kinds=ON_NEW_CONNECTION)


def _in_handshake(name: str, *steps: Step, wanted: Rule = NO_HANDSHAKE) -> Fault:
    return Fault(
        f"TLS: {name}",
        wanted,
        at_connect=steps,
        certificate=Certificate.GOOD,
        is_silent=stay_silent in steps,
        kinds=ON_NEW_CONNECTION,
    )


def _after_request(name: str, wanted: Rule, *steps: Step, keeps: bool = False) -> Fault:
    return Fault(f"TLS: {name}", wanted, steps, certificate=Certificate.GOOD, keeps=keeps)


SERVER_HELLO_BEGINS = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"
NO_RECORD = b"\x16\x03\x03\x00\x10" + b"\xee" * 64

ROWS = (
    _shows("TLS: certificate of another host", Certificate.OTHER_HOST, NOT_TRUSTED),
    _shows("TLS: expired certificate", Certificate.EXPIRED, NOT_TRUSTED),
    _shows("TLS: self-signed certificate", Certificate.SELF_SIGNED, NOT_TRUSTED),
    _shows("TLS: 1.0 only", Certificate.TLS_1_0, NO_HANDSHAKE),
    _shows("TLS: 1.1 only", Certificate.TLS_1_1, NO_HANDSHAKE),
    _after_request("good", answered(), send(OK_ANSWER), keeps=True),
    # The kernel turns a close into a reset, or not: the class of the error is the same.
    _in_handshake("closes at accept", hang_up),
    _in_handshake("closes after ClientHello", read_client_hello, hang_up),
    _in_handshake("resets after ClientHello", read_client_hello, reset_connection),
    _in_handshake(
        "silent after ClientHello",
        read_client_hello,
        stay_silent,
        wanted=always(TimeoutError, sent=0),
    ),
    _in_handshake("answers without TLS", read_client_hello, send(OK_ANSWER)),
    _in_handshake("garbage after ClientHello", read_client_hello, send(NO_RECORD)),
    _in_handshake("half a ServerHello", read_client_hello, send(SERVER_HELLO_BEGINS)),
    # An attacker can end a connection, but cannot send a close_notify: RFC 9112, 9.8.
    _after_request("closes after the request", ends, say_goodbye),
    _after_request("cut after the request", always(RemoteDisconnected), hang_up),
    _after_request("no length, closes", always(OK), send(head() + b"ok"), say_goodbye),
    _after_request("no length, cut", always(IncompleteRead), send(head() + b"ok"), hang_up),
    _after_request("cut in the content", always(IncompleteRead), send(answer(b"ok")[:-1]), hang_up),
    _after_request("cut after the answer", always(OK), send(OK_ANSWER), hang_up),
)
