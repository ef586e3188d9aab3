"""The tests of asynchttp. They talk to real servers, which are in `tests.servers`."""
