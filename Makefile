SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test test-nightly chaos airflow api postman bench lint stack clean

# Where tests/stack/up says how to reach the servers it started.
stack_env := $(or $(ICEFRONT_STACK_DIR),target/stack)/env

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: ## start everything here: servers, service, a shop whose orders change
	demo/run

demo-stop: ## stop what the demo started
	demo/stop
	tests/stack/down

test: ## run all tests, against a real Postgres, a real Trino and a real S3 server
	tests/stack/up --s3
	. $(stack_env) && cargo test --workspace --locked

test-nightly: stack ## the property tests, on 200 random histories a table instead of 20, and 50 rounds of each race, also on a standby
	. $(stack_env) && ICEFRONT_TEST_SEEDS=200 ICEFRONT_TEST_ROUNDS=50 cargo test --locked --test icefront -- suite::exactness suite::race

airflow: ## run the DAGs of docs/airflow in a real Airflow, which it installs, against the same servers
	tests/airflow/run

api: ## call a real service as its users do: each block of docs/curl.md, the Postman collection, what schemathesis makes up
	tests/api/run

postman: ## run the Postman collection by newman, against a real service
	tests/api/run newman

chaos: ## a hundred rounds of kills, restarts, cuts and freezes under load, on servers of its own; ICEFRONT_CHAOS_SEED repeats one
	ICEFRONT_TEST_ROUNDS=$${ICEFRONT_TEST_ROUNDS:-100} cargo test --locked --test chaos -- --nocapture

bench: ## measure what the documentation claims
	benches/run

lint: ## check formatting, Rust and shell scripts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --test chaos --locked -- -D warnings
	@if command -v shellcheck >/dev/null; then \
	  git grep --untracked -lIE '^#!.*sh$$' -- ':!*.md' | \
	    xargs shellcheck --severity=warning --external-sources --check-sourced --source-path=SCRIPTDIR; \
	else \
	  echo 'shellcheck is not installed: the shell scripts were not checked'; \
	fi

stack: ## start Postgres and Trino, as far as they do not run
	tests/stack/up

clean: ## stop the servers, remove their data and all that was built
	tests/stack/down --clean
	cargo clean
	@echo 'The downloads in ~/.cache/icefront stay; remove that folder to fetch them anew.'
