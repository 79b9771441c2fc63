# Two commands matter: `make demo` and `make test`. Everything they make is in .venv and build/.

VENV   := .venv
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
              command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && { echo $$p; break; }; done)
PIP     = $(VENV)/bin/python -m pip --quiet --disable-pip-version-check
SOURCES := $(shell find pgmaskproxy policies -type f ! -name '*.py[co]' 2>/dev/null) pyproject.toml setup.py

export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo tour test test-all test-compiled test-interpreted corpus conformance fuzz fuzz-wire lint format bench bench-quick oracle guards masks docs system clean

help: ## What can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## A real PostgreSQL 18 behind the proxy, ready for psql. ARGS=--tour for a guided tour.
	@$(VENV)/bin/pgmaskproxy demo $(ARGS)

tour: $(VENV)/.demo ## The tour, which decides for itself as the second person: what CI runs.
	@$(VENV)/bin/pgmaskproxy demo --tour --yes

# Every test once, and what passes rows twice: half an hour is enough for both together. Session and sql, interpreted,
# are what tests/proxy, tests/corpus and tests/fuzz go through. `make test-all` runs everything both ways.
COMPILED := tests/wire tests/mask tests/session tests/audit tests/sql tests/e2e tests/test_build_info.py

test: system $(VENV)/.test ## Every test, against the sources or against the compiled install; what passes rows, both.
	$(INTERPRETED) --ignore=tests/e2e --ignore=tests/session --ignore=tests/sql $(ARGS)
	$(INSTALLED) $(COMPILED) $(ARGS)

test-all: test-interpreted test-compiled ## Every test, against the sources and against the compiled install.

# So many test processes at a time, each with servers of its own; a file's tests stay together, and in their order.
JOBS ?= 2
RUN = pytest --numprocesses $(JOBS) --dist loadfile

# The sources first on the path: nothing compiled, coverage and tracebacks as they are written.
INTERPRETED = PGMASKPROXY_EXPECT=interpreted PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m $(RUN)

# What is installed, before the sources: with the compiled data plane, and the package data as users get them.
INSTALLED = PGMASKPROXY_EXPECT=compiled PYTHONPATH= PYTHONSAFEPATH=1 $(VENV)/bin/python -m $(RUN) --import-mode=append

test-interpreted: system $(VENV)/.test ## Every test against the sources. ARGS='-k name' picks some.
	$(INTERPRETED) $(ARGS)

test-compiled: system $(VENV)/.test ## Every test against the installed, compiled package.
	$(INSTALLED) $(ARGS)

# CI runs every row of the corpora by one protocol on each server; this runs it by all of them.
corpus: system $(VENV)/.test ## What must not leak and what must work, statement by statement, by every protocol.
	CORPUS=all PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m pytest tests/corpus $(ARGS)

# CI runs 3,000 comparisons among its tests (tests/fuzz/test_non_interference.py); this goes on for as long as one likes.
fuzz: system $(VENV)/.test ## Does an agent see a difference between secrets? ARGS='--seconds 3600 --seed 1 --server 15'
	PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m tests.fuzz $(ARGS)

# CI plays 60 scripts to each server, directly and through the proxy, and a few hundred sequences of spoilt bytes.
fuzz-wire: system $(VENV)/.test ## Random protocol scripts and bytes: is it as directly, and does it stand? EXAMPLES=3000
	WIRE_EXAMPLES=$(or $(EXAMPLES),3000) PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m pytest tests/fuzz/wire $(ARGS)

# Other people's clients: CI runs each on one server; this, all of them on both, and psycopg by each of its three cores.
# Then other people's tests, of which none is in this tree: CHECKOUTS=dir has psycopg, asyncpg, pg8000, sqlalchemy,
# postgres-15 and postgres-18 in it, or some of them. Writes docs/conformance.md. ARGS='-k asyncpg' picks some clients.
CHECKOUTS ?= build/checkouts
DRIVERS = CONFORMANCE=all DRIVER_MATRIX=build/matrix.jsonl PYTHONPATH=$(2):$(CURDIR) PSYCOPG_IMPL=$(1) \
    $(VENV)/bin/python -m pytest
CORES = tests/drivers/test_matrix.py -k 'psycopg and not psycopg2 and not SQLAlchemy'

conformance: system $(VENV)/.test ## Every driver and other people's test suites through the proxy. CHECKOUTS=dir
	@mkdir -p build && rm -f build/matrix.jsonl
	@failed=0; \
	$(call DRIVERS,binary,) tests/drivers $(ARGS) || failed=1; \
	$(call DRIVERS,python,) $(CORES) || failed=1; \
	if $(PIP) install --upgrade --target build/psycopg-c 'psycopg[c]'; then \
	    $(call DRIVERS,c,build/psycopg-c) $(CORES) || failed=1; \
	else echo 'psycopg[c] was not built: that needs libpq-dev and a C compiler' >&2; fi; \
	PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m tests.drivers.table build/matrix.jsonl || failed=1; \
	PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m tests.conformance '$(CHECKOUTS)' || failed=1; \
	exit $$failed

lint: $(VENV)/.test ## ruff and mypy, strict, over code and tests.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/.test ## Format the code.
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# Writes build/bench.json and build/bench.html. An hour and more; ARGS=--medium a quarter of one. ARGS=kernel, masks,
# canary, statements or rows_by_kind looks at a part.
bench: $(VENV)/.bench ## How fast it is, beside the server itself and PgBouncer: one table. ARGS=--medium, ARGS=kernel
	PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m bench $(ARGS)

# No number fails it: it says whether all of it works, and prints the ratios.
bench-quick: $(VENV)/.test ## The same in a minute: what CI runs.
	PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m bench --quick $(ARGS)

oracle: $(VENV)/.test ## PostgreSQL's regression SQL as text against the server's trees. REGRESS=path/to/src/test/regress/sql
	PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m tests.oracle.run $(REGRESS) $(ARGS)

# CI checks the list and runs a handful (tests/guards).
guards: $(VENV)/.test ## Is every guard of tests/guards.toml tested? ARGS="--only 'early-*' --jobs 1" for some of them.
	PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m tests.guards $(ARGS)

# CI takes thirty rows of made-up values for each kind and type (tests/e2e/test_masks_random.py).
masks: $(VENV)/.test ## Every kind of mask over every type, over many rows. ROWS=2000
	MASK_ROWS=$(or $(ROWS),2000) PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m pytest tests/mask tests/e2e/test_masks_types.py \
	    tests/e2e/test_masks_random.py $(ARGS)

docs: $(VENV)/.test ## Write the reference pages that are made from the code.
	PYTHONPATH=$(CURDIR) $(VENV)/bin/python docs/generate.py
	WRITE_DOCS=1 PYTHONPATH=$(CURDIR) $(VENV)/bin/python -m pytest tests/e2e/test_masks_page.py

system: ## What the tests need from the system's package manager, where it can be installed.
	@PYTHON=$(PYTHON) bash .ci/prepare

clean: ## Remove everything that was made.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@PYTHON=$(PYTHON) bash .ci/prepare venv
	$(PYTHON) -m venv --clear $(VENV)

# For a look at it nothing is compiled: that takes longer than all the rest, and nobody notices in a small shop.
$(VENV)/.demo: $(VENV)/bin/pip $(SOURCES)
	@echo "Installing what the demo needs into $(VENV): about a minute, once" >&2
	@PGMASKPROXY_INTERPRETED=1 $(PIP) install '.[demo]'
	@touch $@

# Compiled by mypyc where there is a C compiler, interpreted where there is none.
$(VENV)/.test: $(VENV)/bin/pip $(SOURCES)
	$(PIP) install '.[test]'
	@touch $@ $(VENV)/.demo

# With a profiler, so that the table has profiles.
$(VENV)/.bench: $(VENV)/.test
	$(PIP) install '.[bench]'
	@touch $@
