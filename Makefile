# asynchttp's commands. A machine needs make and Python 3.11 or later with its headers (Python.h);
# all else is built in .venv/VERSION/EXTRA (an extra of pyproject.toml), and built again when
# pyproject.toml changes.
#
# The lowest Python builds one wheel, and each environment has asynchttp from the wheel, as users
# do; only .venv/LOWEST/test runs what is in src/. Changed sources are built and installed first.

VERSIONS := $(shell scripts/pythons | cut -d' ' -f1)
LOWEST := $(or $(firstword $(VERSIONS)),none)

# Tests of what depends on the version of Python: the lazy pair, Futures, threads, the end of a
# process, forks, call sites, the build. All other tests run on the lowest Python only.
ON_EVERY_PYTHON := $(addprefix tests/test_,pair.py looking.py operations.py promise.py callbacks.py \
    calls.py workers.py nesting.py cancel.py blocking_callers.py exit.py fork.py lifetime.py leaks.py \
    errors.py requests.py answers.py examples.py documentation.py engine_parts.py httplib2_suite.py)

# The benchmark's own tests.
OF_THE_BENCHMARK := tests/test_bench*.py tests/test_instructions.py

# These do not run with sanitizers in the extension:
NOT_SANITIZED := $(OF_THE_BENCHMARK:%=--ignore-glob='%')  # they measure, with valgrind among others
NOT_SANITIZED += --ignore=tests/test_core.py  # its programs have sanitizers of their own
# AddressSanitizer's malloc keeps memory in another way.
NOT_SANITIZED += --deselect=tests/test_engine_parts.py::test_freed_memory_is_reused_for_bodies
# CI runs these, in 20 seconds; all take five minutes.
SANITIZED_IN_CI := tests/test_promise.py tests/test_callbacks.py
# AddressSanitizer's library, which comes with gcc; else empty.
ASAN := $(filter /%,$(shell cc -print-file-name=libasan.so 2>/dev/null))

ENVIRONMENT := pyproject.toml scripts/environment
BUILD := pyproject.toml setup.py MANIFEST.in scripts/build_backend.py
C := $(wildcard src/asynchttp/core/*.[ch] src/asynchttp/binding/*.[ch])
PYTHON := $(shell find src -name '*.py' -o -name '*.pyi')

# For .venv/LOWEST/test. The wheel is compiled without: users' compilers may know more warnings.
# -Wpedantic is not for Python's slots and dlsym, where functions are void *.
STRICT := -g -Wall -Wextra -Wshadow -Werror

.PHONY: help demo examples test found lint instructions quick bench bench-quick differential
.PHONY: suites torture sanitize sanitize-core sanitize-python sanitize-ci format wheel clean
.NOTPARALLEL:

help:  ## these commands
	@sed -nE 's/^([a-z%-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r name what; do printf 'make %-16s %s\n' "$$name" "$$what"; done

demo: .venv/$(LOWEST)/demo/ready  ## many requests, one by one and all at once
	@$(<D)/bin/python -m demo

examples: .venv/$(LOWEST)/demo/ready  ## each of the examples
	@for example in examples/*.py; do echo "--- $$example"; $(<D)/bin/python $$example || exit; done

test: found lint instructions sanitize-ci greenlets $(VERSIONS:%=test-%)  ## all that CI runs
	@echo "Formatting, lint and types are clean; tests passed on Python $(VERSIONS)."

found:  ## the Pythons on this machine
	@echo "Python versions found on this machine:"; scripts/pythons

lint: .venv/$(LOWEST)/test/ready  ## once, on the lowest Python that is supported
	$(<D)/bin/ruff format --check
	$(<D)/bin/ruff check
	$(<D)/bin/mypy

test-%: .venv/%/test/ready  ## the tests for one Python: make test-3.12
	@echo "Tests on Python $$($(<D)/bin/python -c 'import sys; print(sys.version)')"
	$(<D)/bin/python -m pytest $(if $(filter $*,$(LOWEST)),,$(ON_EVERY_PYTHON))

quick: .venv/$(LOWEST)/test/ready  ## for daily use: make quick T="tests/test_layers.py -x"
	$(<D)/bin/python -m pytest $(T)

instructions: .venv/$(LOWEST)/test/ready  ## what a request costs must not grow: RECORD=--record
	@$(<D)/bin/python -m bench.instructions $(RECORD)

bench: .venv/$(LOWEST)/bench/ready  ## the speed, beside others': make bench ROW=throughput for one
	@$(<D)/bin/python -m bench $(ROW)

bench-quick: .venv/$(LOWEST)/bench/ready  ## the same in small, for daily use
	@$(<D)/bin/python -m bench $(ROW) --quick

differential: .venv/$(LOWEST)/test/ready  ## many more scenarios beside httplib2: SCENARIOS=2400
	SCENARIOS=$${SCENARIOS:-2400} $(<D)/bin/python -m pytest --dist=load --timeout 600 tests/test_differential.py

greenlets: .venv/$(LOWEST)/greenlets/ready  ## the tests with gevent and eventlet
	$(<D)/bin/python -m pytest tests/test_greenlets.py

suites: .venv/$(LOWEST)/suites/ready  ## the tests of libraries that extend httplib2, in full
	SUITES=full $(<D)/bin/python -m pytest tests/test_library_suites.py tests/test_httplib2_suite.py

torture: .venv/$(LOWEST)/test/ready  ## each fault with each kind of request, and load: ROW="TLS" for some
	@$(<D)/bin/python -m tests.faults $(if $(ROW),--only "$(ROW)")

sanitize: sanitize-core sanitize-python  ## all tests of code in C, under sanitizers, at full size

sanitize-core: .venv/$(LOWEST)/test/ready  ## the core's own tests, without Python
	SANITIZE=full $(<D)/bin/python -m pytest -n2 --dist=load --durations=0 \
	    -o faulthandler_timeout=7200 tests/test_core.py

sanitize-python: .venv/$(LOWEST)/test/ready  ## those in Python: make sanitize-python T=tests/test_exit.py
	scripts/sanitized $(<D) -m pytest --dist=load --timeout 600 $(NOT_SANITIZED) $(T)

sanitize-ci: .venv/$(LOWEST)/test/ready  ## some of those
	$(if $(ASAN),scripts/sanitized $(<D) -m pytest --dist=load $(SANITIZED_IN_CI),\
	    @echo "Skipped: no tests with sanitizers, for want of gcc.")

format: .venv/$(LOWEST)/test/ready  ## the code, as the linter wants it
	$(<D)/bin/ruff format
	$(<D)/bin/ruff check --fix

wheel: dist/ready  ## in dist/: for this system, and for every Python that is supported

clean:  ## all that make has built
	rm -rf .venv build dist src/*.egg-info src/asynchttp/_core.*.so
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

dist/ready: scripts/wheel $(BUILD) $(C) $(PYTHON)
	@scripts/wheel

# $? is what changed. Where nothing else did, asynchttp alone is installed again.
.PRECIOUS: .venv/%/ready
.venv/%/ready: $(ENVIRONMENT) dist/ready
	@scripts/environment $(subst /, ,$*) "$$(echo dist/*.whl)" $(filter $(ENVIRONMENT),$?)

.venv/$(LOWEST)/test/ready: .venv/%/ready: $(ENVIRONMENT) $(BUILD) $(C)
	@ASYNCHTTP_CFLAGS="$(STRICT)" \
	    scripts/environment $(subst /, ,$*) "--editable ." $(filter $(ENVIRONMENT),$?)
