"""Google's clients for Python, as they are, do with asynchttp what they do with httplib2.

They are google-api-python-client and google-auth-httplib2, against a server that speaks as Google's
do. Rules: each test passes with httplib2 itself too, but for those of threads, which httplib2 does
not allow to share an Http; nothing of the clients is replaced but their own stubs for sleeping.
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
from tests.conftest import RawServers
from tests.oracle import record
from tests.servers.app import pattern
from tests.servers.certificates import Authority, local
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
from tests.servers.raw import head, reset, send
from tests.servers.seen import PATIENCE

THREADS = 20
SCAN = pattern(0, 1000)
NOTHING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

Made: TypeAlias = Any
"""What Google's clients return. Any: they are not typed, and a service is made as it runs."""


class Client(NamedTuple):
    """An Http for Google's clients, and how their functions are called with it."""

    http: httplib2.Http
    call: Callable[..., Made]


def _in_place(function: Callable[..., Made], /, *args: object, **kwargs: object) -> Made:
    return function(*args, **kwargs)


def _submitted(
    http: Http, function: Callable[..., Made], /, *args: object, **kwargs: object
) -> Made:
    return http.submit(function, *args, **kwargs).result(PATIENCE)


def _client(form: str, authority: str) -> Client:
    if form == "httplib2":
        return Client(httplib2.Http(timeout=PATIENCE, ca_certs=authority), _in_place)
    http = Http(timeout=PATIENCE, ca_certs=authority, blocking=form != "lazy")
    return Client(http, partial(_submitted, http) if form == "submit" else _in_place)


@pytest.fixture(params=["httplib2", "blocking", "submit"])
def client(request: pytest.FixtureRequest, authority_file: str) -> Iterator[Client]:
    """With 308 no redirect, as Google's own `build_http` has it: it says to go on uploading."""
    client = _client(request.param, authority_file)
    client.http.redirect_codes = client.http.redirect_codes - {308}
    with closing(client.http):
        yield client


every_form = pytest.mark.parametrize(
    "client", ["httplib2", "blocking", "submit", "lazy"], indirect=True
)
"""The lazy form too: it does where a client looks at what it got before it goes on."""


@pytest.fixture
def google(request: pytest.FixtureRequest, authority: Authority) -> Iterator[GoogleServer]:
    """Over plain TCP, unless the test says otherwise."""
    secured = getattr(request, "param", "http") == "https"
    with GoogleServer(local(authority) if secured else None) as server:
        yield server


plain_and_tls = pytest.mark.parametrize("google", ["http", "https"], indirect=True)
"""Over TLS as well, as Google's are; asynchttp speaks HTTP/2 there."""


@pytest.fixture
def library(google: GoogleServer) -> Library:
    return google.library


@pytest.fixture
def service(google: GoogleServer, client: Client) -> Made:
    return build_from_document(google.document(), http=client.http)


@pytest.fixture
def shared(google: GoogleServer, authority_file: str) -> Iterator[tuple[Http, Made]]:
    """One blocking Http, and the one service object that all threads share."""
    with Http(timeout=PATIENCE, ca_certs=authority_file, blocking=True) as http:
        yield http, build_from_document(google.document(), http=http)


# Calls


@plain_and_tls
@every_form
def test_a_call_sends_json_and_gets_json(
    google: GoogleServer, service: Made, client: Client
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
def test_a_list_is_read_page_by_page(library: Library, service: Made, client: Client) -> None:
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
def test_a_call_that_answers_nothing(library: Library, service: Made, client: Client) -> None:
    client.call(service.books().delete(id=library.add("Emma")).execute)
    assert library.books == {}


@plain_and_tls
@every_form
@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [(404, "notFound", "No such book"), (403, "forbidden", "Not for you")],
)
def test_an_error_says_what_the_server_says(
    library: Library, service: Made, client: Client, status: int, reason: str, message: str
) -> None:
    library.answer_next(problem(status, reason, message))
    with pytest.raises(HttpError) as caught:
        client.call(service.books().get(id="any").execute)
    error: Made = caught.value
    assert (error.status_code, error.resp.status, error.reason) == (status, status, message)
    assert [each["reason"] for each in error.error_details] == [reason]


def test_a_service_is_built_from_what_the_server_says_of_itself(
    google: GoogleServer, client: Client
) -> None:
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


def test_a_callback_sees_the_response(service: Made, client: Client) -> None:
    seen: list[httplib2.Response] = []
    request = service.books().list()
    request.add_response_callback(seen.append)
    client.call(request.execute)
    assert [(each.status, each["content-type"]) for each in seen] == [(200, "application/json")]


def test_a_service_closes_its_http_which_goes_on(google: GoogleServer, client: Client) -> None:
    for _ in range(2):
        with build_from_document(google.document(), http=client.http) as service:
            assert client.call(service.books().list().execute) == {"items": []}


# Headers and methods, patched into the Http


@every_form
def test_a_user_agent_is_set_for_every_request(google: GoogleServer, client: Client) -> None:
    http = set_user_agent(client.http, "reader/1.0")
    service = build_from_document(google.document(), http=http)
    client.call(service.books().list().execute)
    assert google.received[0].header("user-agent") == "reader/1.0 (gzip)"


@every_form
def test_a_user_agent_is_set_for_a_connection_of_another_type(
    google: GoogleServer, client: Client
) -> None:
    http, kind = set_user_agent(client.http, "reader/1.0"), httplib2.HTTPConnectionWithTimeout
    response, _ = client.call(http.request, google.url(BOOKS), connection_type=kind)
    assert response.status == 200
    assert [each.header("user-agent") for each in google.received] == ["reader/1.0"]


@every_form
def test_patch_goes_through_a_tunnel(google: GoogleServer, client: Client) -> None:
    http = tunnel_patch(client.http)
    client.call(http.request, google.url(BOOKS), "PATCH", "{}", {"content-type": "text/x"})
    sent = google.received.wait_for(1)[0]
    assert (sent.method, sent.header("x-http-method-override")) == ("POST", "PATCH")


# Trying again


def _retrying(request: Made) -> tuple[Made, list[float]]:
    """The request, which notes for how long it would sleep."""
    slept: list[float] = []
    request._sleep, request._rand = slept.append, lambda: 1.0
    return request, slept


@pytest.mark.parametrize(
    "answer",
    [UNAVAILABLE, problem(429, "tooMany", "Slowly"), problem(403, "rateLimitExceeded", "Slowly")],
    ids=["503", "429", "403"],
)
def test_what_may_pass_is_tried_again(
    google: GoogleServer, service: Made, client: Client, answer: Answer
) -> None:
    google.library.answer_next(answer, answer)
    request, slept = _retrying(service.books().list())
    assert client.call(request.execute, num_retries=2) == {"items": []}
    assert (slept, len(google.received)) == ([2.0, 4.0], 3)


def test_what_does_not_pass_is_an_error_at_last(
    google: GoogleServer, service: Made, client: Client
) -> None:
    google.library.answer_next(*[UNAVAILABLE] * 3)
    request, slept = _retrying(service.books().list())
    with pytest.raises(HttpError, match="503"):
        client.call(request.execute, num_retries=2)
    assert (slept, len(google.received)) == ([2.0, 4.0], 3)


def test_a_body_is_sent_again(google: GoogleServer, service: Made, client: Client) -> None:
    google.library.answer_next(UNAVAILABLE)
    request, _ = _retrying(service.books().insert(body={"title": "Emma"}))
    client.call(request.execute, num_retries=1)
    assert [each.body for each in google.received] == [b'{"title": "Emma"}'] * 2


def test_a_connection_that_is_refused_is_tried_again(client: Client) -> None:
    with socket.socket() as bound, ThreadPoolExecutor(1) as server:
        bound.settimeout(PATIENCE)
        bound.bind(("127.0.0.1", 0))
        service = build_from_document(document(_root(bound)), http=client.http)
        request, _ = _retrying(service.books().list())
        request._sleep = lambda _: _open(bound, server)
        assert client.call(request.execute, num_retries=1) == {}


def _root(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}/"


def _open(bound: socket.socket, server: Executor) -> None:
    bound.listen()
    server.submit(_answer_once, bound)


def _answer_once(listening: socket.socket) -> None:
    with listening.accept()[0] as peer, peer.makefile("rb") as reader:
        while reader.readline().strip():
            pass
        peer.sendall(NOTHING)


def test_a_connection_that_is_always_refused_is_an_error_at_last(
    refused: str, client: Client
) -> None:
    service = build_from_document(document(refused), http=client.http)
    request, slept = _retrying(service.books().list())
    with pytest.raises(ConnectionRefusedError):
        client.call(request.execute, num_retries=2)
    assert slept == [2.0, 4.0]


def test_a_connection_that_breaks_off_is_tried_again(
    raw_server: RawServers, client: Client
) -> None:
    breaks = [[head, reset] for _ in range(httplib2.RETRIES)]
    server = raw_server(*breaks, [head, send(NOTHING)])
    service = build_from_document(document(server.url()), http=client.http)
    request, slept = _retrying(service.books().list())
    assert client.call(request.execute, num_retries=1) == {}
    assert (slept, len(server.heads)) == ([2.0], httplib2.RETRIES + 1)


# Many in one request


class Answered(dict[str, tuple[Made, Made]]):
    """What a batch calls back: by the request's id what it got, or its error."""

    def __call__(self, name: str, answer: Made, error: Made) -> None:
        self[name] = (answer, error)


@plain_and_tls
def test_a_batch_is_one_request(google: GoogleServer, service: Made, client: Client) -> None:
    book, answered = google.library.add("Emma"), Answered()
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


def _insert(service: Made, media: MediaIoBaseUpload) -> Made:
    return service.books().insert(body={"title": "Emma"}, media_body=media)


def _chunks(scan: bytes = SCAN) -> MediaIoBaseUpload:
    return MediaIoBaseUpload(io.BytesIO(scan), "image/png", chunksize=300, resumable=True)


def _ranges(google: GoogleServer) -> list[str | None]:
    """Which part of the whole each request brought."""
    return [each.header("content-range") for each in google.received]


def test_a_scan_goes_with_its_book(library: Library, service: Made, client: Client) -> None:
    media = MediaIoBaseUpload(io.BytesIO(SCAN), "image/png")
    book = client.call(_insert(service, media).execute)
    assert (book["title"], library.scans[book["id"]]) == ("Emma", SCAN)


@plain_and_tls
def test_a_scan_goes_in_chunks(google: GoogleServer, service: Made, client: Client) -> None:
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
def test_a_large_file_goes_in_chunks(
    library: Library, service: Made, client: Client, tmp_path: Path
) -> None:
    scan = pattern(0, 2_500_000)
    (tmp_path / "scan.png").write_bytes(scan)
    media = MediaFileUpload(str(tmp_path / "scan.png"), chunksize=1_000_000, resumable=True)
    book = client.call(_insert(service, media).execute)
    assert library.scans[book["id"]] == scan


def test_an_empty_scan_goes_in_chunks(library: Library, service: Made, client: Client) -> None:
    book = client.call(_insert(service, _chunks(b"")).execute)
    assert library.scans[book["id"]] == b""


def test_an_upload_that_broke_off_goes_on_where_the_server_is(
    google: GoogleServer, service: Made, client: Client
) -> None:
    request = _insert(service, _chunks())
    client.call(request.next_chunk)
    google.library.answer_next(UNAVAILABLE)
    with pytest.raises(HttpError, match="503"):
        client.call(request.next_chunk)
    book = client.call(request.execute)
    assert google.library.scans[book["id"]] == SCAN
    assert _ranges(google)[2:5] == ["bytes 300-599/1000", "bytes */1000", "bytes 300-599/1000"]


def test_the_beginning_of_an_upload_is_tried_again(
    google: GoogleServer, service: Made, client: Client
) -> None:
    google.library.answer_next(UNAVAILABLE)
    request, slept = _retrying(_insert(service, _chunks()))
    book = client.call(request.execute, num_retries=1)
    assert (slept, google.library.scans[book["id"]]) == ([2.0], SCAN)


class Unstreamed(MediaIoBaseUpload):  # type: ignore[misc]  # what it derives from is not typed
    """Gives its chunks as bytes: of those that it gives as a stream Google's client sends a second
    time only what is left, which is nothing.
    """

    def has_stream(self) -> bool:
        return False


def test_a_chunk_is_sent_again(google: GoogleServer, service: Made, client: Client) -> None:
    media = Unstreamed(io.BytesIO(SCAN), "image/png", chunksize=600, resumable=True)
    request, slept = _retrying(_insert(service, media))
    client.call(request.next_chunk)
    google.library.answer_next(UNAVAILABLE)
    book = client.call(request.execute, num_retries=1)
    assert (slept, google.library.scans[book["id"]]) == ([2.0], SCAN)
    assert _ranges(google)[2:] == ["bytes 600-999/1000"] * 2


def test_308_is_a_redirect_for_who_does_not_say_otherwise(service: Made, client: Client) -> None:
    client.http.redirect_codes = httplib2.Http().redirect_codes
    with pytest.raises(httplib2.RedirectMissingLocation):
        client.call(_insert(service, _chunks()).execute)


# Downloads


def _downloaded(client: Client, request: Made, num_retries: int = 0) -> bytes:
    file, done = io.BytesIO(), False
    loading, _ = _retrying(MediaIoBaseDownload(file, request, chunksize=300))
    while not done:
        _, done = client.call(loading.next_chunk, num_retries=num_retries)
    return file.getvalue()


def test_a_scan_comes_in_one_piece(library: Library, service: Made, client: Client) -> None:
    request = service.books().get_media(id=library.add("Emma", SCAN))
    assert client.call(request.execute) == SCAN


@plain_and_tls
def test_a_scan_comes_in_chunks(google: GoogleServer, service: Made, client: Client) -> None:
    request = service.books().get_media(id=google.library.add("Emma", SCAN))
    assert _downloaded(client, request) == SCAN
    assert [each.header("range") for each in google.received] == [
        "bytes=0-299",
        "bytes=300-599",
        "bytes=600-899",
        "bytes=900-1199",
    ]


def test_an_empty_scan_comes_in_chunks(library: Library, service: Made, client: Client) -> None:
    request = service.books().get_media(id=library.add("Emma"))
    assert _downloaded(client, request) == b""


def test_a_chunk_is_fetched_again(library: Library, service: Made, client: Client) -> None:
    request = service.books().get_media(id=library.add("Emma", SCAN))
    library.answer_next(UNAVAILABLE)
    assert _downloaded(client, request, num_retries=1) == SCAN


# Tokens


def _authorized(
    google: GoogleServer, http: httplib2.Http, token: str | None = "expired", **said: str
) -> Made:
    """The Http with such credentials, where the server takes none but new tokens."""
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
    """Where each request went, and with which token."""
    return [(each.target.split("?")[0], each.header("authorization")) for each in google.received]


@plain_and_tls
def test_a_token_that_expired_is_refreshed(google: GoogleServer, client: Client) -> None:
    http = _authorized(google, client.http)
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


def test_a_first_token_is_fetched_before_the_call(google: GoogleServer, client: Client) -> None:
    http = _authorized(google, client.http, token=None)
    client.call(build_from_document(google.document(), http=http).books().list().execute)
    assert _tokens(google) == [("/token", None), (BOOKS, f"Bearer {http.credentials.token}")]


def test_a_refresh_that_is_refused_is_an_error(google: GoogleServer, client: Client) -> None:
    http = _authorized(google, client.http, refresh_token="revoked")
    service = build_from_document(google.document(), http=http)
    with pytest.raises(RefreshError, match="invalid_grant"):
        client.call(service.books().list().execute)


def test_a_refresh_that_breaks_off_is_an_error(
    google: GoogleServer, raw_server: RawServers, client: Client
) -> None:
    elsewhere = raw_server([record])
    http = _authorized(google, client.http, token_uri=elsewhere.url("/token"))
    service = build_from_document(google.document(), http=http)
    with pytest.raises(TransportError):
        client.call(service.books().list().execute)
    assert [each.split(b" HTTP")[0] for each in set(elsewhere.heads)] == [b"POST /token"]


def test_a_body_is_rewound_for_the_new_token(google: GoogleServer, client: Client) -> None:
    http, body = _authorized(google, client.http), io.BytesIO(b'{"title": "Emma"}')
    headers = {"content-length": "17"}
    response, _ = client.call(http.request, google.url(BOOKS), "POST", body, headers)
    assert response.status == 200
    assert [each.body for each in google.received if each.target == BOOKS] == [body.getvalue()] * 2


# Google's client makes an httplib2.Http of its own for this, and does not close it.
@pytest.mark.filterwarnings("ignore:.*<socket.socket:pytest.PytestUnraisableExceptionWarning")
def test_a_batch_refreshes_its_token_once(google: GoogleServer, client: Client) -> None:
    http, answered = _authorized(google, client.http), Answered()
    service = build_from_document(google.document(), http=http)
    batch = service.new_batch_http_request(callback=answered)
    for _ in range(3):
        batch.add(service.books().list())
    client.call(batch.execute)
    assert list(answered.values()) == [({"items": []}, None)] * 3
    assert [path for path, _ in _tokens(google)].count("/token") == 1


def test_an_upload_refreshes_its_token(google: GoogleServer, client: Client) -> None:
    http = _authorized(google, client.http)
    http.redirect_codes = http.redirect_codes - {308}
    service = build_from_document(google.document(), http=http)
    book = client.call(_insert(service, _chunks()).execute)
    assert google.library.scans[book["id"]] == SCAN


# Threads


@contextmanager
def _all_at_once(library: Library) -> Iterator[None]:
    """No call is answered before so many have come."""
    gate = library.gate = library.new_gate()
    try:
        yield
        gate.arrived.wait_for(THREADS)
    finally:
        gate.open()


def _write_and_read(service: Made, thread: int) -> bool:
    """Whether what one thread writes is what it reads, call by call."""
    titles = [f"Volume {thread}.{number}" for number in range(5)]
    books = [_insert_and_get(service, title) for title in titles]
    return [book["title"] for book in books] == titles


def _insert_and_get(service: Made, title: str) -> Made:
    made = service.books().insert(body={"title": title}).execute()
    return service.books().get(id=made["id"]).execute()


@plain_and_tls
def test_twenty_threads_share_one_service(google: GoogleServer, shared: tuple[Http, Made]) -> None:
    with ThreadPoolExecutor(THREADS) as threads, _all_at_once(google.library):
        agreed = threads.map(partial(_write_and_read, shared[1]), range(THREADS))
    assert list(agreed) == [True] * THREADS
    assert len(google.library.books) == 5 * THREADS
    version = "2" if google.url().startswith("https") else "1.1"
    assert {each.version for each in google.received} == {version}


@plain_and_tls
def test_twenty_threads_upload_and_download(
    google: GoogleServer, shared: tuple[Http, Made]
) -> None:
    http, service = shared
    http.redirect_codes = http.redirect_codes - {308}

    def there_and_back(thread: int) -> bool:
        scan = pattern(thread, thread + 1000)
        book = _insert(service, _chunks(scan)).execute()
        client = Client(http, _in_place)
        return _downloaded(client, service.books().get_media(id=book["id"])) == scan

    with ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(there_and_back, range(THREADS))) == [True] * THREADS


@plain_and_tls
def test_twenty_threads_share_one_token(google: GoogleServer, shared: tuple[Http, Made]) -> None:
    http = _authorized(google, shared[0])
    service = build_from_document(google.document(), http=http)
    with ThreadPoolExecutor(THREADS) as threads:
        agreed = threads.map(partial(_write_and_read, service), range(THREADS))
        assert list(agreed) == [True] * THREADS


@plain_and_tls
def test_calls_are_submitted_all_at_once(google: GoogleServer, shared: tuple[Http, Made]) -> None:
    http, service = shared
    books = [google.library.add(f"Volume {number}") for number in range(THREADS)]
    with _all_at_once(google.library):
        promises = [http.submit(service.books().get(id=book).execute) for book in books]
    assert [promise.result(PATIENCE)["id"] for promise in promises] == books


@pytest.mark.parametrize("limit", [1, 3])
def test_more_calls_are_submitted_than_there_are_workers(google: GoogleServer, limit: int) -> None:
    books = [google.library.add(f"Volume {number}") for number in range(THREADS)]
    with Http(timeout=PATIENCE, blocking=True, max_workers=limit) as http:
        service = build_from_document(google.document(), http=http)
        promises = [http.submit(service.books().get(id=book).execute) for book in books]
        assert [promise.result(PATIENCE)["id"] for promise in promises] == books


def test_an_error_of_a_submitted_call_is_raised_by_its_result(shared: tuple[Http, Made]) -> None:
    http, service = shared
    promise = http.submit(service.books().get(id="none").execute)
    with pytest.raises(HttpError, match="404"):
        promise.result(PATIENCE)
