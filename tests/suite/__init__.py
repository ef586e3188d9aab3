"""httplib2's own test suite, run with another `httplib2.Http`.

    distribution    fetches it: httplib2's source distribution, of the version that is installed
    plugin          in the pytest that runs it: replaces Http, and watches which way requests go
    run             starts that pytest, and reads what it reports

Rules: none of httplib2's code is kept in the repository; which tests may fail, and why, is said
where the outcome is judged, and nowhere here.
"""
