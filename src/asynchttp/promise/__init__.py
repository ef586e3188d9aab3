"""The objects that the caller of a request holds.

promise.py         Promise: response and content of a request, perhaps not answered yet
lazy_pair.py       PendingResponse and Content: stand in for the response and the bytes
future.py          LeanFuture: a `concurrent.futures.Future` without a lock of its own
failure.py         Failure: an exception, and whether user code has seen the exception
request_work.py    RequestWork: a request on the way through policy and the core
work.py            Work: the base of requests and calls, which the core queues
callback_scope.py  CallbackScope: user code that runs on behalf of a request
"""
