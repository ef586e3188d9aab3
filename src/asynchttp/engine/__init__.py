"""How bytes move: from a Transfer to what the core is told, and from what comes back to a Reply.

curl.py     plans: what transfers have in common, kept
options.py  from a transfer to libcurl's options (pure)
outcome.py  from a transfer that has ended to a Reply, or an exception
trouble.py  the table from libcurl's error codes to the exceptions of httplib2's callers
upload.py   a file on its way to libcurl, read by workers
lookup.py   host names, where a program has replaced `socket.getaddrinfo`
trace.py    what `httplib2.debuglevel` prints
libcurl.py  where libcurl is found
memory.py   what glibc keeps for bodies
"""
