SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test test-nightly test-workers mutations upgrade chaos airflow dbt api browser chart cluster alerts postman clients bench bench-peers docs lint stack clean

# Where tests/stack/up says how to reach the servers it started.
stack_env := $(or $(ICEFRONT_STACK_DIR),target/stack)/env

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: ## start everything here: servers, service, a shop whose orders change
	demo/run

demo-stop: ## stop what the demo started
	demo/stop
	tests/stack/down

# Tests wait for Trino most of their time: more of them than processors keep it busy.
test: ## run the tests, against a real Postgres, a real Trino and a real S3 server; those named at_night_… wait for test-nightly
	tests/stack/up --tests
	. $(stack_env) && RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} cargo test --workspace --locked -- --skip at_night_

test-nightly: ## run all tests, on the usual Trino and deeply: 200 random histories a table, 50 rounds of each race, loads five times as large
	tests/stack/up
	tests/stack/up --tests
	. $(stack_env) && ICEFRONT_TEST_SEEDS=200 ICEFRONT_TEST_BATCHES=5 ICEFRONT_TEST_ROUNDS=50 ICEFRONT_TEST_SIZE=5 cargo test --workspace --locked

test-workers: ## run the tests of exact tables on a coordinator and two workers, without and with retries of tasks, and kill workers in merges
	for engine in workers workers-retry; do \
	  tests/stack/up --$$engine && . $(stack_env) && cargo test --locked --test icefront -- exactness:: slices:: marts_choice:: && \
	  tests/stack/down && \
	  ICEFRONT_CHAOS_ENGINE=$$engine ICEFRONT_TEST_ROUNDS=$${ICEFRONT_TEST_ROUNDS:-10} \
	    cargo test --locked --test chaos -- --nocapture tables_stay_right; \
	done

mutations: ## leave out each rule of crates/scopes in turn, and expect that a test fails
	tests/stack/up --tests
	. $(stack_env) && crates/scopes/tests/mutations.py

upgrade: ## upgrade a service of the last tag, or of the commit ICEFRONT_FROM, and go back to it, on one state database
	tests/upgrade/run

airflow: ## run the DAGs of docs/airflow in a real Airflow, which it installs, against the same servers
	tests/airflow/run

dbt: ## run a dbt project of 30 models under Icefront and under dbt-trino, which it installs, and compare each model, before and after a change
	tests/dbt/run

api: ## check the OpenAPI document, and call a real service as its users do: each block of docs/guides/curl.md, the Postman collection, generated clients, what schemathesis makes up
	tests/api/run

browser: ## attack a real service from pages in a headless Chromium, which it installs: forged calls, rebound names, frames, scripts in names
	tests/browser/run

chart: ## check the Helm chart: values, lint, templates, objects of three versions of Kubernetes, settings; builds Helm and the like, once
	tests/chart/run

cluster: ## install the chart's examples in a real Kubernetes on this machine, which it builds: runs, upgrades, rollbacks, kills, drains
	tests/cluster/run

alerts: ## check and test the alerts, and have a real Prometheus answer each query of alerts and dashboard
	tests/monitoring/run

postman: ## run the Postman collection by newman, against a real service
	tests/api/run newman

clients: ## generate clients for Python, TypeScript and Go, compile them, and have each run a pipeline of a real service
	tests/api/run clients

chaos: ## a hundred rounds of kills, restarts, cuts and freezes under load, on servers of its own; ICEFRONT_CHAOS_SEED repeats one
	ICEFRONT_TEST_ROUNDS=$${ICEFRONT_TEST_ROUNDS:-100} cargo test --locked --test chaos -- --nocapture

bench: ## measure what the documentation claims
	benches/run

bench-peers: ## measure dbt-trino, which it installs, and Icefront by turns, over the same events
	benches/peers/run

docs: ## build the documentation site, into target/site
	docs/build

lint: ## check formatting, Rust, how modules depend on each other, the crates that are used, and shell scripts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --workspace --test chaos --locked -- -D warnings
	python3 tests/structure/modules.py
	tests/structure/dependencies
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
