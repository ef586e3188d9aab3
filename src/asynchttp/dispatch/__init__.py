"""Between the core and policy: events of the core, exchanges, callbacks; and the worker threads.

dispatcher.py   Dispatcher: the requests and calls of one Http, from submit to the core's events
account.py      AccountOwner: the account of one Http in the core, and its end
exchanges.py    Exchanges: steps through the exchange of a request
callback_limit.py  CallbackLimit: how many callbacks run at once
settling.py     callbacks, settling, done-callbacks; functions given to `submit` and `then`
coalescing.py   Coalescer: requests that wait for the answer of an equal request
submitted.py    Submitted and Then: the work of `Http.submit` and `Promise.then`
failures.py     failures that name the request
request_log.py  lines of the log about one request
workers.py      the pool of threads
"""
