"""Real servers for the tests.

    app, web        hypercorn on a thread: correct HTTP/1.1 and HTTP/2
    google          an API of the kind that Google's clients speak to
    proxies         proxy.py and pproxy in processes of their own, and scripted SOCKS
    raw             scripted sockets, for everything that a server should never do
    recording       steps of raw servers that record whole requests
    unreachable     addresses and names that never answer
    certificates    a certificate authority of the tests' own
    event_log       a server's record of events, which a test can wait for

Rules: every server keeps a port picked by the system; a test waits for an event at a server, never
for a time; closing a server ends and joins the server's threads.
"""
