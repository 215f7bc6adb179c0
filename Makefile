# What one does with Turnwise. `make` alone lists it. Needs Rust, Python 3.11 with pip, bash; .ci/setup finds or
# installs the rest (a C compiler; PostgreSQL and schemathesis for the tests). All but `bench` is built with the one
# dev profile.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
# One may name the Python that fetches the models: make models PYTHON=/path/to/python3
export PYTHON
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables

CARGO ?= cargo
# Arguments for the program: make serve ARGS="--listen 127.0.0.1:9000"
ARGS ?=
# Which tests: make test ONLY=store::
ONLY ?=
# How often `make soak` kills the server.
KILLS ?= 50

.PHONY: help models compiler demo demo-check serve test soak lint bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

models: ## fetch, convert and check the embedding models and ONNX Runtime; does nothing the second time
	@python=$$(.ci/setup python); "$$python" models/fetch.py

compiler:
	@.ci/setup compiler

demo: compiler models ## learn from the demo conversations, then answer live utterances
	$(CARGO) run -- demo $(ARGS)

demo-check: compiler models ## compare what was learned from the demo conversations with their labels
	$(CARGO) run -- eval demo $(ARGS)

serve: compiler models ## run the server on the data directory of turnwise.toml
	$(CARGO) run -- serve $(ARGS)

test: compiler models ## run all tests, those on PostgreSQL included; ONLY=name for some
	@postgres=$$(.ci/setup postgres); schemathesis=$$(.ci/setup schemathesis); \
	TURNWISE_TEST_POSTGRES_BIN="$$postgres" TURNWISE_TEST_SCHEMATHESIS="$$schemathesis" PATH="$$postgres:$$PATH" \
	$(CARGO) test --tests $(ONLY)

soak: compiler models ## kill a real server with kill -9 KILLS times (50), and look for anything lost or doubled
	@found=$$($(CARGO) test --quiet --test turnwise -- --list kill:: | grep -c ': test$$' || true); \
	[ "$$found" -gt 0 ] || { echo "soak: no test of that name" >&2; exit 1; }; \
	TURNWISE_TEST_KILLS=$(KILLS) $(CARGO) test --test turnwise -- --nocapture kill::

lint: compiler ## formatting, and clippy with warnings denied
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

bench: compiler models ## measure, in a release build (docs/benchmarks.md); takes about half an hour
	$(CARGO) bench
	$(CARGO) run --release -- $(ARGS) bench retrieve --exemplars 10000
	$(CARGO) run --release -- $(ARGS) bench retrieve --exemplars 100000
	$(CARGO) run --release -- $(ARGS) bench learn --exemplars 50000
	$(CARGO) run --release -- $(ARGS) bench recall --exemplars 50000
	$(CARGO) run --release -- $(ARGS) bench api --exposures 1000000
