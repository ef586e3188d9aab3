"""asynchttp through the public interface: make all requests, then look at each answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from asynchttp import Http, Promise
from bench.load import (
    Background,
    BackgroundContender,
    Contender,
    Fetch,
    Load,
    WrongAnswerError,
    one_by_one,
)

Ask: TypeAlias = Callable[[int], list[Promise]]
Form: TypeAlias = Callable[[Load], tuple[Http, Ask]]
"""Makes a client, and a function that makes requests: the part in which the asynchttp contenders
differ."""


def plain(load: Load) -> tuple[Http, Ask]:
    http = Http(max_workers=load.concurrency, ca_certs=load.ca_certs)
    return http, lambda count: [http.request(load.url) for _ in range(count)]


def contender_of(form: Form) -> Contender:
    @contextmanager
    def contender(load: Load) -> Iterator[Fetch]:
        http, ask = form(load)

        def fetch(count: int) -> None:
            for response, content in one_by_one(ask(count)):
                if response.status != 200 or content != load.content:
                    raise WrongAnswerError(response.status, bytes(content))

        with http:
            yield fetch

    return contender


def background_of(form: Form) -> BackgroundContender:
    @contextmanager
    def background(load: Load) -> Iterator[Background[Promise]]:
        http, ask = form(load)

        def look(promise: Promise) -> None:
            response, content = promise
            if response.status != 200 or content != load.content:
                raise WrongAnswerError(response.status, bytes(content))

        try:
            yield Background(ask, look)
        finally:
            http.close(cancel_futures=True)

    return background


contender = contender_of(plain)
background = background_of(plain)
