"""The engine: a Transfer becomes the core's arguments, and the core's outcome becomes a Reply.

plans.py         cached plans: options, route and header lines of similar transfers
curl_options.py  the options of libcurl for a transfer (pure functions)
outcome.py       the Reply or the exception for an ended transfer
curl_errors.py   the table from libcurl's error codes to exceptions
upload.py        a file as the body of a request, read by workers
resolver.py      lookups by a replaced `socket.getaddrinfo`
clients.py       other clients with httplib2's interface, for `Http.Client`
trace.py         the lines that `httplib2.debuglevel` prints
libcurl.py       the search for pycurl's libcurl
memory.py        free memory that glibc keeps for bodies
"""
