# The same commands on every machine; `make setup` installs everything the others need.
PY := .venv/bin/python
BIN := .venv/bin
MATURIN := VIRTUAL_ENV=$(CURDIR)/.venv PATH="$(CURDIR)/.venv/bin:$$PATH" $(CURDIR)/$(BIN)/maturin
TREE := src tests vectors benchmarks examples docs fuzz reference
RUST := $(shell find crates -name '*.rs' -o -name Cargo.toml)

.PHONY: setup demo test quick slow fmt lint rust-test contracts contracts-planted contracts-slither contracts-symbolic geth reference-evm docs bench bench-proofs bench-contracts \
  bench-payouts bench-accuracy mutation ci lock clean

setup: .venv/.native

.venv/.python: requirements/lock.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cotrain needs Python 3.11 or later")'
	@command -v cargo >/dev/null || { echo "cotrain needs Rust 1.88 or later: https://rustup.rs" >&2; exit 1; }
	@echo "setting up .venv, once; two to four minutes"
	@python3 -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements/lock.txt
	@touch $@

.venv/.native: .venv/.python pyproject.toml Cargo.toml Cargo.lock $(RUST)
	@echo "building the Rust part"
	@$(MATURIN) develop --release --locked > .venv/build.log 2>&1 || { cat .venv/build.log >&2; exit 1; }
	@touch $@

# Four hospitals train together; the report is in runs/demo.
demo: setup
	@rm -rf runs/demo
	@$(BIN)/cotrain demo --out runs/demo

# Everything that must pass.
test: setup lint rust-test contracts
	$(BIN)/pytest -q -n 2 --dist worksteal tests

# The quick tier: under two minutes.
quick: setup
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not slow" tests

slow: setup
	$(BIN)/pytest -q -n 2 --dist worksteal -m slow tests

rust-test:
	cargo test --workspace --release --locked --quiet

contracts/node_modules/.ready: contracts/package-lock.json
	@command -v npm >/dev/null || { echo "the contracts' tests need Node.js 20 or later with npm" >&2; exit 1; }
	cd contracts && npm ci --silent --no-fund --no-audit --ignore-scripts
	@touch $@

# The shipped artifacts are what the sources compile to; unit tests and fuzzed invariants.
contracts: contracts/node_modules/.ready
	cd contracts && npm run --silent check && npm test --silent

# Bugs planted one at a time: each must be noticed. Some minutes.
contracts-planted: contracts/node_modules/.ready
	cd contracts && npm run --silent planted

# Static analysis, in an environment of its own; findings that stand are explained in contracts/slither.md.
contracts-slither: contracts/node_modules/.ready
	@test -x contracts/.slither/bin/slither || (python3 -m venv contracts/.slither && \
	  contracts/.slither/bin/pip install --quiet --disable-pip-version-check -r contracts/slither.txt)
	cd contracts && PATH="$$PWD/node_modules/.bin:$$PATH" .slither/bin/slither .

# For all values at once: functions `check_` of test/Symbolic.t.sol, by halmos in an environment of its own.
contracts-symbolic: contracts/node_modules/.ready
	@test -x contracts/.halmos/bin/halmos || (python3 -m venv contracts/.halmos && \
	  contracts/.halmos/bin/pip install --quiet --disable-pip-version-check -r contracts/halmos.txt)
	cd contracts && PATH="$$PWD/node_modules/.bin:$$PATH" .halmos/bin/halmos --contract SymbolicTest --loop 4

fmt: setup
	$(BIN)/ruff format $(TREE)
	$(BIN)/ruff check --fix-only --quiet $(TREE)
	cargo fmt --all

lint: setup
	$(BIN)/ruff format --check --quiet $(TREE)
	$(BIN)/ruff check --quiet $(TREE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --release --locked --quiet -- -D warnings

# Vectors are written by scripts; the working tree must not change.
docs: setup
	for script in vectors/generate_*.py docs/reference/generate_*.py docs/spec/generate_*.py; do $(PY) $$script || exit 1; done
	git diff --exit-code -- vectors docs/reference docs/spec

# Other programs that the slow tests compare the run's own chain with; without them these tests are skipped.
EVMS := .venv-evm
GO_ETHEREUM := github.com/ethereum/go-ethereum/cmd

# go-ethereum's node and its EVM alone, from the Go module proxy: five minutes on two cores.
geth:
	@command -v go >/dev/null || { echo "geth is built with Go 1.24 or later" >&2; exit 1; }
	GOBIN=$(CURDIR)/$(EVMS)/bin go install $(GO_ETHEREUM)/geth@v1.16.7 $(GO_ETHEREUM)/evm@v1.16.7
	$(BIN)/pytest -q tests/integration/test_chain_nodes.py tests/integration/test_chain_money.py \
	  tests/cli/test_cli_demo_node.py -k geth

# The Ethereum execution specifications, in an environment of their own: their pins are not ours.
reference-evm:
	python3 -m venv $(EVMS)
	$(EVMS)/bin/pip install --quiet --disable-pip-version-check -r requirements/reference-evm.txt
	$(BIN)/pytest -q tests/integration/test_chain_reference.py -k specifications

bench: setup
	$(PY) -m benchmarks.core

# Proofs beside the same work in numpy, and beside EZKL where it installs; start on an idle machine.
bench-proofs: setup
	$(PY) -m benchmarks.proofs --large --peer

# Gas of every operation with 10, 100 and 1,000 parties; CPU and disk of the run's own chain.
bench-contracts: setup
	$(PY) -m benchmarks.contracts

# What honest owners and attackers are paid by each rule, on real data.
bench-payouts: setup
	$(PY) -m benchmarks.payouts

# Each part of the verifier taken out, one at a time: do the tests notice? An hour and more.
mutation: setup
	$(PY) tests/mutation/mutate_verifier.py

bench-accuracy: setup
	$(PY) -m benchmarks.accuracy

ci: test docs

lock: setup
	$(PY) -m pip install --quiet --upgrade maturin -r requirements/dev.in .
	$(PY) -m pip freeze --exclude-editable | grep -v '^cotrain' > requirements/lock.txt

clean:
	rm -rf .venv .venv-evm target runs dist contracts/node_modules contracts/out* contracts/cache*
