"""From the core's events to policy, and back; and the threads for that.

dispatcher.py  Dispatcher: the requests of an Http, from the caller to the settled promise
workers.py     the pool of threads
coalescing.py  requests that are the same and wait for one answer
submitted.py   functions to call: `Http.submit` and `Promise.then`
"""
