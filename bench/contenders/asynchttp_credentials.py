"""asynchttp with credentials; the server never asks for a password."""

from asynchttp import Http
from bench.contenders.asynchttp import Ask, background_of, contender_of
from bench.load import Load


def with_credentials(load: Load) -> tuple[Http, Ask]:
    http = Http(max_workers=load.concurrency)
    http.add_credentials("somebody", "secret")
    return http, lambda count: [http.request(load.url) for _ in range(count)]


contender = contender_of(with_credentials)
background = background_of(with_credentials)
