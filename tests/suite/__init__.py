"""httplib2's own test suite, and those of libraries on httplib2, run with another `httplib2.Http`.

    distribution    fetches the suite from httplib2's source distribution, in the installed version
    plugin          a pytest plugin: replaces httplib2.Http, and records the source of each answer
    run             starts a pytest with the plugin, and reads the plugin's report
    libraries       finds the tests that installed libraries bring

Rules: the repository contains no code of httplib2; tests/test_httplib2_suite.py and
tests/test_library_suites.py alone judge the outcome.
"""
