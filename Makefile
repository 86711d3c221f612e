# Each target makes .venv when it is missing and is quick when it exists.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo demo-train test slow check bench clean

demo: $(STAMP)  ## pick a fresh simulated tomogram with the shipped weights; results in demo/
	$(BIN)/tomoscout demo --overwrite

demo-train: $(STAMP)  ## the whole cycle: simulate, train, pick, score; results in demo-train/
	$(BIN)/tomoscout demo --train --overwrite

test: $(STAMP)  ## the fast tests, with coverage of src
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal --cov --cov-report=term --cov-fail-under=90

slow: $(STAMP)  ## the slow tests: kill and resume, end to end
	$(BIN)/python -m pytest -m slow

check: $(STAMP)  ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## speed as ratios against a named peer on the same input
	$(BIN)/python benchmarks/predict.py
	$(BIN)/python benchmarks/pick.py

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:  ## forget the environment and the demos
	rm -rf .venv demo demo-train
