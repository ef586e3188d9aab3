"""asynchttp with a callback that does nothing."""

from asynchttp import Http, Promise
from bench.contenders.asynchttp import Ask, background_of, contender_of
from bench.load import Load


def do_nothing(_: Promise) -> None:
    pass


def with_callbacks(load: Load) -> tuple[Http, Ask]:
    http = Http(max_workers=load.concurrency)
    return http, lambda count: [http.request(load.url, callback=do_nothing) for _ in range(count)]


contender = contender_of(with_callbacks)
background = background_of(with_callbacks)
