"""Client certificates and TLS versions are sent, refused and limited as by httplib2.

Rules: httplib2 is right, at the time of the test. The server says who came, and over which version
of TLS. Of errors, we compare type, errno, `reason` and `library`; OpenSSL's wording differs between
versions.
"""

import errno
import logging
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from ssl import TLSVersion
from typing import Any, NamedTuple, TypeAlias

import httplib2
import pytest
import socks  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

from asynchttp import Http
from tests.conftest import RawServerFactory
from tests.reference import close_leaked_sockets
from tests.servers.certificates import Authority, sign_for_this_machine, tls_server_context
from tests.servers.event_log import PATIENCE
from tests.servers.proxies import ACCEPT_TUNNEL
from tests.servers.raw import OK, RawServer, ServerConnection, Step, read_head, send
from tests.servers.unreachable import refused_port

Client: TypeAlias = type[httplib2.Http]
CertificateArguments: TypeAlias = Any
"""The arguments of `add_certificate`. Any: httplib2 takes more than its types say."""

PASSWORD = "se:cret"
NO_CERTIFICATE = b"nobody"
LIMITED = [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3]


@pytest.fixture(params=[httplib2.Http, Http], ids=["httplib2", "asynchttp"])
def client(request: pytest.FixtureRequest) -> Client:
    """Each client in turn: httplib2 does all that asynchttp has to do."""
    made: Client = request.param
    return made


class Identity(NamedTuple):
    """Files: a private key, the key encrypted, the key's certificate, and key with certificate."""

    key: str
    encrypted: str
    certificate: str
    both: str


def split_identity(pem: Path) -> Identity:
    """Split a file of key and certificate."""
    text = pem.read_text()
    begin = text.index("-----BEGIN CERTIFICATE")
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    key = serialization.load_pem_private_key(text[:begin].encode(), None)
    parts = {
        ".key": text[:begin].encode(),
        ".encrypted": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption),
        ".certificate": text[begin:].encode(),
    }
    for suffix, part in parts.items():
        pem.with_suffix(suffix).write_bytes(part)
    key_file, encrypted, certificate = (str(pem.with_suffix(suffix)) for suffix in parts)
    return Identity(key_file, encrypted, certificate, str(pem))


@pytest.fixture(scope="module")
def trusted_identity(authority: Authority) -> Identity:
    return split_identity(authority.sign("known.test"))


@pytest.fixture(scope="module")
def other_identity(authority: Authority) -> Identity:
    return split_identity(authority.sign("other.test"))


@pytest.fixture(scope="module")
def untrusted_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """Signed by an authority that the servers do not trust."""
    return split_identity(Authority(tmp_path_factory.mktemp("stranger")).sign("stranger.test"))


def record_identity(connection: ServerConnection) -> None:
    """Record the name in the client's certificate, or NOBODY."""
    certificate: Any = connection.socket.getpeercert()  # type: ignore[attr-defined]  # Any: as in ssl
    names = certificate["subjectAltName"][0][1].encode() if certificate else NO_CERTIFICATE
    connection.server.bodies.add(names)


ANSWER_ONE_REQUEST: list[Step] = [read_head, record_identity, send(OK)]


class TlsServers:
    """Makes TLS servers; with `verify=ssl.CERT_REQUIRED`, a client certificate is demanded."""

    def __init__(self, authority: Authority, stack: ExitStack) -> None:
        self._authority = authority
        self._stack = stack

    def __call__(
        self,
        *scripts: list[Step],
        verify: ssl.VerifyMode = ssl.CERT_OPTIONAL,
        version: TLSVersion | None = None,
    ) -> RawServer:
        context = tls_server_context(sign_for_this_machine(self._authority))
        context.verify_mode = verify
        context.load_verify_locations(self._authority.pem)
        if version:
            context.minimum_version = context.maximum_version = version
        return self._stack.enter_context(RawServer(*(scripts or [ANSWER_ONE_REQUEST]), tls=context))


@pytest.fixture
def servers(authority: Authority) -> Iterator[TlsServers]:
    with ExitStack() as stack:
        yield TlsServers(authority, stack)


@pytest.fixture
def settings(authority_file: str) -> dict[str, Any]:
    """The arguments of all clients. Any: as the constructor takes them."""
    return {"ca_certs": authority_file, "timeout": PATIENCE, "proxy_info": None}


def domain(server: RawServer) -> str:
    """The server as `add_certificate` takes a domain: with the port."""
    return f"localhost:{server.port}"


def get_content(http: httplib2.Http, uri: str) -> bytes:
    return bytes(http.request(uri)[1])


class Failure(NamedTuple):
    """The parts of an error that callers look at."""

    kind: type[BaseException]
    errno: int | None = None
    reason: str | None = None
    library: str | None = None


def outcome(
    client: Client, uri: str, *added: CertificateArguments, **settings: Any
) -> bytes | Failure:
    """The content, or the error. Any: as the constructor takes them."""
    with closing(client(**settings)) as http:
        for each in added:
            http.add_certificate(*each)
        try:
            return get_content(http, uri)
        except Exception as error:  # noqa: BLE001 - any error is compared
            close_leaked_sockets(error)
            return failure_of(error)


def failure_of(error: Any) -> Failure:  # Any: errors of any type, with any attributes
    number, reason, library = (
        getattr(error, name, None) for name in ("errno", "reason", "library")
    )
    alert = re.search("ALERT_.*", reason or "")  # the words before depend on OpenSSL's version
    return Failure(type(error), number, alert[0] if alert else reason, library)


def outcome_of_both(uri: str, *added: CertificateArguments, **settings: Any) -> bytes | Failure:
    """The outcome of a request, the same with both clients. Any: as the constructor takes them."""
    theirs = outcome(httplib2.Http, uri, *added, **settings)
    ours = outcome(Http, uri, *added, **settings)
    assert ours == theirs
    return ours


# Certificates that are sent

ACCEPTED_CERTIFICATES: dict[str, Callable[[Identity, str], CertificateArguments]] = {
    "two files": lambda me, here: (me.key, me.certificate, here),
    "one file": lambda me, here: (me.both, me.both, here),
    "no key": lambda me, here: (None, me.both, here),
    "paths": lambda me, here: (Path(me.key), Path(me.certificate), here),
    "any domain": lambda me, here: (me.key, me.certificate, ""),
    "capitals": lambda me, here: (me.key, me.certificate, here.upper()),
    "password": lambda me, here: (me.encrypted, me.certificate, here, PASSWORD),
    "password of bytes": lambda me, here: (me.encrypted, me.certificate, here, PASSWORD.encode()),
    "password from function": lambda me, here: (
        me.encrypted,
        me.certificate,
        here,
        lambda: PASSWORD,
    ),
    "needless password": lambda me, here: (me.key, me.certificate, here, PASSWORD),
    "no password": lambda me, here: (me.key, me.certificate, here, None),
}


@pytest.mark.parametrize("version", LIMITED)
@pytest.mark.parametrize("good", ACCEPTED_CERTIFICATES)
def test_demanded_certificate_is_sent(
    client: Client,
    servers: TlsServers,
    settings: dict[str, Any],
    trusted_identity: Identity,
    good: str,
    version: TLSVersion,
) -> None:
    server = servers(verify=ssl.CERT_REQUIRED, version=version)
    added = ACCEPTED_CERTIFICATES[good](trusted_identity, domain(server))
    assert outcome(client, server.url(), added, **settings) == b"ok"
    assert list(server.bodies) == [b"known.test"]


DOMAINS: dict[str, Callable[[int], str]] = {
    "any": lambda port: "",
    "host and port": lambda port: f"localhost:{port}",
    "no port": lambda port: "localhost",
    "wrong port": lambda port: f"localhost:{port}0",
    "other name of host": lambda port: f"127.0.0.1:{port}",
    "wrong host": lambda port: "elsewhere.test",
    "a part": lambda port: f"host:{port}",
    "every": lambda port: "*",
    "with scheme": lambda port: f"https://localhost:{port}",
}


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1"])
@pytest.mark.parametrize("where", DOMAINS)
def test_certificate_is_sent_to_its_domain_only(
    servers: TlsServers, settings: dict[str, Any], trusted_identity: Identity, where: str, host: str
) -> None:
    came = []
    for client in (httplib2.Http, Http):
        server = servers()
        added = trusted_identity.key, trusted_identity.certificate, DOMAINS[where](server.port)
        uri = server.url().replace("localhost", host)
        assert outcome(client, uri, added, **settings) == b"ok"
        came.append(list(server.bodies))
    assert came[1] == came[0]


@pytest.mark.parametrize("certificate", [None, ""])
def test_key_without_certificate_is_not_sent(
    client: Client,
    servers: TlsServers,
    settings: dict[str, Any],
    trusted_identity: Identity,
    certificate: str | None,
) -> None:
    server = servers()
    added = trusted_identity.key, certificate, ""
    assert outcome(client, server.url(), added, **settings) == b"ok"
    assert list(server.bodies) == [NO_CERTIFICATE]


def test_first_matching_certificate_is_sent(
    client: Client,
    servers: TlsServers,
    settings: dict[str, Any],
    trusted_identity: Identity,
    other_identity: Identity,
) -> None:
    server = servers()
    added = [
        (other_identity.key, other_identity.certificate, "elsewhere.test"),
        (trusted_identity.key, trusted_identity.certificate, domain(server)),
        (other_identity.key, other_identity.certificate, domain(server)),
    ]
    assert outcome(client, server.url(), *added, **settings) == b"ok"
    assert list(server.bodies) == [b"known.test"]


def redirect_to(server: RawServer) -> bytes:
    return b"HTTP/1.1 302 F\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % server.url().encode()


def test_redirect_does_not_take_certificate_elsewhere(
    client: Client, servers: TlsServers, settings: dict[str, Any], trusted_identity: Identity
) -> None:
    second = servers()
    first = servers([read_head, record_identity, send(redirect_to(second))])
    added = trusted_identity.key, trusted_identity.certificate, domain(first)
    assert outcome(client, first.url(), added, **settings) == b"ok"
    assert list(first.bodies) == [b"known.test"]
    assert list(second.bodies) == [NO_CERTIFICATE]


def test_certificate_without_domain_is_for_first_origin_only(
    servers: TlsServers, settings: dict[str, Any], trusted_identity: Identity
) -> None:
    """Each request has a first origin of its own. httplib2 shows the certificate to any server."""
    second = servers()
    first = servers([read_head, record_identity, send(redirect_to(second))])
    with Http(**settings) as http:
        http.add_certificate(trusted_identity.key, trusted_identity.certificate, "")
        for server in (first, second, first):
            assert get_content(http, server.url()) == b"ok"
    assert list(first.bodies) == [b"known.test"] * 2
    assert list(second.bodies) == [NO_CERTIFICATE, b"known.test", NO_CERTIFICATE]


def test_redirect_leads_to_domain_of_certificate(
    client: Client, servers: TlsServers, settings: dict[str, Any], trusted_identity: Identity
) -> None:
    second = servers()
    first = servers([read_head, record_identity, send(redirect_to(second))])
    added = trusted_identity.key, trusted_identity.certificate, domain(second)
    assert outcome(client, first.url(), added, **settings) == b"ok"
    assert list(first.bodies) == [NO_CERTIFICATE]
    assert list(second.bodies) == [b"known.test"]


def test_certificate_is_sent_through_proxy(
    client: Client,
    raw_server: RawServerFactory,
    authority: Authority,
    settings: dict[str, Any],
    trusted_identity: Identity,
) -> None:
    context = tls_server_context(sign_for_this_machine(authority))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.pem)
    proxy = raw_server(
        [*ACCEPT_TUNNEL, lambda connection: connection.secure(context), *ANSWER_ONE_REQUEST]
    )
    info = httplib2.ProxyInfo(socks.PROXY_TYPE_HTTP, "127.0.0.1", proxy.port)
    added = trusted_identity.encrypted, trusted_identity.certificate, "localhost:81", PASSWORD
    settings["proxy_info"] = info
    assert outcome(client, "https://localhost:81/", added, **settings) == b"ok"
    assert list(proxy.bodies) == [b"known.test"]


@pytest.mark.parametrize("version", LIMITED)
def test_changed_certificate_counts_for_next_request(
    servers: TlsServers,
    settings: dict[str, Any],
    trusted_identity: Identity,
    other_identity: Identity,
    version: TLSVersion,
) -> None:
    """No connection and no TLS session goes on with another identity."""
    server = servers([*ANSWER_ONE_REQUEST, *ANSWER_ONE_REQUEST], version=version)
    with Http(**settings) as http:
        for each in (None, trusted_identity, other_identity, None):
            http.certificates.clear()
            if each:
                http.add_certificate(each.key, each.certificate, "")
            assert get_content(http, server.url()) == b"ok"
    assert list(server.bodies) == [NO_CERTIFICATE, b"known.test", b"other.test", NO_CERTIFICATE]


def test_clear_credentials_keeps_certificates(
    client: Client, servers: TlsServers, settings: dict[str, Any], trusted_identity: Identity
) -> None:
    server = servers()
    with closing(client(**settings)) as http:
        http.add_certificate(trusted_identity.key, trusted_identity.certificate, "")
        http.clear_credentials()
        assert get_content(http, server.url()) == b"ok"
    assert list(server.bodies) == [b"known.test"]


# Certificates that are refused


def test_missing_demanded_certificate_fails_like_httplib2(
    servers: TlsServers, settings: dict[str, Any]
) -> None:
    server = servers(verify=ssl.CERT_REQUIRED, version=TLSVersion.TLSv1_2)
    failed = outcome_of_both(server.url(), **settings)
    assert isinstance(failed, Failure)
    assert failed.kind is ssl.SSLError


def test_untrusted_certificate_fails_like_httplib2(
    servers: TlsServers, settings: dict[str, Any], untrusted_identity: Identity
) -> None:
    server = servers(verify=ssl.CERT_REQUIRED, version=TLSVersion.TLSv1_2)
    failed = outcome_of_both(
        server.url(), (untrusted_identity.key, untrusted_identity.certificate, ""), **settings
    )
    assert isinstance(failed, Failure)
    assert failed.kind is ssl.SSLError


def test_certificate_refused_after_handshake_fails(
    client: Client, servers: TlsServers, settings: dict[str, Any], untrusted_identity: Identity
) -> None:
    """In TLS 1.3, a client sees the refusal, or only the end of the connection."""
    server = servers(verify=ssl.CERT_REQUIRED, version=TLSVersion.TLSv1_3)
    for added in ([], [(untrusted_identity.key, untrusted_identity.certificate, "")]):
        failed = outcome(client, server.url(), *added, **settings)
        assert isinstance(failed, Failure)
        assert issubclass(failed.kind, ssl.SSLError | ConnectionError)
    assert list(server.heads) == []


# Unusable files

UNUSABLE_CERTIFICATES: dict[str, Callable[[Identity, str], CertificateArguments]] = {
    "wrong password": lambda me, odd: (me.encrypted, me.certificate, "", "wrong"),
    "wrong password of bytes": lambda me, odd: (me.encrypted, me.certificate, "", b"wrong"),
    "wrong password from function": lambda me, odd: (
        me.encrypted,
        me.certificate,
        "",
        lambda: "wrong",
    ),
    "empty password": lambda me, odd: (me.encrypted, me.certificate, "", ""),
    "password of no type": lambda me, odd: (me.encrypted, me.certificate, "", 7),
    "no key file": lambda me, odd: (odd + "/missing", me.certificate, ""),
    "no certificate file": lambda me, odd: (me.key, odd + "/missing", ""),
    "neither file": lambda me, odd: (odd + "/missing", odd + "/missing", ""),
    "a directory": lambda me, odd: (odd, me.certificate, ""),
    "no key in one file": lambda me, odd: (None, me.certificate, ""),
    "no key in the key file": lambda me, odd: (me.certificate, me.certificate, ""),
    "no certificate in its file": lambda me, odd: (me.key, me.key, ""),
    "no key, no certificate": lambda me, odd: (__file__, __file__, ""),
    "empty key": lambda me, odd: ("/dev/null", me.certificate, ""),
    "empty certificate": lambda me, odd: (me.key, "/dev/null", ""),
    "files of no type": lambda me, odd: (7.5, me.certificate, ""),
}


@pytest.mark.parametrize("bad", UNUSABLE_CERTIFICATES)
def test_unusable_certificate_files_fail_like_httplib2(
    servers: TlsServers,
    settings: dict[str, Any],
    trusted_identity: Identity,
    bad: str,
    tmp_path: Path,
) -> None:
    server = servers()
    failed = outcome_of_both(
        server.url(), UNUSABLE_CERTIFICATES[bad](trusted_identity, str(tmp_path)), **settings
    )
    assert isinstance(failed, Failure)
    assert list(server.heads) == []


def test_key_of_other_certificate_fails_like_httplib2(
    servers: TlsServers,
    settings: dict[str, Any],
    trusted_identity: Identity,
    other_identity: Identity,
) -> None:
    server = servers()
    failed = outcome_of_both(
        server.url(), (other_identity.key, trusted_identity.certificate, ""), **settings
    )
    assert isinstance(failed, Failure)
    assert failed.kind is ssl.SSLError
    assert list(server.heads) == []


@pytest.mark.parametrize("added", [("/missing", "/missing", "elsewhere.test")])
def test_unusable_files_of_other_domain_are_ignored(
    client: Client, servers: TlsServers, settings: dict[str, Any], added: CertificateArguments
) -> None:
    server = servers()
    assert outcome(client, server.url(), added, **settings) == b"ok"


def test_unusable_files_are_ignored_without_tls(
    client: Client, raw_server: RawServerFactory, settings: dict[str, Any]
) -> None:
    server = raw_server([read_head, send(OK)])
    assert outcome(client, server.url(), ("/missing", "/missing", ""), **settings) == b"ok"


def test_unusable_files_fail_before_connecting(
    settings: dict[str, Any], trusted_identity: Identity
) -> None:
    with refused_port() as port:
        added = trusted_identity.encrypted, trusted_identity.certificate, "", "wrong"
        failed = outcome_of_both(f"https://localhost:{port}/", added, **settings)
    assert isinstance(failed, Failure)
    assert failed.kind is ssl.SSLError


def test_wrong_password_fails_only_its_request(
    servers: TlsServers, settings: dict[str, Any], trusted_identity: Identity
) -> None:
    good, bad = servers(), servers()
    with Http(**settings) as http:
        http.add_certificate(
            trusted_identity.encrypted, trusted_identity.certificate, domain(bad), "wrong"
        )
        http.add_certificate(
            trusted_identity.encrypted, trusted_identity.certificate, domain(good), PASSWORD
        )
        promises = [http.request(server.url()) for server in (bad, good)]
        assert isinstance(promises[0].exception(), ssl.SSLError)
        assert promises[1].content == b"ok"


def test_password_is_in_no_log_and_no_error(
    servers: TlsServers,
    settings: dict[str, Any],
    trusted_identity: Identity,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server = servers()
    errors = []
    for password in (PASSWORD, PASSWORD * 2):
        with Http(**settings) as http:
            http.add_certificate(
                trusted_identity.encrypted, trusted_identity.certificate, "", password
            )
            error = http.request(server.url()).exception()
            errors.append(str(error) + "".join(getattr(error, "__notes__", [])))
    assert str(server.port) in caplog.text
    assert PASSWORD not in caplog.text + "".join(errors)


# Versions of TLS


def record_version(connection: ServerConnection) -> None:
    version: str = connection.socket.version()  # type: ignore[attr-defined]
    connection.server.bodies.add(version.encode())


RECORD_TLS_VERSION: list[Step] = [read_head, record_version, send(OK)]
TLS_VERSION_RANGES: list[dict[str, Any]] = [  # Any: as the constructor takes them
    {},
    {"tls_maximum_version": "TLSv1_2"},
    {"tls_maximum_version": TLSVersion.TLSv1_2},
    {"tls_maximum_version": 0x303},
    {"tls_maximum_version": "TLSv1_3"},
    {"tls_maximum_version": "MAXIMUM_SUPPORTED"},
    {"tls_maximum_version": TLSVersion.MAXIMUM_SUPPORTED},
    {"tls_minimum_version": "TLSv1_2"},
    {"tls_minimum_version": "TLSv1_3"},
    {"tls_minimum_version": TLSVersion.TLSv1_3},
    {"tls_minimum_version": "MAXIMUM_SUPPORTED"},
    {"tls_minimum_version": "MINIMUM_SUPPORTED"},
    {"tls_minimum_version": "TLSv1"},
    {"tls_minimum_version": "TLSv1_2", "tls_maximum_version": "TLSv1_2"},
    {"tls_minimum_version": "TLSv1_2", "tls_maximum_version": "TLSv1_3"},
    {"tls_minimum_version": "TLSv1_3", "tls_maximum_version": "TLSv1_3"},
    {"tls_minimum_version": "TLSv1_3", "tls_maximum_version": "TLSv1_2"},
    {"tls_maximum_version": "MINIMUM_SUPPORTED"},
    {"tls_maximum_version": "TLSv1_1"},
    {"tls_maximum_version": "TLSv1"},
    {"tls_maximum_version": "SSLv3"},
]
WRONG_TLS_VERSIONS: list[dict[str, Any]] = [
    {"tls_maximum_version": "nonsense"},
    {"tls_minimum_version": "nonsense"},
    {"tls_maximum_version": "tlsv1_2"},
    {"tls_maximum_version": "TLSv1.2"},
    {"tls_maximum_version": ""},
    {"tls_maximum_version": 5},
    {"tls_minimum_version": 5},
    {"tls_maximum_version": 1.2},
    {"tls_maximum_version": b"TLSv1_2"},
    {"tls_maximum_version": "__class__"},
    {"tls_maximum_version": 5, "tls_minimum_version": "nonsense"},
]

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")


@pytest.mark.parametrize("version", [None, *LIMITED])
@pytest.mark.parametrize("limits", TLS_VERSION_RANGES, ids=str)
def test_tls_version_is_chosen_like_httplib2(
    servers: TlsServers,
    settings: dict[str, Any],
    limits: dict[str, Any],
    version: TLSVersion | None,
) -> None:
    results = []
    for client in (httplib2.Http, Http):
        server = servers(RECORD_TLS_VERSION, version=version)
        result = outcome(client, server.url(), **settings, **limits)
        results.append((result, list(server.bodies)))
    assert results[1] == results[0]


@pytest.mark.parametrize("limits", [TLS_VERSION_RANGES[1], TLS_VERSION_RANGES[8]], ids=str)
def test_tls_limits_work_without_validation(
    servers: TlsServers, settings: dict[str, Any], limits: dict[str, Any]
) -> None:
    results = []
    settings["disable_ssl_certificate_validation"] = True
    for client in (httplib2.Http, Http):
        server = servers(RECORD_TLS_VERSION)
        result = outcome(client, server.url(), **settings, **limits)
        results.append((result, list(server.bodies)))
    assert results[1] == results[0]


@pytest.mark.parametrize("limits", WRONG_TLS_VERSIONS, ids=str)
def test_unknown_tls_versions_fail_like_httplib2(
    servers: TlsServers, settings: dict[str, Any], limits: dict[str, Any]
) -> None:
    failed = outcome_of_both(servers().url(), **settings, **limits)
    assert isinstance(failed, Failure)
    with refused_port() as port:
        assert outcome_of_both(f"https://localhost:{port}/", **settings, **limits) == failed


def test_empty_range_of_tls_versions_fails_at_handshake(settings: dict[str, Any]) -> None:
    """Without a server, the error is the refused connection."""
    limits = {"tls_minimum_version": "TLSv1_3", "tls_maximum_version": "TLSv1_2"}
    with refused_port() as port:
        failed = outcome_of_both(f"https://localhost:{port}/", **settings, **limits)
    assert failed == Failure(ConnectionRefusedError, errno.ECONNREFUSED)


@pytest.mark.parametrize("limits", [*WRONG_TLS_VERSIONS, TLS_VERSION_RANGES[16]], ids=str)
def test_unknown_tls_versions_are_ignored_without_tls(
    client: Client, raw_server: RawServerFactory, settings: dict[str, Any], limits: dict[str, Any]
) -> None:
    server = raw_server([read_head, send(OK)])
    assert outcome(client, server.url(), **settings, **limits) == b"ok"


def test_changed_tls_version_counts_for_next_request(
    servers: TlsServers, settings: dict[str, Any]
) -> None:
    server = servers([*RECORD_TLS_VERSION, *RECORD_TLS_VERSION])
    with Http(**settings) as http:
        for version in (None, "TLSv1_2", None):
            http.tls_maximum_version = version
            assert get_content(http, server.url()) == b"ok"
        http.tls_minimum_version = TLSVersion.TLSv1_3
        assert get_content(http, server.url()) == b"ok"
    assert list(server.bodies) == [b"TLSv1.3", b"TLSv1.2", b"TLSv1.3", b"TLSv1.3"]


@pytest.mark.parametrize("limits", [TLS_VERSION_RANGES[1], TLS_VERSION_RANGES[8]], ids=str)
def test_tls_limits_hold_for_target_behind_proxy(
    raw_server: RawServerFactory,
    authority: Authority,
    settings: dict[str, Any],
    limits: dict[str, Any],
) -> None:
    versions = []
    context = tls_server_context(sign_for_this_machine(authority))
    for client in (httplib2.Http, Http):
        proxy = raw_server(
            [*ACCEPT_TUNNEL, lambda connection: connection.secure(context), *RECORD_TLS_VERSION]
        )
        info = httplib2.ProxyInfo(socks.PROXY_TYPE_HTTP, "127.0.0.1", proxy.port)
        settings["proxy_info"] = info
        assert outcome(client, "https://localhost:81/", **settings, **limits) == b"ok"
        versions.append(list(proxy.bodies))
    assert versions[1] == versions[0]
