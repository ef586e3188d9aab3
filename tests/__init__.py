"""The tests of asynchttp. Tests talk to real servers, which are in `tests.servers`."""
