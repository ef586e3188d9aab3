"""What the caller holds.

promise.py         Promise: the pair of response and content, which may still be on its way
lazy_pair.py       PendingResponse and Content, which stand in for both
future.py          LeanFuture: a `concurrent.futures.Future` without a lock of its own
failure.py         Failure: an exception, and whether anybody has seen the exception
work.py            Work: the base of all that the core works on
callback_scope.py  CallbackScope: user code that runs on behalf of a request
"""
