"""Real servers for the tests.

    app, web        hypercorn on a thread: HTTP/1.1 and HTTP/2 as they should be
    google          an API of the kind that Google's clients speak to
    proxies         proxy.py and pproxy in processes of their own, and scripted SOCKS
    raw             scripted sockets: what a server should never do
    unreachable     addresses and names that never answer
    certificates    a certificate authority of the tests' own
    seen            what a server saw, for a test to wait for

Rules: every server listens on a port that the system picked and keeps it; a test waits for
what a server saw, never for a time; closing a server ends and joins its threads.
"""
