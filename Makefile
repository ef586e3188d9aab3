# asynchttp's commands. A machine needs Python 3.11 or later and make; all else is built in
# .venv/VERSION/EXTRA (an extra of pyproject.toml), and built again when pyproject.toml changes.

VERSIONS := $(shell scripts/pythons | cut -d' ' -f1)
LOWEST := $(or $(firstword $(VERSIONS)),none)

# It runs on the lowest Python only, and so do its tests.
OF_THE_BENCHMARK := tests/test_bench*.py tests/test_instructions.py

.PHONY: demo test found lint instructions quick bench bench-quick differential format clean
.NOTPARALLEL:

demo: .venv/$(LOWEST)/demo/ready  ## many requests, one by one and all at once
	@$(<D)/bin/python -m demo

test: found lint instructions $(VERSIONS:%=test-%)  ## all that CI runs
	@echo "Formatting, lint and types are clean; tests passed on Python $(VERSIONS)."

found:
	@echo "Python versions found on this machine:"; scripts/pythons

lint: .venv/$(LOWEST)/test/ready  ## once, on the lowest Python that is supported
	$(<D)/bin/ruff format --check
	$(<D)/bin/ruff check
	$(<D)/bin/mypy

test-%: .venv/%/test/ready  ## the tests on one Python: make test-3.12
	@echo "Tests on Python $$($(<D)/bin/python -c 'import sys; print(sys.version)')"
	$(<D)/bin/python -m pytest $(if $(filter $*,$(LOWEST)),,$(OF_THE_BENCHMARK:%=--ignore-glob='%'))

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

format: .venv/$(LOWEST)/test/ready
	$(<D)/bin/ruff format
	$(<D)/bin/ruff check --fix

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PRECIOUS: .venv/%/ready
.venv/%/ready: pyproject.toml scripts/environment
	@scripts/environment $(subst /, ,$*)
