# The only list of commands.
#
#   make run       serve on PORT (8000), with everything it needs; the first time also sets it up
#   make install   .venv alone
#   make check     lint, types, architecture, requirements
#   make test      all tests, against real servers: containers where Docker answers, else what can be had without; a few
#                  files side by side. TESTS=tests/integration takes a folder, ARGS=... is what pytest is given, one by one
#   make coverage  the unit tests once more: they must reach every line and branch of signing in (core/auth, oidc, tokens)
#   make test-pooler  what asks the database, once more with PgBouncer between the product and PostgreSQL
#   make test-moves  10,000 moves of cards by sixteen people at once; `make test` makes a fifth of that
#   make soak      two minutes of killing everything at random while fifty sockets listen; FOR=600 makes it ten;
#                  `make test` does it for twenty seconds
#   make permissions  write docs/permissions.md anew, by asking every operation as everybody
#   make bench     measure, and write the table that docs/performance.md shows
#   make openapi   write docs/openapi/<version>.json, the document of this release
#   make asyncapi  write docs/asyncapi/<version>.json, the document of its events, and docs/events.md, their table
#   make lock      requirements/ from pyproject.toml; UPGRADE=--upgrade takes the newest releases
#   make image     the container image flowtrack:local
#   make smoke     that image, alone and by compose.yaml, as an operator would start it
#   make migrate   bring the database to the present shape

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run install check test coverage test-moves soak test-pooler bench openapi asyncapi permissions lock migrate image smoke clean

run: $(STAMP)
	$(BIN)/flowtrack serve

install: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "FlowTrack needs Python 3.11 or newer; name one with: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "Python cannot make environments here. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --quiet-on-success 2>/dev/null || $(BIN)/lint-imports
	$(BIN)/python -m pytest tests/unit/architecture

# A worker a processor, each with servers of its own and a file at a time; then, by itself, what takes time.
SIDE_BY_SIDE = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
TESTS := tests
ALONE = $(shell grep -rl --include='test_*.py' 'mark\.alone' $(TESTS))

test: $(STAMP)
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(SIDE_BY_SIDE) -m 'not alone' $(TESTS)
	$(BIN)/python -m pytest -m alone $(ALONE)
endif

coverage: $(STAMP)
	$(SIDE_BY_SIDE) tests/unit --cov --cov-report=term-missing:skip-covered --cov-fail-under=100

# All but what asks the same statements again and again with other input, and what asks nothing through a pooler: of
# plans and catalogues, by statements that are only looked at, of servers of its own.
REST := tests/integration/entrypoints/rest
SQL := tests/integration/adapters/sql
POOLED = $(SQL) tests/integration/contracts $(REST) \
  $(foreach name,bad_input permissions schemathesis tenant_isolation,--ignore=$(REST)/test_$(name).py) \
  $(foreach name,backup catalogue database_away plans pooler,--ignore=$(SQL)/test_$(name).py)

test-pooler: export FLOWTRACK_TEST_POOLER = pgbouncer
test-pooler: $(STAMP)
	$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(SIDE_BY_SIDE) $(POOLED))

test-moves: $(STAMP)
	FLOWTRACK_TEST_MOVES=10000 $(BIN)/python -m pytest tests/integration/adapters/sql/test_moves.py --durations=1

soak: $(STAMP)
	FLOWTRACK_TEST_SOAK=$(or $(FOR),120) $(BIN)/python -m pytest tests/integration/entrypoints/chaos -s

permissions: $(STAMP)
	FLOWTRACK_TEST_PERMISSIONS=write $(BIN)/python -m pytest tests/integration/entrypoints/rest/test_permissions.py

bench: $(STAMP)
	$(BIN)/python -m benchmarks.run $(ARGS)

openapi: $(STAMP)
	$(BIN)/flowtrack openapi > docs/openapi/$$($(BIN)/python -c "import importlib.metadata; print(importlib.metadata.version('flowtrack'))").json

asyncapi: $(STAMP)
	$(BIN)/flowtrack asyncapi > docs/asyncapi/$$($(BIN)/python -c "import importlib.metadata; print(importlib.metadata.version('flowtrack'))").json
	$(BIN)/flowtrack asyncapi --table > docs/events.md

LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock" --python-version 3.11 $(UPGRADE)

lock: $(STAMP)
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) --group build -o requirements/build.txt
	$(LOCK) --all-extras --group dev pyproject.toml -o requirements/dev.txt

VERSION = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
REVISION = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null)
# Only what anybody could open, and never a password that a remote's address may hold.
SOURCE = $(shell git remote get-url origin 2>/dev/null | sed -n 's|^https://\([^/@]*@\)\{0,1\}|https://|p')

image:
	docker build --tag $(or $(IMAGE),flowtrack:local) --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION=$(or $(REVISION),unknown) --build-arg SOURCE=$(or $(SOURCE),unknown) .

smoke:
	.ci/smoke-image
	.ci/smoke-compose

migrate: $(STAMP)
	$(BIN)/flowtrack migrate

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
