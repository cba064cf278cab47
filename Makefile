# Every command a person needs; `make` alone lists them. Cargo uses all cores unless CARGO_BUILD_JOBS says otherwise.

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
GUERDON_DEV := $(TARGET_DIR)/debug/guerdon

.DEFAULT_GOAL := help
.PHONY: help run demo build dist test test-quick lint fmt deny docs openapi openapi-check schemathesis servers nextest \
	up down up-local test-compose test-up-local check-deploy check-monitoring \
	bench bench-quick k6 k6-event-rewards k6-event-reward-request k6-event-creation k6-simple-login k6-brief release

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-26s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The first build takes some minutes: it compiles SQLite, the drivers of all stores and a few hundred crates, once.
run: ## Serve everything on http://127.0.0.1:3333, data in ./guerdon-data
	cargo run --release -p guerdon -- serve all

demo: ## Play a reward event from beginning to end on a throw-away instance
	@cargo run --release -p guerdon -- demo

test: servers build nextest ## Run every test: every store on its real server (installed if missing), journeys through the real binary
	servers=$$(scripts/test-servers) && eval "$$servers" && cargo nextest run --workspace
	cargo test --workspace --doc

# Tests of a store that needs a server have its name in theirs.
test-quick: nextest ## Run the tests that need no server: embedded stores only, and no journeys
	cargo nextest run --workspace -E 'not package(e2e) and not test(/mongo|postgres|redis/)'

lint: ## Check formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

fmt: ## Format the code
	cargo fmt --all

deny: ## Check the dependencies' licences, sources and known vulnerabilities
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	@if timeout 120 cargo deny fetch db; then cargo deny check; else \
		echo 'The advisory database cannot be reached: known vulnerabilities are NOT checked this time.'; \
		cargo deny check licenses bans sources; fi

docs: ## Build the code's documentation
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps

openapi: build ## Write docs/openapi.json anew
	$(GUERDON_DEV) openapi > docs/openapi.json

openapi-check: build ## Check that docs/openapi.json is what the code says
	@$(GUERDON_DEV) openapi | diff -u docs/openapi.json - || { echo 'Run `make openapi` and commit.'; exit 1; }

schemathesis: build ## Hold a throw-away instance against its OpenAPI document (about three minutes)
	scripts/schemathesis $(GUERDON_DEV)

check-monitoring: ## Check alerts, dashboards and the configuration of Prometheus, without starting anything
	scripts/check-monitoring

dist: ## Build what is shipped: target/dist/guerdon, slower to build and faster to run than `make run`'s
	cargo build --profile dist -p guerdon

up: .env ## Start the nine services of compose.yaml with Docker, secrets in .env, and wait until they are ready
	scripts/compose up -d --build
	@until scripts/compose exec -T gateway guerdon healthcheck gateway >/dev/null 2>&1; do sleep 1; done
	@echo 'The API: http://127.0.0.1:3333/docs  Grafana: http://127.0.0.1:3000  Prometheus: http://127.0.0.1:9090'
	@echo 'The first administrator: scripts/compose exec auth guerdon user create --email … --role ADMIN'

down: ## Stop what `make up` started; its data stays in Docker's volumes
	scripts/compose down

.env:
	@umask 077 && scripts/new-env >$@.new && mv $@.new $@
	@echo 'Made .env with fresh secrets.'

up-local: ## Start gateway, auth, event, Redis and two MongoDBs as plain processes, without Docker; Ctrl-C stops them
	cargo build --release -p guerdon
	@scripts/up-local $(TARGET_DIR)/release/guerdon

test-compose: build ## Run compose.yaml on a real Docker engine (started if none answers) and try it out
	scripts/test-compose $(GUERDON_DEV)

test-up-local: build ## Try `make up-local` out, on other ports
	scripts/test-up-local $(GUERDON_DEV)

check-deploy: ## Check compose.yaml and deploy/kubernetes against the published schemas
	scripts/check-deploy

bench: ## Measure Guerdon beside what bounds it and write docs/BENCHMARKS.md (ten minutes on a quiet machine)
	loadtest/run-bench --write docs

bench-quick: ## The same in about a minute and roughly, without writing anything
	loadtest/run-bench --quick

# Load from k6, each against its thresholds; loadtest/run-k6 says against which Guerdon.
k6: release ## Load: log in, use the session, log out (40 a second)
	loadtest/run-k6 login

k6-event-rewards: release ## Load: list an event's rewards (200 a second)
	loadtest/run-k6 event-rewards

k6-event-reward-request: release ## Load: claim (500 a second)
	loadtest/run-k6 event-reward-request

k6-event-creation: release ## Load: create events (300 a second)
	loadtest/run-k6 event-creation

k6-simple-login: release ## Load: log in (40 a second)
	loadtest/run-k6 simple-login

k6-brief: build ## All k6 scenarios for five seconds each at a tenth of the rate, against three services on MongoDB and Redis
	TOPOLOGY=split GUERDON=$(GUERDON_DEV) loadtest/run-k6 --brief login event-rewards event-reward-request event-creation simple-login

release:
	cargo build --release -p guerdon

# The real servers that tests start: installs what is missing, or says what to type.
servers:
	@scripts/test-servers >/dev/null

# Binaries and tests in one go: they share one set of features and so one build, and the journeys need the binary.
build:
	cargo build --workspace --bins --tests

nextest:
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest
