"""Google's unchanged Python clients work with asynchttp as with httplib2.

The clients are google-api-python-client and google-auth-httplib2; the server speaks like Google's.
Rules: each test passes with httplib2, too, except the tests with threads, which may not share
httplib2's Http. The clients are changed only at their own stubs for sleeping.
"""

import io
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import httplib2
import pytest
from google.auth.exceptions import RefreshError, TransportError
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build, build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import (
    MediaFileUpload,
    MediaIoBaseDownload,
    MediaIoBaseUpload,
    set_user_agent,
    tunnel_patch,
)

from asynchttp import Http
from tests.conftest import RawServerFactory
from tests.servers.app import patterned_bytes
from tests.servers.certificates import Authority, sign_for_this_machine
from tests.servers.event_log import PATIENCE
from tests.servers.google import (
    BOOKS,
    REFRESH_TOKEN,
    UNAVAILABLE,
    Answer,
    GoogleServer,
    Library,
    document,
    problem,
)
from tests.servers.raw import read_head, reset_connection, send
from tests.servers.recording import record_request

THREADS = 20
SCAN = patterned_bytes(0, 1000)
EMPTY_JSON_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)

Untyped: TypeAlias = Any
"""Results of Google's clients. Any: untyped, and services are created at run time."""


class HttpAndCall(NamedTuple):
    """An Http for Google's clients, and the way to call their functions with this Http."""

    http: httplib2.Http
    call: Callable[..., Untyped]


def _call_directly(function: Callable[..., Untyped], /, *args: object, **kwargs: object) -> Untyped:
    return function(*args, **kwargs)


def _submit_and_wait(
    http: Http, function: Callable[..., Untyped], /, *args: object, **kwargs: object
) -> Untyped:
    return http.submit(function, *args, **kwargs).result(PATIENCE)


def _make_client(form: str, authority: str) -> HttpAndCall:
    if form == "httplib2":
        return HttpAndCall(httplib2.Http(timeout=PATIENCE, ca_certs=authority), _call_directly)
    http = Http(timeout=PATIENCE, ca_certs=authority, blocking=form != "lazy")
    return HttpAndCall(
        http, partial(_submit_and_wait, http) if form == "submit" else _call_directly
    )


@pytest.fixture(params=["httplib2", "blocking", "submit"])
def client(request: pytest.FixtureRequest, authority_file: str) -> Iterator[HttpAndCall]:
    """A client without 308 as a redirect, as in Google's `build_http`: 308 means "go on"."""
    client = _make_client(request.param, authority_file)
    client.http.redirect_codes = client.http.redirect_codes - {308}
    with closing(client.http):
        yield client


every_form = pytest.mark.parametrize(
    "client", ["httplib2", "blocking", "submit", "lazy"], indirect=True
)
"""With the lazy form: enough if a client looks at each answer before going on."""


@pytest.fixture
def google(request: pytest.FixtureRequest, authority: Authority) -> Iterator[GoogleServer]:
    """A server over plain TCP, unless parametrized as "https"."""
    secured = getattr(request, "param", "http") == "https"
    with GoogleServer(sign_for_this_machine(authority) if secured else None) as server:
        yield server


plain_and_tls = pytest.mark.parametrize("google", ["http", "https"], indirect=True)
"""With TLS, as at Google; asynchttp speaks HTTP/2 over TLS."""


@pytest.fixture
def library(google: GoogleServer) -> Library:
    return google.library


@pytest.fixture
def service(google: GoogleServer, client: HttpAndCall) -> Untyped:
    return build_from_document(google.document(), http=client.http)


@pytest.fixture
def shared(google: GoogleServer, authority_file: str) -> Iterator[tuple[Http, Untyped]]:
    """A blocking Http and a service object, both shared by all threads."""
    with Http(timeout=PATIENCE, ca_certs=authority_file, blocking=True) as http:
        yield http, build_from_document(google.document(), http=http)


# Calls


@plain_and_tls
@every_form
def test_google_call_sends_and_returns_json(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    made = client.call(service.books().insert(body={"title": "Emma"}).execute)
    assert made == {"id": made["id"], "title": "Emma"} == google.library.books[made["id"]]
    sent = google.received[0]
    assert (sent.method, sent.target, sent.body) == (
        "POST",
        f"{BOOKS}?alt=json",
        b'{"title": "Emma"}',
    )
    assert sent.header("content-type") == sent.header("accept") == "application/json"
    assert sent.header("user-agent") == "(gzip)"


@every_form
def test_google_list_is_read_page_by_page(
    library: Library, service: Untyped, client: HttpAndCall
) -> None:
    titles = [f"Volume {number}" for number in range(7)]
    for title in titles:
        library.add(title)
    read, request = [], service.books().list(maxResults=3)
    while request:
        page = client.call(request.execute)
        read.append([book["title"] for book in page["items"]])
        request = service.books().list_next(request, page)
    assert read == [titles[:3], titles[3:6], titles[6:]]


@every_form
def test_google_delete_with_empty_answer_works(
    library: Library, service: Untyped, client: HttpAndCall
) -> None:
    client.call(service.books().delete(id=library.add("Emma")).execute)
    assert library.books == {}


@plain_and_tls
@every_form
@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [(404, "notFound", "No such book"), (403, "forbidden", "Not for you")],
)
def test_google_error_has_status_and_reason(
    library: Library, service: Untyped, client: HttpAndCall, status: int, reason: str, message: str
) -> None:
    library.answer_next(problem(status, reason, message))
    with pytest.raises(HttpError) as caught:
        client.call(service.books().get(id="any").execute)
    error: Untyped = caught.value
    assert (error.status_code, error.resp.status, error.reason) == (status, status, message)
    assert [each["reason"] for each in error.error_details] == [reason]


def test_google_service_is_built_by_discovery(google: GoogleServer, client: HttpAndCall) -> None:
    url = google.url("/discovery/library/v1")
    service = client.call(
        build,
        "library",
        "v1",
        http=client.http,
        discoveryServiceUrl=url,
        static_discovery=False,
        cache_discovery=False,
    )
    assert client.call(service.books().list().execute) == {"items": []}


def test_google_response_callback_gets_response(service: Untyped, client: HttpAndCall) -> None:
    seen: list[httplib2.Response] = []
    request = service.books().list()
    request.add_response_callback(seen.append)
    client.call(request.execute)
    assert [(each.status, each["content-type"]) for each in seen] == [(200, "application/json")]


def test_http_works_after_google_service_closes_it(
    google: GoogleServer, client: HttpAndCall
) -> None:
    for _ in range(2):
        with build_from_document(google.document(), http=client.http) as service:
            assert client.call(service.books().list().execute) == {"items": []}


# Headers and methods, patched into the Http by Google's clients


@every_form
def test_set_user_agent_works_for_requests(google: GoogleServer, client: HttpAndCall) -> None:
    http = set_user_agent(client.http, "reader/1.0")
    service = build_from_document(google.document(), http=http)
    client.call(service.books().list().execute)
    assert google.received[0].header("user-agent") == "reader/1.0 (gzip)"


@every_form
def test_set_user_agent_works_with_connection_type(
    google: GoogleServer, client: HttpAndCall
) -> None:
    http, kind = set_user_agent(client.http, "reader/1.0"), httplib2.HTTPConnectionWithTimeout
    response, _ = client.call(http.request, google.url(BOOKS), connection_type=kind)
    assert response.status == 200
    assert [each.header("user-agent") for each in google.received] == ["reader/1.0"]


@every_form
def test_tunnel_patch_sends_patch_as_post(google: GoogleServer, client: HttpAndCall) -> None:
    http = tunnel_patch(client.http)
    client.call(http.request, google.url(BOOKS), "PATCH", "{}", {"content-type": "text/x"})
    sent = google.received.wait_for(1)[0]
    assert (sent.method, sent.header("x-http-method-override")) == ("POST", "PATCH")


# Retries


def _record_sleeps(request: Untyped) -> tuple[Untyped, list[float]]:
    """The request without sleeping, and the list of recorded sleeping times."""
    slept: list[float] = []
    request._sleep, request._rand = slept.append, lambda: 1.0
    return request, slept


@pytest.mark.parametrize(
    "answer",
    [UNAVAILABLE, problem(429, "tooMany", "Slowly"), problem(403, "rateLimitExceeded", "Slowly")],
    ids=["503", "429", "403"],
)
def test_google_call_is_retried_after_temporary_error(
    google: GoogleServer, service: Untyped, client: HttpAndCall, answer: Answer
) -> None:
    google.library.answer_next(answer, answer)
    request, slept = _record_sleeps(service.books().list())
    assert client.call(request.execute, num_retries=2) == {"items": []}
    assert (slept, len(google.received)) == ([2.0, 4.0], 3)


def test_google_call_fails_after_last_retry(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    google.library.answer_next(*[UNAVAILABLE] * 3)
    request, slept = _record_sleeps(service.books().list())
    with pytest.raises(HttpError, match="503"):
        client.call(request.execute, num_retries=2)
    assert (slept, len(google.received)) == ([2.0, 4.0], 3)


def test_google_retry_sends_body_again(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    google.library.answer_next(UNAVAILABLE)
    request, _ = _record_sleeps(service.books().insert(body={"title": "Emma"}))
    client.call(request.execute, num_retries=1)
    assert [each.body for each in google.received] == [b'{"title": "Emma"}'] * 2


def test_google_call_is_retried_after_refused_connection(client: HttpAndCall) -> None:
    with socket.socket() as bound, ThreadPoolExecutor(1) as server:
        bound.settimeout(PATIENCE)
        bound.bind(("127.0.0.1", 0))
        service = build_from_document(document(_url_of(bound)), http=client.http)
        request, _ = _record_sleeps(service.books().list())
        request._sleep = lambda _: _listen_and_answer(bound, server)
        assert client.call(request.execute, num_retries=1) == {}


def _url_of(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}/"


def _listen_and_answer(bound: socket.socket, server: Executor) -> None:
    bound.listen()
    server.submit(_answer_once, bound)


def _answer_once(listening: socket.socket) -> None:
    with listening.accept()[0] as connection, connection.makefile("rb") as reader:
        while reader.readline().strip():
            pass
        connection.sendall(EMPTY_JSON_ANSWER)


def test_google_call_to_dead_port_fails_after_retries(
    refused_url: str, client: HttpAndCall
) -> None:
    service = build_from_document(document(refused_url), http=client.http)
    request, slept = _record_sleeps(service.books().list())
    with pytest.raises(ConnectionRefusedError):
        client.call(request.execute, num_retries=2)
    assert slept == [2.0, 4.0]


def test_google_call_is_retried_after_connection_reset(
    raw_server: RawServerFactory, client: HttpAndCall
) -> None:
    breaks = [[read_head, reset_connection] for _ in range(httplib2.RETRIES)]
    server = raw_server(*breaks, [read_head, send(EMPTY_JSON_ANSWER)])
    service = build_from_document(document(server.url()), http=client.http)
    request, slept = _record_sleeps(service.books().list())
    assert client.call(request.execute, num_retries=1) == {}
    assert (slept, len(server.heads)) == ([2.0], httplib2.RETRIES + 1)


# Batches


class BatchAnswers(dict[str, tuple[Untyped, Untyped]]):
    """A callback for batches; by request id, holds the answer and the error."""

    def __call__(self, name: str, answer: Untyped, error: Untyped) -> None:
        self[name] = (answer, error)


@plain_and_tls
def test_google_batch_is_sent_as_one_request(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    book, answered = google.library.add("Emma"), BatchAnswers()
    batch = service.new_batch_http_request(callback=answered)
    batch.add(service.books().get(id=book), request_id="there")
    batch.add(service.books().get(id="none"), request_id="missing")
    batch.add(service.books().insert(body={"title": "Persuasion"}), request_id="new")
    client.call(batch.execute)
    assert answered["there"] == ({"id": book, "title": "Emma"}, None)
    assert answered["missing"][1].status_code == 404
    assert answered["new"][0]["title"] == "Persuasion"
    assert [each.target for each in google.received] == ["/batch/library/v1"]


# Uploads


def _insert(service: Untyped, media: MediaIoBaseUpload) -> Untyped:
    return service.books().insert(body={"title": "Emma"}, media_body=media)


def _chunks(scan: bytes = SCAN) -> MediaIoBaseUpload:
    return MediaIoBaseUpload(io.BytesIO(scan), "image/png", chunksize=300, resumable=True)


def _ranges(google: GoogleServer) -> list[str | None]:
    """The content range of each request."""
    return [each.header("content-range") for each in google.received]


def test_google_upload_in_one_request_works(
    library: Library, service: Untyped, client: HttpAndCall
) -> None:
    media = MediaIoBaseUpload(io.BytesIO(SCAN), "image/png")
    book = client.call(_insert(service, media).execute)
    assert (book["title"], library.scans[book["id"]]) == ("Emma", SCAN)


@plain_and_tls
def test_google_upload_in_chunks_reports_progress(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    request, book, progress = _insert(service, _chunks()), None, []
    while book is None:
        status, book = client.call(request.next_chunk)
        progress.append(status and (status.resumable_progress, status.progress()))
    assert progress == [(300, 0.3), (600, 0.6), (900, 0.9), None]
    assert google.library.scans[book["id"]] == SCAN
    assert _ranges(google) == [
        None,
        "bytes 0-299/1000",
        "bytes 300-599/1000",
        "bytes 600-899/1000",
        "bytes 900-999/1000",
    ]


@plain_and_tls
def test_google_upload_of_large_file_works(
    library: Library, service: Untyped, client: HttpAndCall, tmp_path: Path
) -> None:
    scan = patterned_bytes(0, 2_500_000)
    (tmp_path / "scan.png").write_bytes(scan)
    media = MediaFileUpload(str(tmp_path / "scan.png"), chunksize=1_000_000, resumable=True)
    book = client.call(_insert(service, media).execute)
    assert library.scans[book["id"]] == scan


def test_google_upload_of_empty_file_works(
    library: Library, service: Untyped, client: HttpAndCall
) -> None:
    book = client.call(_insert(service, _chunks(b"")).execute)
    assert library.scans[book["id"]] == b""


def test_google_upload_resumes_at_position_of_server(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    request = _insert(service, _chunks())
    client.call(request.next_chunk)
    google.library.answer_next(UNAVAILABLE)
    with pytest.raises(HttpError, match="503"):
        client.call(request.next_chunk)
    book = client.call(request.execute)
    assert google.library.scans[book["id"]] == SCAN
    assert _ranges(google)[2:5] == ["bytes 300-599/1000", "bytes */1000", "bytes 300-599/1000"]


def test_google_upload_retries_its_first_request(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    google.library.answer_next(UNAVAILABLE)
    request, slept = _record_sleeps(_insert(service, _chunks()))
    book = client.call(request.execute, num_retries=1)
    assert (slept, google.library.scans[book["id"]]) == ([2.0], SCAN)


class UploadWithoutStream(MediaIoBaseUpload):  # type: ignore[misc]  # the base class is untyped
    """Gives chunks as bytes. A chunk given as a stream is read to its end by the first sending, so
    that Google's client would send nothing the second time.
    """

    def has_stream(self) -> bool:
        return False


def test_google_upload_sends_failed_chunk_again(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    media = UploadWithoutStream(io.BytesIO(SCAN), "image/png", chunksize=600, resumable=True)
    request, slept = _record_sleeps(_insert(service, media))
    client.call(request.next_chunk)
    google.library.answer_next(UNAVAILABLE)
    book = client.call(request.execute, num_retries=1)
    assert (slept, google.library.scans[book["id"]]) == ([2.0], SCAN)
    assert _ranges(google)[2:] == ["bytes 600-999/1000"] * 2


def test_308_of_google_upload_is_redirect_by_default(service: Untyped, client: HttpAndCall) -> None:
    client.http.redirect_codes = httplib2.Http().redirect_codes
    with pytest.raises(httplib2.RedirectMissingLocation):
        client.call(_insert(service, _chunks()).execute)


# Downloads


def _download(client: HttpAndCall, request: Untyped, num_retries: int = 0) -> bytes:
    file, done = io.BytesIO(), False
    loading, _ = _record_sleeps(MediaIoBaseDownload(file, request, chunksize=300))
    while not done:
        _, done = client.call(loading.next_chunk, num_retries=num_retries)
    return file.getvalue()


def test_google_download_in_one_request_works(
    library: Library, service: Untyped, client: HttpAndCall
) -> None:
    request = service.books().get_media(id=library.add("Emma", SCAN))
    assert client.call(request.execute) == SCAN


@plain_and_tls
def test_google_download_in_chunks_works(
    google: GoogleServer, service: Untyped, client: HttpAndCall
) -> None:
    request = service.books().get_media(id=google.library.add("Emma", SCAN))
    assert _download(client, request) == SCAN
    assert [each.header("range") for each in google.received] == [
        "bytes=0-299",
        "bytes=300-599",
        "bytes=600-899",
        "bytes=900-1199",
    ]


def test_google_download_of_empty_file_works(
    library: Library, service: Untyped, client: HttpAndCall
) -> None:
    request = service.books().get_media(id=library.add("Emma"))
    assert _download(client, request) == b""


def test_google_download_fetches_failed_chunk_again(
    library: Library, service: Untyped, client: HttpAndCall
) -> None:
    request = service.books().get_media(id=library.add("Emma", SCAN))
    library.answer_next(UNAVAILABLE)
    assert _download(client, request, num_retries=1) == SCAN


# Tokens


def _authorize(
    google: GoogleServer, http: httplib2.Http, token: str | None = "expired", **said: str
) -> Untyped:
    """`http` with credentials, at a server that accepts only new tokens."""
    google.library.tokens = set()
    known = {
        "token_uri": google.url("/token"),
        "refresh_token": REFRESH_TOKEN,
        "client_id": "reader",
        "client_secret": "secret",
    }
    credentials = Credentials(token, **known | said)  # type: ignore[no-untyped-call]  # typed in part
    return AuthorizedHttp(credentials, http=http)


def _tokens(google: GoogleServer) -> list[tuple[str, str | None]]:
    """The path and token of each request."""
    return [(each.target.split("?")[0], each.header("authorization")) for each in google.received]


@plain_and_tls
def test_expired_google_token_is_refreshed(google: GoogleServer, client: HttpAndCall) -> None:
    http = _authorize(google, client.http)
    service = build_from_document(google.document(), http=http)
    assert client.call(service.books().list().execute) == {"items": []}
    assert client.call(service.books().list().execute) == {"items": []}
    new = f"Bearer {http.credentials.token}"
    assert _tokens(google) == [
        (BOOKS, "Bearer expired"),
        ("/token", None),
        (BOOKS, new),
        (BOOKS, new),
    ]


def test_missing_google_token_is_fetched_before_call(
    google: GoogleServer, client: HttpAndCall
) -> None:
    http = _authorize(google, client.http, token=None)
    client.call(build_from_document(google.document(), http=http).books().list().execute)
    assert _tokens(google) == [("/token", None), (BOOKS, f"Bearer {http.credentials.token}")]


def test_refused_google_token_refresh_raises_error(
    google: GoogleServer, client: HttpAndCall
) -> None:
    http = _authorize(google, client.http, refresh_token="revoked")
    service = build_from_document(google.document(), http=http)
    with pytest.raises(RefreshError, match="invalid_grant"):
        client.call(service.books().list().execute)


def test_broken_google_token_refresh_raises_error(
    google: GoogleServer, raw_server: RawServerFactory, client: HttpAndCall
) -> None:
    elsewhere = raw_server([record_request])
    http = _authorize(google, client.http, token_uri=elsewhere.url("/token"))
    service = build_from_document(google.document(), http=http)
    with pytest.raises(TransportError):
        client.call(service.books().list().execute)
    assert [each.split(b" HTTP")[0] for each in set(elsewhere.heads)] == [b"POST /token"]


def test_google_token_refresh_rewinds_body(google: GoogleServer, client: HttpAndCall) -> None:
    http, body = _authorize(google, client.http), io.BytesIO(b'{"title": "Emma"}')
    headers = {"content-length": "17"}
    response, _ = client.call(http.request, google.url(BOOKS), "POST", body, headers)
    assert response.status == 200
    assert [each.body for each in google.received if each.target == BOOKS] == [body.getvalue()] * 2


# For batches, Google's client makes an httplib2.Http without closing it.
@pytest.mark.filterwarnings("ignore:.*<socket.socket:pytest.PytestUnraisableExceptionWarning")
def test_google_batch_refreshes_token_once(google: GoogleServer, client: HttpAndCall) -> None:
    http, answered = _authorize(google, client.http), BatchAnswers()
    service = build_from_document(google.document(), http=http)
    batch = service.new_batch_http_request(callback=answered)
    for _ in range(3):
        batch.add(service.books().list())
    client.call(batch.execute)
    assert list(answered.values()) == [({"items": []}, None)] * 3
    assert [path for path, _ in _tokens(google)].count("/token") == 1


def test_google_upload_refreshes_its_token(google: GoogleServer, client: HttpAndCall) -> None:
    http = _authorize(google, client.http)
    http.redirect_codes = http.redirect_codes - {308}
    service = build_from_document(google.document(), http=http)
    book = client.call(_insert(service, _chunks()).execute)
    assert google.library.scans[book["id"]] == SCAN


# Threads


@contextmanager
def _answer_all_at_once(library: Library) -> Iterator[None]:
    """Answer no call before THREADS calls have arrived."""
    held = library.held = library.hold_answers()
    try:
        yield
        held.arrived.wait_for(THREADS)
    finally:
        held.answer_all()


def _reads_own_writes(service: Untyped, thread: int) -> bool:
    """Whether a thread reads, call by call, the titles that the thread has written."""
    titles = [f"Volume {thread}.{number}" for number in range(5)]
    books = [_insert_and_get(service, title) for title in titles]
    return [book["title"] for book in books] == titles


def _insert_and_get(service: Untyped, title: str) -> Untyped:
    made = service.books().insert(body={"title": title}).execute()
    return service.books().get(id=made["id"]).execute()


@plain_and_tls
def test_twenty_threads_share_google_service(
    google: GoogleServer, shared: tuple[Http, Untyped]
) -> None:
    with ThreadPoolExecutor(THREADS) as threads, _answer_all_at_once(google.library):
        agreed = threads.map(partial(_reads_own_writes, shared[1]), range(THREADS))
    assert list(agreed) == [True] * THREADS
    assert len(google.library.books) == 5 * THREADS
    version = "2" if google.url().startswith("https") else "1.1"
    assert {each.version for each in google.received} == {version}


@plain_and_tls
def test_twenty_threads_share_google_uploads_and_downloads(
    google: GoogleServer, shared: tuple[Http, Untyped]
) -> None:
    http, service = shared
    http.redirect_codes = http.redirect_codes - {308}

    def upload_and_download(thread: int) -> bool:
        scan = patterned_bytes(thread, thread + 1000)
        book = _insert(service, _chunks(scan)).execute()
        client = HttpAndCall(http, _call_directly)
        return _download(client, service.books().get_media(id=book["id"])) == scan

    with ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(upload_and_download, range(THREADS))) == [True] * THREADS


@plain_and_tls
def test_twenty_threads_share_google_token(
    google: GoogleServer, shared: tuple[Http, Untyped]
) -> None:
    http = _authorize(google, shared[0])
    service = build_from_document(google.document(), http=http)
    with ThreadPoolExecutor(THREADS) as threads:
        agreed = threads.map(partial(_reads_own_writes, service), range(THREADS))
        assert list(agreed) == [True] * THREADS


@plain_and_tls
def test_submitted_google_calls_run_at_once(
    google: GoogleServer, shared: tuple[Http, Untyped]
) -> None:
    http, service = shared
    books = [google.library.add(f"Volume {number}") for number in range(THREADS)]
    with _answer_all_at_once(google.library):
        promises = [http.submit(service.books().get(id=book).execute) for book in books]
    assert [promise.result(PATIENCE)["id"] for promise in promises] == books


@pytest.mark.parametrize("limit", [1, 3])
def test_more_submitted_google_calls_than_workers_succeed(google: GoogleServer, limit: int) -> None:
    books = [google.library.add(f"Volume {number}") for number in range(THREADS)]
    with Http(timeout=PATIENCE, blocking=True, max_workers=limit) as http:
        service = build_from_document(google.document(), http=http)
        promises = [http.submit(service.books().get(id=book).execute) for book in books]
        assert [promise.result(PATIENCE)["id"] for promise in promises] == books


def test_result_of_submitted_google_call_raises_error(shared: tuple[Http, Untyped]) -> None:
    http, service = shared
    promise = http.submit(service.books().get(id="none").execute)
    with pytest.raises(HttpError, match="404"):
        promise.result(PATIENCE)
