"""httplib2's own test suite, run with another `httplib2.Http`.

    distribution    fetches the suite from httplib2's source distribution, in the installed version
    plugin          a pytest plugin: replaces httplib2.Http, and records the source of each answer
    run             starts a pytest with the plugin, and reads the plugin's report

Rules: the repository contains no code of httplib2; tests/test_httplib2_suite.py alone judges
the outcome, with a list of the tests that may fail.
"""
