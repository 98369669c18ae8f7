# Tickertape: the commands a person types. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PORT ?= 8000
RATE ?= 50
DATA ?= Data
LOOP ?= 1
SWIFT ?= swift
VENV := .build/venv
VENV_CLI := .build/venv-cli

# The import check refuses a module that a target uses without naming it as a dependency.
SWIFT_FLAGS := --explicit-target-dependency-import-check error

# What ran and how it ended, for `make coverage`.
SWIFT_EVENTS := .build/swift-tests.jsonl
SYSTEM_REPORT := .build/system-tests.xml

.PHONY: help run package package-check test check unit-tests emulated-unit-tests model-check system-tests coverage soak build release format lint bench fuzz packages packages-test python clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make run takes PORT=8000, RATE=50 (events a second), DATA=Data (a folder of CSV files),"
	@echo "  LOOP=0 (stop at the last bar instead of beginning again),"
	@echo "  PACKAGED=1 (run the very files that are deployed), ACCESS=required (ask clients for keys)"
	@echo "  and ALLOW_ORIGIN=http://localhost:3000 (let in the web pages of that address)."

run: packages ## build, start the local gateway, feed it recorded market data; Ctrl-C stops everything
ifdef PACKAGED
	@$(MAKE) --no-print-directory package
endif
	@PORT="$(PORT)" RATE="$(RATE)" DATA="$(DATA)" LOOP="$(LOOP)" SWIFT="$(SWIFT)" PACKAGED="$(PACKAGED)" scripts/run.sh

test: packages-test ## the whole test suite: lint, build, unit tests, system tests with third-party clients
	@$(MAKE) --no-print-directory lint build python emulated-unit-tests model-check package system-tests coverage

check: packages ## the fast loop: lint, build with warnings as errors, unit tests
	@$(MAKE) --no-print-directory lint build
	$(SWIFT) test --skip-build $(SWIFT_FLAGS) --skip 'Slow' --quiet

build: ## everything, tests too, for debugging
	$(SWIFT) build --build-tests $(SWIFT_FLAGS)

release: ## the executables, optimised
	$(SWIFT) build -c release $(SWIFT_FLAGS)

unit-tests: ## the Swift tests
	$(SWIFT) test --skip-build $(SWIFT_FLAGS)
	scripts/check-linkage.sh

emulated-unit-tests: ## the Swift tests, with the table's contract also over two emulators of DynamoDB
	rm -f $(SWIFT_EVENTS)
	$(VENV)/bin/python Tests/SystemTests/with_emulators.py $(SWIFT) test --skip-build $(SWIFT_FLAGS) \
	  --event-stream-version 0 --event-stream-output-path $(SWIFT_EVENTS)
	scripts/check-linkage.sh

# By itself, for it takes every processor for minutes. A filter that matches nothing passes, hence the grep.
model-check: ## 10,000 schedules with a failure at any step, in one process
	set -o pipefail; SLOW_TESTS=1 $(SWIFT) test --skip-build $(SWIFT_FLAGS) --filter 'ModelTests/manySchedules' | tee .build/model-check.log
	@grep -q 'of 10,000 more" with 2 test cases passed' .build/model-check.log

system-tests: ## real processes driven by Python websockets, boto3, the AWS CLI and AWS's runtime emulator
	rm -f $(SYSTEM_REPORT)
	AWS_CLI="$(abspath $(VENV_CLI))/bin/aws" $(VENV)/bin/python -m pytest Tests/SystemTests --junitxml $(SYSTEM_REPORT)

coverage: ## after emulated-unit-tests and system-tests: did every test that Docs/coverage.md names run, and pass?
	$(VENV)/bin/python Tests/SystemTests/coverage_ran.py $(SWIFT_EVENTS) $(SYSTEM_REPORT)

soak: packages-test package python ## two minutes of fuzzing each parser, 10,000 streams, a browser's for three minutes, 1,000 clients for an hour, 200 seeds of the proof; three hours
	Fuzz/run.sh 120
	HTTP_STREAMS=10000 $(VENV)/bin/python -m pytest Tests/SystemTests/test_http_functions.py Tests/SystemTests/test_sse_endurance.py \
	  -k opened_and_cut --timeout 900
	SSE_TICKET_SECONDS=180 $(VENV)/bin/python -m pytest Tests/SystemTests/test_sse_endurance.py -k event_source --timeout 300
	$(VENV)/bin/python Tests/SystemTests/streaming_soak.py --clients 1000 --seconds 3600
	$(VENV)/bin/python Tests/SystemTests/delivery_proof.py --soak 200 --jobs 2 --keep

lint: ## formatting, floors, forbidden words, the pages of variables and of event types, whether the fuzz targets still fit
	$(SWIFT) format lint --strict --recursive Sources Tests Examples Package.swift
	scripts/check-floors.sh
	scripts/check-words.sh
	scripts/measure-house.py --check
	scripts/configuration.py --check
	scripts/events.py --check
	Fuzz/run.sh --check

format: ## rewrite the sources the way lint wants them
	$(SWIFT) format --in-place --recursive Sources Tests Examples Package.swift

package: packages ## one zip a function for Lambda, static, in .build/package
	@scripts/packages.sh package
	infra/package.sh

package-check: packages ## builds the packages twice, in two places, and compares them byte for byte
	@scripts/packages.sh package
	infra/package-check.sh

bench: packages package python ## the figures of Docs/budgets.md, measured here and now
	Benchmarks/run.sh

fuzz: ## a minute of fuzzing for each parser
	Fuzz/run.sh

packages: ## the Debian packages the build needs
	@scripts/packages.sh build

packages-test: ## and those the tests need
	@scripts/packages.sh build test

python: $(VENV)/.done $(VENV_CLI)/.done

$(VENV)/.done: Tests/SystemTests/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The AWS CLI pins a botocore of its own, so it lives apart from boto3.
$(VENV_CLI)/.done: Tests/SystemTests/requirements-cli.txt
	python3 -m venv $(VENV_CLI)
	$(VENV_CLI)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean: ## what was built; the data in .tickertape/ stays
	rm -rf .build
