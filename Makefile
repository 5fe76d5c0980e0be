# The only list of commands.
#
#   make run       serve on PORT (8000), with everything it needs; the first time also sets it up
#   make install   .venv alone
#   make check     lint, types, architecture, requirements
#   make test      all tests, against real servers: containers where Docker answers, else what can be had without
#   make permissions  write docs/permissions.md anew, by asking every operation as everybody
#   make bench     measure, and write the table that docs/performance.md shows
#   make lock      requirements/ from pyproject.toml; UPGRADE=--upgrade takes the newest releases
#   make image     the container image flowtrack:local
#   make migrate   bring the database to the present shape

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run install check test permissions bench lock migrate image clean

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

test: $(STAMP)
	$(BIN)/python -m pytest $(ARGS)

permissions: $(STAMP)
	FLOWTRACK_TEST_PERMISSIONS=write $(BIN)/python -m pytest tests/integration/entrypoints/rest/test_permissions.py

bench: $(STAMP)
	$(BIN)/python -m benchmarks.run $(ARGS)

LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock" --python-version 3.11 $(UPGRADE)

lock: $(STAMP)
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) --group build -o requirements/build.txt
	$(LOCK) --all-extras --group dev pyproject.toml -o requirements/dev.txt

image:
	docker build --tag $(or $(IMAGE),flowtrack:local) .

migrate: $(STAMP)
	$(BIN)/flowtrack migrate

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
