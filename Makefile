# The same commands everywhere.  Needs only Python >= 3.11 and make; everything else goes into .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-dev
USER_STAMP := $(VENV)/.installed
ARGS ?=
SAVE ?= downloads
TYPED := $(addprefix evtorrent/,__init__.py __main__.py reactor listener protocols session bench)

.PHONY: help demo get test lint types format cov cov-protocols docs parity bench soak clean

help:
	@echo "make demo            download a torrent from a swarm on this machine, and verify it"
	@echo "make get URI=...     download a .torrent file, URL or magnet link into $(SAVE)/"
	@echo "make test            all tests            (ARGS='-k listener' narrows)"
	@echo "make lint types      ruff and mypy --strict"
	@echo "make format          let ruff rewrite the sources"
	@echo "make cov             tests with branch coverage and its gates"
	@echo "make cov-protocols   the strictest of these gates on its own, in a minute"
	@echo "make docs            the API reference, into build/docs"
	@echo "make parity          rewrite docs/libtorrent-parity.md from the code"
	@echo "make bench           the figures of the README, against libtorrent in the same run"
	@echo "make soak            the long tests"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What a user needs.
$(USER_STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# What a developer needs; contains the above.
$(STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(USER_STAMP) $@

demo: $(USER_STAMP)
	$(BIN)/evtorrent demo $(ARGS)

get: $(USER_STAMP)
	@test -n "$(URI)" || { echo "usage: make get URI='magnet:?xt=...' [SAVE=folder]" >&2; exit 2; }
	$(BIN)/evtorrent get '$(URI)' --save-path '$(SAVE)' $(ARGS)

# A process a core, a file at a time, and the end when one of them dies: `make test ARGS='-n 0 -q tests/…'` for one alone.
test: $(STAMP)
	$(BIN)/python -m pytest -m 'not soak' -n auto --dist loadfile --max-worker-restart=0 $(ARGS)

soak: $(STAMP)
	$(BIN)/python -m pytest -m soak --timeout=0 -o faulthandler_timeout=0 $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The root is the package, so mypy sees it through a link of that name, whatever the clone is called.
types: $(STAMP)
	@mkdir -p .types && ln -sfn .. .types/evtorrent
	cd .types && ../$(BIN)/mypy --strict --config-file ../pyproject.toml --cache-dir ../.mypy_cache $(TYPED)

cov: $(STAMP)
	$(BIN)/python -m pytest -m 'not soak' --cov --cov-report= $(ARGS)
	$(BIN)/python -m coverage report --include='protocols/*' --fail-under=100 --skip-covered --show-missing
	$(BIN)/python -m coverage report --omit='tests/*' --fail-under=90 --skip-covered

# The sans-I/O part has to be covered by its own tests: every line, every branch.
cov-protocols: $(STAMP)
	$(BIN)/python -m pytest -q -m 'not soak' tests/protocols tests/conformance --cov --cov-report= $(ARGS)
	$(BIN)/python -m coverage report --include='protocols/*' --fail-under=100 --skip-covered --show-missing

# The API reference, as pages.
docs: $(STAMP)
	$(BIN)/python docs/reference.py build/docs

# What of libtorrent's interface is here, counted from the code.
parity: $(STAMP)
	$(BIN)/python docs/parity.py

bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) .types build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
