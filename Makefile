# make demo, make test: everything else is in `make help`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INPROCESS := --ignore tests/faults --ignore tests/bench --ignore tests/deploy --ignore tests/widget --ignore tests/web/dashboard
DEMO_BIND ?= 127.0.0.1:8000

unexport PYTHONDONTWRITEBYTECODE  # else each of hundreds of processes compiles what it imports

.DEFAULT_GOAL := help
.PHONY: help demo serve test check coverage bench fuzz faults engines mutants recipes docs lock browser widget programs spreadsheet \
    openapi wheel clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/run.stamp  ## Serve an invented newspaper with the live widget (DEMO_BIND=127.0.0.1:8000)
	@REACTIONS_DATA_DIR=$${REACTIONS_DATA_DIR:-var/demo} $(BIN)/reactions demo --bind $(DEMO_BIND)

serve: $(VENV)/run.stamp  ## Serve real sites with the settings of the environment
	@$(BIN)/reactions serve

test: $(VENV)/dev.stamp browser programs spreadsheet  ## Check the code and run every test, except bench and long fault runs (minutes)
	$(MAKE) --no-print-directory check
	@# Three at a time keep two cores busy, and a timing can slip: what failed runs once more, alone, and must pass then.
	$(BIN)/python -m pytest -q -n 3 --dist loadgroup || \
	    $(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none

check: $(VENV)/dev.stamp  ## Format, lint, types, layers; the widget's JavaScript too (seconds)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache > /dev/null || $(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.widget.checks

coverage: $(VENV)/dev.stamp  ## Print how much of the package the in-process tests run (minutes)
	@# Apart from `make test`: measuring costs a quarter more time on Python 3.11.
	@rm -f .coverage .coverage.*
	COVERAGE_FILE=$(CURDIR)/.coverage COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml \
	    $(BIN)/python -m pytest -q -n 2 --dist loadfile $(INPROCESS)
	@$(BIN)/coverage combine -q && $(BIN)/coverage report

bench: $(VENV)/dev.stamp  ## Measure votes and reads per second beside their ceiling (minutes)
	$(BIN)/python -m bench

fuzz: $(VENV)/dev.stamp  ## Fuzz the API by its description, all doors with hostile requests, and play random tests at length (an hour)
	$(BIN)/python -m tests.web.seeded fuzz
	$(BIN)/python -m tests.web.doors --requests 50000
	AT_LENGTH=1 $(BIN)/python -m pytest -q -n 2 --dist loadgroup -m at_length --ignore tests/faults

faults: $(VENV)/dev.stamp  ## Run the fault scenarios at length, print a figure for each promise, and plant all bugs (minutes)
	$(BIN)/python -m tests.faults all
	AT_LENGTH=1 $(BIN)/python -m pytest -q -n 2 --dist loadgroup tests/faults/test_plants.py

engines: $(VENV)/dev.stamp programs  ## Play each promise about engines and proxies on the real ones, to a table (minutes; PLAYS="haproxy tls")
	$(BIN)/python -m tests.engine_plays $(PLAYS)

mutants: $(VENV)/dev.stamp  ## Change the code that counts and see that a test notices each change (hours; TARGETS="rules cors" MOST=40)
	@$(PIP) install cosmic-ray
	$(BIN)/python -m tests.mutants $(TARGETS) --most $(or $(MOST),0)

recipes: $(VENV)/dev.stamp browser programs  ## Build a site with each recipe of integrations/, and spoil each in all ways (minutes)
	RECIPES=1 $(BIN)/python -m pytest -q -n 2 --dist loadgroup tests/integrations -k recipes

docs: $(VENV)/dev.stamp  ## Build the documentation as a site into build/docs/site; a broken link or anchor fails (seconds)
	$(BIN)/python docs/build_site.py

openapi: $(VENV)/run.stamp  ## Rewrite docs/openapi.json
	$(BIN)/reactions openapi > docs/openapi.json

wheel: $(VENV)/dev.stamp  ## Build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

lock: $(VENV)/dev.stamp  ## Update the lock files
	$(PIP) install uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade \
	    --no-emit-package reader-reactions --extra postgres --extra redis --extra granian --extra oidc --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade \
	    --no-emit-package reader-reactions --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed; '$(PYTHON)' is older. Try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

browser:
	@command -v chromium-headless-shell >/dev/null || { \
	    [ "$$(id -u)" = 0 ] && echo "Installing Chromium …" && apt-get update -qq && \
	    apt-get install -y -qq --no-install-recommends chromium-headless-shell >/dev/null; } || \
	    command -v chromium chromium-browser google-chrome >/dev/null || { \
	    echo "The browser tests need Chromium: install it (Debian: apt-get install chromium-headless-shell) and try again." >&2; exit 1; }
	@{ { command -v firefox-esr || command -v firefox; } && command -v WebKitWebDriver && command -v xvfb-run; } >/dev/null || { \
	    [ "$$(id -u)" = 0 ] && echo "Installing Firefox and WebKit …" && apt-get update -qq && \
	    apt-get install -y -qq --no-install-recommends firefox-esr webkit2gtk-driver xvfb xauth >/dev/null; } || \
	    echo "Without Firefox and WebKit the widget's tests in them are left out (Debian: firefox-esr webkit2gtk-driver xvfb)." >&2
	@# The pages of tests are in Arial or what has its widths, as most pages are.
	@fc-match Arial 2>/dev/null | grep -qE "Arial|Liberation" || \
	    { [ "$$(id -u)" = 0 ] && echo "Installing a font …" && apt-get update -qq && \
	    apt-get install -y -qq --no-install-recommends fontconfig fonts-liberation >/dev/null; } || \
	    echo "Without Arial or Liberation Sans tests of widths fail (Debian: fontconfig fonts-liberation)." >&2

widget: $(VENV)/dev.stamp  ## Lint and type-check the widget
	$(BIN)/python -m tests.widget.checks

# What tests run beside Python's packages, as program:package. Debian starts nginx on port 80 when it is installed.
PROGRAMS := nginx:nginx-light varnishd:varnish haproxy:haproxy pgbouncer:pgbouncer wrk:wrk openssl:openssl systemd-analyze:systemd \
    hugo:hugo jekyll:jekyll apache2:apache2-bin
programs:
	@missing=$$(PATH=$$PATH:/usr/sbin; for each in $(PROGRAMS); do \
	    command -v $${each%:*} >/dev/null || echo $${each#*:}; done); \
	[ -z "$$missing" ] || { \
	    [ "$$(id -u)" = 0 ] && echo "Installing" $$missing "…" && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } || \
	    echo "Tests are left out because a program is not installed (Debian: apt-get install" $$missing")." >&2

spreadsheet:
	@command -v soffice >/dev/null || [ "$$(id -u)" != 0 ] || { \
	    echo "Installing LibreOffice Calc …"; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends libreoffice-calc-nogui >/dev/null || \
	    echo "LibreOffice could not be installed: the tests that open exports in a spreadsheet are left out." >&2; }

clean:  ## Remove what was built, but not the data
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
