# `make demo` shows the whole path on a laptop; `make test` proves it. Everything lands in .venv and var/.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN  := $(VENV)/bin
PEER := .venv-s3peer

# The first Python on the path that is new enough; PYTHON=/path/to/python chooses another.
ifndef PYTHON
PYTHON := $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)
endif

# Without byte code every process would compile the numeric libraries again: a start takes seconds more.
unexport PYTHONDONTWRITEBYTECODE

# Install exactly what a lock file names, each file checked by its hash: with uv where there is one, else with pip.
# pip would compile on one core; the modules are compiled here, because a confined child could not keep what it compiles.
define install
@echo "Installing $(2) into $(1)"
@if command -v uv >/dev/null 2>&1 && \
	uv pip install --quiet --python $(1)/bin/python --compile-bytecode --require-hashes -r $(2); then :; \
else $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-compile --require-hashes -r $(2) && \
	$(1)/bin/python -m compileall -q -j 0 $(1)/lib; fi
endef

.PHONY: help
help:  ## What can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up ------------------------------------------------------------------------------------
.PHONY: setup setup-dev
setup: $(VENV)/.stamp  ## Build .venv with what the product needs
setup-dev: $(VENV)/.stamp-dev  ## Build .venv with the tools for tests and lint as well

%/bin/python:
	@test -n "$(PYTHON)" || { echo "ModelRisk needs Python 3.11 or newer, and none is on the PATH. \
	Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.11), \
	or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. \
	Install its venv module (Debian, Ubuntu: apt-get install python3-venv)."; exit 1; }
	$(PYTHON) -m venv --clear $*

$(VENV)/.stamp: requirements.lock | $(BIN)/python
	$(call install,$(VENV),requirements.lock)
	@$(BIN)/python -m compileall -q registry assessments modelrisk
	@$(BIN)/python -m assessments.battery.kernels
	@touch $@

# The development lock holds all of requirements.lock at the same versions, so it makes both stamps.
$(VENV)/.stamp-dev: requirements-dev.lock requirements.lock | $(BIN)/python
	$(call install,$(VENV),requirements-dev.lock)
	@$(BIN)/python -m assessments.battery.kernels
	@touch $(VENV)/.stamp $@

# Compiled loops are kept for the files of one folder as they are: after a change, or in another clone that shares the
# .venv, each sandbox would compile them again. Two seconds where they are there.
.PHONY: kernels
kernels: $(VENV)/.stamp
	@$(BIN)/python -m assessments.battery.kernels

# The strict S3 server pins its own botocore, so it lives apart.
$(PEER)/.stamp: requirements-s3peer.lock | $(PEER)/bin/python
	$(call install,$(PEER),requirements-s3peer.lock)
	@touch $@

# --- run ---------------------------------------------------------------------------------------
.PHONY: demo demo-clean serve
demo: $(VENV)/.stamp  ## Assess two models in the background and serve them [DATA=adult.csv] [PORT=8000]
	@exec $(BIN)/python manage.py demo $(if $(DATA),--data '$(DATA)') $(if $(PORT),--port $(PORT)) $(DEMO_OPTIONS)

demo-clean:  ## Forget the demo: its database, files and accounts
	rm -rf var/demo

serve: $(VENV)/.stamp  ## Serve your own installation (state in var/)
	@exec $(BIN)/python manage.py serve

# --- prove -------------------------------------------------------------------------------------
.PHONY: test test-long test-s3 test-services lint format catalogue bench
# A file goes to one worker, for what its tests share; in the order of tests/conftest.py.
PARALLEL = -n auto --dist loadfile --no-loadscope-reorder
test: $(VENV)/.stamp-dev kernels  ## All tests but the long ones; needs no service running
	$(BIN)/python -m pytest -m "not long" $(PARALLEL) $(PYTEST_OPTIONS)

test-long: $(VENV)/.stamp-dev kernels  ## The long ones
	$(BIN)/python -m pytest -m long $(PYTEST_OPTIONS)

test-s3: $(VENV)/.stamp-dev $(PEER)/.stamp  ## The file store against a strict S3 server, started for it
	$(BIN)/python -m pytest -m s3 $(PYTEST_OPTIONS)

# Everything that stores rows or files, once more. Rows in PostgreSQL (MODELRISK_TEST_POSTGRES) throughout; then files in
# the strict S3 server as well, for what stores, runs and serves them: all of the registry but WITHOUT_FILES.
WITHOUT_FILES = approvals/test_random.py approvals/test_states.py test_access.py \
	test_notifying.py test_people.py test_roles.py test_tiering.py
ON_POSTGRES = DATABASE_URL=$(MODELRISK_TEST_POSTGRES)
test-services: $(VENV)/.stamp-dev $(PEER)/.stamp kernels  ## The same flow on PostgreSQL and a strict S3 server
	@test -n "$(MODELRISK_TEST_POSTGRES)" || { \
	echo "Say which PostgreSQL: make $@ MODELRISK_TEST_POSTGRES=postgres://user:password@host:5432/name"; exit 1; }
	$(ON_POSTGRES) $(BIN)/python -m pytest -m "not long" --rows-only tests/registry tests/assessments tests/api tests/pages \
		--ignore tests/assessments/sandbox $(PARALLEL) $(PYTEST_OPTIONS)
	$(ON_POSTGRES) $(BIN)/python -m tests.with_s3 $(BIN)/python -m pytest -m "not long" \
		tests/registry $(addprefix --ignore tests/registry/,$(WITHOUT_FILES)) \
		tests/assessments/test_runner.py tests/api/test_flow.py $(wildcard tests/processes) $(PYTEST_OPTIONS)

lint: $(VENV)/.stamp-dev  ## Style, types, layers, templates, migrations, API schema, deployment settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py battery_catalogue --check
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	MODELRISK_HTTPS=1 $(BIN)/python manage.py check --deploy --fail-level WARNING

format: $(VENV)/.stamp-dev  ## Put the Python files into the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

catalogue: $(VENV)/.stamp  ## Write assessments/catalogue.json after a change to a battery test
	$(BIN)/python manage.py battery_catalogue

bench: $(VENV)/.stamp-dev  ## What we claim about speed: one JSON line for each file in benchmarks/
	@for each in $$(ls benchmarks/*.py | grep -v '/_'); do \
		$(BIN)/python -m benchmarks.$$(basename $$each .py) | tail -n 1 || exit 1; done

# --- lock --------------------------------------------------------------------------------------
# Versions and hashes only: no header, no index, so that a lock names no host.
LOCK = uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url
.PHONY: lock
lock:  ## Resolve pyproject.toml again into the three lock files (needs uv); UPGRADE=1 takes newer versions
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra boosting --extra formats pyproject.toml -o requirements.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra boosting --extra formats --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements-s3peer.in -o requirements-s3peer.lock
