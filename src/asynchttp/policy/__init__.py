"""What a request means: decisions, written as generators that do no I/O.

Each layer asks the one below:

    exchange.py > redirects.py > cache.py > auth.py > retry.py > wire.py

An exchange yields each Step that has to be done, is sent what came of the step, or thrown what
went wrong, and returns the Answer. An exchange does not know who does the steps: tests call `next`
and `send`.

cache_entry.py          what a cache has of a response, as httplib2 writes it
digest.py               the Digest scheme
proxies.py              which proxy, if any
httplib2_rules.py       httplib2's own decisions where they are ours, too
errors_as_responses.py  `force_exception_to_status_code`

Rules:
- No sockets, threads or pycurl here; each policy is written once and reads on its own.
- What httplib2 would do with the same replies is what happens.
- Calls that may block, and code that is not ours (caches, proxy callables), are BlockingCalls.
"""
