# `make` alone lists the targets. On Debian 12, git and make are all that must be there: the rest is installed here.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test check format docs bench packages venv clean

PACKAGES := deploy/packages/debian.txt deploy/packages/debian-build.txt deploy/packages/debian-test.txt
# Made anew when pyproject.toml changes, and only then: afterwards nothing here needs the network.
READY := .venv/ready-$(shell sha256sum pyproject.toml | cut -c1-16)
BIN := .venv/bin
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=KEEP)

help:  ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

demo: $(READY)  ## a real virtual machine on a private host: plan, apply, edit, apply, history (KEEP=1 leaves it running)
	@$(AS_ROOT) deploy/demo/run.sh

test: check  ## everything that CI runs
	@echo "== pytest: every tier, from pure functions to booting guests"
	@$(BIN)/python -m compileall -q reconciler
	@$(BIN)/pytest -n 2 --dist loadfile -ra

check: $(READY)  ## what needs no test run: style, types, who imports whom
	@echo "== ruff: style"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@echo "== mypy: types"
	@$(BIN)/mypy
	@$(BIN)/mypy --explicit-package-bases tests/benchmarks
	@MYPYPATH=deploy/guest $(BIN)/mypy deploy/guest
	@echo "== import-linter: who stands on whom"
	@$(BIN)/lint-imports

format: $(READY)  ## rewrite the code in the house style
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

docs: $(READY)  ## write schemas/ and docs/reference/ anew from the program
	@$(BIN)/python docs/generate.py

bench: $(READY)  ## measure against bare libvirt and write docs/benchmarks.md (some minutes)
	@$(BIN)/python -m compileall -q reconciler
	@$(BIN)/python -m tests.benchmarks --write docs/benchmarks.md

packages:  ## the Debian packages that are missing (as root, or with sudo)
	@deploy/packages/install.sh $(PACKAGES)

venv: $(READY)  ## the virtual environment .venv, with reconciler and the tools for working on it

$(READY): | packages
	@echo "Virtual environment: .venv (libvirt-python is compiled against this machine's libvirt; a minute or two)"
	@/usr/bin/python3 -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@$(BIN)/python -m compileall -q reconciler
	@rm -f .venv/ready-* && touch $@

clean:  ## end what the demo left running and remove what the targets above made, but for Debian packages
	@[ ! -d .demo ] || $(AS_ROOT) deploy/demo/run.sh --end
	rm -rf .venv .demo build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	rm -rf /var/tmp/reconciler-guest /var/tmp/reconciler-collected
