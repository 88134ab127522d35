PY := .venv/bin/python
MATURIN := VIRTUAL_ENV=$(CURDIR)/.venv PATH="$(CURDIR)/.venv/bin:$$PATH" $(CURDIR)/.venv/bin/maturin

.PHONY: setup native demo fmt lint test quick docs bench ci lock clean

# Stamp files keep `make setup` quick when nothing changed.
setup: .venv/.native

.venv/.python: requirements/lock.txt
	python3 -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements/lock.txt
	touch $@

.venv/.native: .venv/.python pyproject.toml Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml)
	$(MATURIN) develop --release --quiet
	touch $@

native: .venv/.native
