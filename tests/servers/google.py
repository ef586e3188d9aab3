"""A server that speaks like Google's APIs, for Google's own clients: a library of books.

    /library/v1/books            list (in pages), insert
    /library/v1/books/ID         get, delete; with alt=media the book's scan, or a range
    /upload/library/v1/books     insert with a scan: in one request, or in chunks of a session,
                                 which answers 308 until the last chunk
    /batch/library/v1            many calls of /library/v1/books in one request
    /token                       a new access token for the refresh token
    /discovery/library/v1        the discovery document, which describes the API to clients

Rules: every request is recorded before the answer; answers planned with `answer_next` take
precedence; access tokens are checked unless `tokens` is None.
"""

import asyncio
import itertools
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.app import App, HeldAnswers, ReceivedRequest
from tests.servers.event_log import EventLog
from tests.servers.web import WebServer

BOOKS = "/library/v1/books"
REFRESH_TOKEN = "a refresh token"
METHODS = ["GET", "POST", "PUT", "DELETE"]

Book: TypeAlias = dict[str, str]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Call(NamedTuple):
    """A call of the API, from a request of its own or from a batch."""

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str | None
    body: bytes


class Answer(NamedTuple):
    """A status, and a value that is sent as JSON."""

    status: int
    value: object


def problem(status: int, reason: str, message: str) -> Answer:
    """An error in the format of Google's APIs; clients read the reason."""
    errors = [{"domain": "global", "reason": reason, "message": message}]
    return Answer(status, {"error": {"code": status, "message": message, "errors": errors}})


UNAVAILABLE = problem(503, "backendError", "Try again later")


@dataclass
class Session:
    """An unfinished upload."""

    book: Book
    scan: bytes = b""


class Library(App):
    """The application with its books, scans, tokens and planned answers."""

    def __init__(self) -> None:
        super().__init__(origin="")  # no held answer of this application has a URL of its own
        self._routes = Starlette(routes=self._all_routes())
        self._planned: deque[Answer] = deque()
        self._ids = itertools.count(1)
        self._sessions: dict[str, Session] = {}
        self.books: dict[str, Book] = {}
        self.scans: dict[str, bytes] = {}
        self.tokens: set[str] | None = None
        self.held: HeldAnswers | None = None
        """Calls outside of batches wait for these answers, if set."""

    def answer_next(self, *answers: Answer) -> None:
        """Give the next requests of any kind these answers."""
        self._planned.extend(answers)

    def add(self, title: str, scan: bytes = b"") -> str:
        """Add a book, and return the book's id."""
        return self._add_book({"title": title}, scan)["id"]

    def _all_routes(self) -> list[Route]:
        paths: dict[str, Endpoint] = {
            f"{BOOKS}{{rest:path}}": self._call,
            f"/upload{BOOKS}": self._upload,
            "/batch/library/v1": self._batch,
            "/token": self._token,
            "/discovery/library/v1": self._discovery,
        }
        return [
            Route(path, self._unless_planned(endpoint), methods=METHODS)
            for path, endpoint in paths.items()
        ]

    def _unless_planned(self, endpoint: Endpoint) -> Endpoint:
        async def either(request: Request) -> Response:
            return _sent(self._planned.popleft()) if self._planned else await endpoint(request)

        return either

    # The calls.

    async def _call(self, request: Request) -> Response:
        call = await _call_of(request)
        if self.held:
            await self.held.wait(call.path, request)  # consumes the rest of the request
        answer = self._answer(call)
        if answer.status == 200 and request.query_params.get("alt") == "media":
            scan = self.scans[request.url.path.removeprefix(f"{BOOKS}/")]
            return _part(scan, request.headers.get("range"))
        return _sent(answer)

    def _answer(self, call: Call) -> Answer:
        if not self._is_authorized(call.authorization):
            return problem(401, "authError", "Invalid Credentials")
        match call.method, call.path.removeprefix(BOOKS).strip("/"):
            case "GET", "":
                return self._page(call.query)
            case "POST", "":
                return Answer(200, self._add_book(json.loads(call.body)))
            case "GET", name if name in self.books:
                return Answer(200, self.books[name])
            case "DELETE", name if name in self.books:
                return self._delete(name)
            case _:
                return problem(404, "notFound", "No such book")

    def _is_authorized(self, authorization: str | None) -> bool:
        return self.tokens is None or authorization in {f"Bearer {each}" for each in self.tokens}

    def _page(self, query: Mapping[str, str]) -> Answer:
        start, size = int(query.get("pageToken", 0)), int(query.get("maxResults", 10))
        stop = start + size
        more = {"nextPageToken": str(stop)} if stop < len(self.books) else {}
        return Answer(200, {"items": list(self.books.values())[start:stop], **more})

    def _add_book(self, book: Book, scan: bytes = b"") -> Book:
        name = f"book-{next(self._ids)}"
        self.scans[name] = scan
        self.books[name] = {**book, "id": name}
        return self.books[name]

    def _delete(self, name: str) -> Answer:
        del self.books[name], self.scans[name]
        return Answer(204, None)

    # Batches.

    async def _batch(self, request: Request) -> Response:
        parts = _multipart(request, await request.body())
        answers = "".join(self._answered_part(part) for part in parts)
        kind = "multipart/mixed; boundary=batch_answers"
        return Response(f"{answers}--batch_answers--", headers={"Content-Type": kind})

    def _answered_part(self, part: Message) -> str:
        status, value = self._answer(_call_in(str(part.get_payload())))
        name = part["Content-ID"].replace("<", "<response-")
        return (
            f"--batch_answers\r\nContent-Type: application/http\r\nContent-ID: {name}\r\n\r\n"
            f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n\r\n"
            f"{json.dumps(value)}\r\n"
        )

    # Uploads.

    async def _upload(self, request: Request) -> Response:
        if not self._is_authorized(request.headers.get("authorization")):
            return _sent(problem(401, "authError", "Invalid Credentials"))
        body = await request.body()
        if "upload_id" in request.query_params:
            return self._take_chunk(request, body)
        if request.query_params["uploadType"] == "resumable":
            return self._begin(request, json.loads(body))
        book, scan = _multipart(request, body)
        scanned = cast(bytes, scan.get_payload(decode=True))  # bytes, as the part has no parts
        return _sent(Answer(200, self._add_book(json.loads(str(book.get_payload())), scanned)))

    def _begin(self, request: Request, book: Book) -> Response:
        name = f"session-{next(self._ids)}"
        self._sessions[name] = Session(book)
        where = request.url.include_query_params(upload_id=name)
        return Response(headers={"Location": str(where)})

    def _take_chunk(self, request: Request, body: bytes) -> Response:
        session = self._sessions[request.query_params["upload_id"]]
        first, total = _content_range(request)
        if first is not None and first != len(session.scan):
            return _sent(problem(400, "badRequest", "That is not the next chunk"))
        session.scan += body
        if len(session.scan) == total:
            return _sent(Answer(200, self._add_book(session.book, session.scan)))
        kept = len(session.scan)
        return Response(status_code=308, headers={"Range": f"bytes=0-{kept - 1}"} if kept else {})

    # Tokens and discovery.

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if (form["grant_type"], form["refresh_token"]) != ("refresh_token", REFRESH_TOKEN):
            return _sent(Answer(400, {"error": "invalid_grant"}))
        token = f"token-{next(self._ids)}"
        self.tokens = {*(self.tokens or ()), token}
        return _sent(Answer(200, {"access_token": token, "expires_in": 3600}))

    async def _discovery(self, request: Request) -> Response:
        return JSONResponse(document(str(request.base_url)))


def _sent(answer: Answer) -> Response:
    if answer.status == 204:
        return Response(status_code=204)
    return JSONResponse(answer.value, answer.status)


def _part(scan: bytes, wanted: str | None) -> Response:
    """The scan, or the part named by a Range header."""
    if wanted is None:
        return Response(scan)
    first, last = (int(each) for each in wanted.removeprefix("bytes=").split("-"))
    if first >= len(scan):
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(scan)}"})
    part = scan[first : last + 1]
    headers = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(scan)}"}
    return Response(part, 206, headers)


def _content_range(request: Request) -> tuple[int | None, int]:
    """The start of a chunk and the whole length; the start is None in a query of the progress."""
    value = request.headers.get("content-range")
    if value is None:  # the chunk is the whole
        return 0, int(request.headers["content-length"])
    match = re.fullmatch(r"bytes (?:\*|(\d+)-\d+)/(\d+)", value)
    assert match, value
    return None if match[1] is None else int(match[1]), int(match[2])


def _multipart(request: Request, body: bytes) -> list[Message]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n"
    message = message_from_bytes(head.encode() + body)
    assert message.is_multipart(), body
    return cast(list[Message], message.get_payload())  # a list, as the message is multipart


async def _call_of(request: Request) -> Call:
    authorization = request.headers.get("authorization")
    query, body = request.query_params, await request.body()
    return Call(request.method, request.url.path, query, authorization, body)


def _call_in(written: str) -> Call:
    """Parse the call in a part of a batch."""
    line, _, rest = written.partition("\n")
    method, target, _ = line.split()
    url, message = urlsplit(target), message_from_string(rest)
    body = str(message.get_payload()).encode()
    return Call(method, url.path, dict(parse_qsl(url.query)), message["authorization"], body)


class GoogleServer(WebServer):
    """The library on hypercorn."""

    def __init__(self, pem: Path | None = None) -> None:
        self.library = Library()
        super().__init__(pem)

    @property
    def received(self) -> EventLog[ReceivedRequest]:
        return self.library.received

    def document(self) -> dict[str, Any]:
        """The discovery document of this server. Any: JSON."""
        return document(self.url("/"))

    def close(self) -> None:
        self.library.answer_all_held()
        super().close()

    def _serve(self, config: Config) -> None:
        app = cast(ASGIFramework, self.library)  # two spellings of the types of ASGI
        asyncio.run(serve(app, config, shutdown_trigger=self._stopped))


def document(root: str) -> dict[str, Any]:
    """The discovery document of a server at `root`. Any: JSON."""
    by_id = {"id": {"type": "string", "location": "path", "required": True}}
    a_book = {"$ref": "Book"}
    upload = {"multipart": True, "path": f"/upload{BOOKS}"}
    methods: dict[str, dict[str, object]] = {
        "list": {
            "httpMethod": "GET",
            "path": "books",
            "parameters": {
                "pageToken": {"type": "string", "location": "query"},
                "maxResults": {"type": "integer", "location": "query"},
            },
            "response": {"$ref": "Page"},
        },
        "get": {
            "httpMethod": "GET",
            "path": "books/{id}",
            "parameters": by_id,
            "response": a_book,
            "supportsMediaDownload": True,
        },
        "insert": {
            "httpMethod": "POST",
            "path": "books",
            "request": a_book,
            "response": a_book,
            "supportsMediaUpload": True,
            "mediaUpload": {
                "accept": ["*/*"],
                "protocols": {"simple": upload, "resumable": upload},
            },
        },
        "delete": {"httpMethod": "DELETE", "path": "books/{id}", "parameters": by_id},
    }
    for name, method in methods.items():
        method["id"] = f"library.books.{name}"
    return {
        "kind": "discovery#restDescription",
        "name": "library",
        "version": "v1",
        "rootUrl": root,
        "servicePath": "library/v1/",
        "batchPath": "batch/library/v1",
        "schemas": {
            "Book": {
                "id": "Book",
                "type": "object",
                "properties": {"id": {"type": "string"}, "title": {"type": "string"}},
            },
            "Page": {
                "id": "Page",
                "type": "object",
                "properties": {
                    "items": {"type": "array", "items": a_book},
                    "nextPageToken": {"type": "string"},
                },
            },
        },
        "resources": {"books": {"methods": methods}},
    }
