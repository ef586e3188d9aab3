"""Policy: generators decide, without any I/O, what a request means.

Each layer calls the next:

    exchange.py > redirects.py > cache.py > auth.py > retry.py > wire.py

An exchange is a generator. The exchange yields each Step to be done, receives the step's result or
exception, and returns the Answer. The caller decides how steps are done: tests call `next` and
`send`.

cache_entry.py          a stored response, in httplib2's format
digest.py               the Digest scheme
origins.py              which URLs are of one origin
fields.py               WWW-Authenticate and others, without httplib2's MalformedHeader
proxies.py              the choice of a proxy
httplib2_rules.py       httplib2's functions that asynchttp calls
errors_as_responses.py  `force_exception_to_status_code`

Rules:
- No sockets, threads or pycurl in this package. Each policy is a file that can be read alone.
- With the same replies from the servers, the result is httplib2's.
- Calls that may block, and user code (caches, proxy callables), are BlockingCalls.
"""
