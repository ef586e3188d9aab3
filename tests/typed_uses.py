"""Typed uses of asynchttp, checked by mypy and never run.

`assert_type` states the type that mypy has to infer. An ignore marks a use that has to be an error:
mypy reports an unneeded ignore (`warn_unused_ignores`).
"""

import asyncio
import concurrent.futures as cf
import json
import re
from collections.abc import Mapping
from typing import Any, assert_type

import httplib2

from asynchttp import Content, Http, Promise, Request, Response


def the_pair(http: Http) -> None:
    promise = http.request("http://example.org/")
    assert_type(promise, Promise)
    response, content = promise
    assert_type(response, Response)
    assert_type(content, Content)
    assert_type(promise[0], Response)
    assert_type(promise[1], Content)
    assert_type(promise[-1], Content)
    assert_type(promise.response, Response)
    assert_type(promise.content, Content)
    assert_type(len(promise), int)
    _, _, _ = promise  # type: ignore[misc]  # a pair has two items
    promise[2]  # type: ignore[misc]
    content, response = promise  # type: ignore[assignment]


def in_place_of_httplib2(plain: httplib2.Http, http: Http) -> None:
    clients: list[httplib2.Http] = [plain, http]
    responses: list[httplib2.Response] = [http.request("http://example.org/").response]
    contents: list[bytes] = [http.request("http://example.org/").content]
    mappings: list[Mapping[str, str]] = [http.request("http://example.org/").response]
    assert clients
    assert responses
    assert contents
    assert mappings


def a_response(response: Response) -> None:
    assert_type(response.status, int)
    assert_type(response.reason, str)
    assert_type(response.version, int)
    assert_type(response.fromcache, bool)
    assert_type(response["server"], str)
    assert_type(response.get("server"), str | None)
    assert_type(list(response), list[str])
    assert_type(json.dumps(response), str)
    response["x-added"] = "1"
    response.parsed = [1, 2]  # by a callback, say
    response["x-added"] = 1  # type: ignore[assignment]
    response[1]  # type: ignore[index]
    response.status = "200"  # type: ignore[assignment]


def a_content(content: Content) -> None:
    assert_type(bytes(content), bytes)
    assert_type(str(content), str)
    assert_type(content.decode("utf-8"), str)
    assert_type(content[0], int)
    assert_type(content[1:], bytes)
    assert_type(content + b"x", bytes)
    assert_type(b"x" + content, bytes)
    assert_type(content.split(b","), list[bytes])
    assert_type(120 in content, bool)
    # Only for bytes mypy knows that `in` takes a part as well as an item.
    assert_type(b"x" in content, bool)  # type: ignore[comparison-overlap]
    assert_type({content: 1}, dict[Content, int])
    assert_type(re.match(b"x", content), re.Match[bytes] | None)
    assert_type(json.loads(content), Any)
    content + "x"  # type: ignore[operator]
    content.encode()  # type: ignore[attr-defined]


def the_plain_pair(promise: Promise) -> None:
    assert_type(promise.result(), tuple[Response, bytes])
    assert_type(promise.result(0.5), tuple[Response, bytes])
    assert_type(promise.exception(timeout=1), BaseException | None)
    assert_type(promise.wait(), bool)
    assert_type(promise.done(), bool)
    assert_type(promise.cancel(), bool)
    assert_type(promise.request, Request)
    assert_type(promise.request.uri, str)
    promise.result("soon")  # type: ignore[arg-type]


async def awaited(http: Http) -> None:
    promises = [http.request("http://example.org/") for _ in range(2)]
    assert_type(await promises[0], tuple[Response, bytes])
    response, content = await http.request("http://example.org/")
    assert_type(response, Response)
    assert_type(content, bytes)
    assert_type(await asyncio.wait_for(promises[0], 1), tuple[Response, bytes])
    assert_type(await asyncio.gather(*promises), list[tuple[Response, bytes]])
    assert_type(await asyncio.wrap_future(promises[0]), tuple[Response, bytes])


def as_a_future(promises: list[Promise]) -> None:
    future: cf.Future[tuple[Response, bytes]] = promises[0]
    assert_type(future.result(), tuple[Response, bytes])
    for promise in cf.as_completed(promises):
        assert_type(promise.result(), tuple[Response, bytes])
    done, not_done = cf.wait(promises)
    assert_type(done | not_done, set[cf.Future[tuple[Response, bytes]]])
    numbered = {promise: number for number, promise in enumerate(promises)}
    assert_type(numbered, dict[Promise, int])
    promises[0].add_done_callback(lambda future: future.result())


def length(response: Response, content: Content) -> int:
    return response.status + len(content)


def decoded(_: httplib2.Response, content: bytes) -> object:
    return json.loads(content)


def one_argument(_: Response) -> int:
    return 1


def followed(promise: Promise) -> None:
    assert_type(promise.then(length).result(), int)
    assert_type(promise.then(decoded).result(), object)
    assert_type(promise.then(lambda _response, content: content.split()).result(), list[bytes])
    promise.then(one_argument)  # type: ignore[arg-type]
    promise.then()  # type: ignore[call-arg]


async def follower_awaited(promise: Promise) -> None:
    assert_type(await promise.then(length), int)


def parse(promise: Promise) -> None:
    promise.response.parsed = json.loads(promise.content)
    # Works as well, but a type that allowed new attributes would allow misspelt methods, too.
    promise.parsed = 1  # type: ignore[attr-defined]


def parse_and_return(promise: Promise) -> int:
    return promise.response.status


def as_httplib2_says(response: Response, content: bytes) -> None: ...


def with_arguments(http: Http) -> None:
    http.request("http://example.org/", "PUT", b"body", {"Accept": "*/*"}, 5, None)
    http.request("http://example.org/", method="POST", body="text", headers=None)
    http.request("http://example.org/", headers={b"Accept": b"*/*"})
    http.request("http://example.org/", callback=parse)
    http.request("http://example.org/", callback=parse_and_return)
    http.request("http://example.org/", callback=lambda promise: promise.result())
    http.request("http://example.org/", callback=as_httplib2_says)  # type: ignore[arg-type]
    http.request("http://example.org/", "GET", None, None, 5, None, parse)  # type: ignore[call-arg]
    http.request("http://example.org/", metod="GET")  # type: ignore[call-arg]
    http.request("http://example.org/", headers={"Accept": 1})  # type: ignore[arg-type]
    http.request(b"http://example.org/")  # type: ignore[arg-type]
    http.request()  # type: ignore[call-arg]


def constructed() -> None:
    with Http(".cache", 0.5, max_workers=4) as http:
        assert_type(http, Http)
    Http(timeout=None, disable_ssl_certificate_validation=True).close(cancel_futures=True)
    Http(timeout="1")  # type: ignore[arg-type]
    Http(max_workers="4")  # type: ignore[arg-type]
    Http(maxworkers=4)  # type: ignore[call-arg]
