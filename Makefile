# make explore   set up, then open the app          make test    set up, then run every test
# make check     linters, types, docs, tests        make bench   benchmarks, side by side with peers
# make docs      the documentation, as a web site
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 5006
ATLAS ?=
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
PIP_FLAGS := --quiet --disable-pip-version-check -c constraints.txt

.PHONY: explore test check lint docs bench clean
.DEFAULT_GOAL := explore

explore: $(VENV)/.run
	$(BIN)/panel serve launch.py --port $(PORT) --show $(if $(ATLAS),--args $(ATLAS))

# Both parts are run and reported, whatever the first one says.
test: $(VENV)/.test chromium
	@unit=passed; browser=passed; \
	$(PYTEST) -m 'not ui' || unit=FAILED; \
	$(PYTEST) tests/browser -m ui || browser=FAILED; \
	echo "unit part: $$unit, browser part: $$browser"; \
	[ "$$unit $$browser" = "passed passed" ]

check: lint docs
	$(MAKE) test

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: $(VENV)/.test
	$(BIN)/sphinx-build --fail-on-warning --quiet docs docs/_build/html
	@echo "The documentation is in docs/_build/html/index.html"

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 13) else \
	  f"error: Python 3.11 or 3.12 is needed, {v[0]}.{v[1]} found; run: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.venv requirements.txt constraints.txt
	@echo "Installing (a few minutes the first time) ..."
	$(BIN)/pip install $(PIP_FLAGS) -r requirements.txt
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements-test.txt constraints.txt
	$(BIN)/pip install $(PIP_FLAGS) -r requirements-test.txt
	@touch $@

# Browser tests use the system's Chromium; root on Debian gets it, others see the tests skipped.
.PHONY: chromium
chromium:
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing chromium for the browser tests ..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	fi

# Makes data/demo anew: its model learns from 390,000 mock galaxies on a GPU (10 minutes of an H200); shown are 20,000 others.
DEMO := runs/demo
.PHONY: demo
demo: $(VENV)/.run
	$(BIN)/python -m data mock --population training --n 250000 --seed 1 --out $(DEMO)/first
	$(BIN)/python -m data mock --population training --n 140000 --seed 2 --out $(DEMO)/second
	$(BIN)/python -m model train $(DEMO)/first --latents 10 --config full --corrupt --precision fp32 --batch-size 256 \
	  --epochs 8 --out $(DEMO)/start
	$(BIN)/python -m model train $(DEMO)/second --latents 10 --config full --corrupt --precision fp32 --batch-size 256 \
	  --epochs 10 --max-snr 50 --learning-rate 5e-4 --start-from $(DEMO)/start --out $(DEMO)/model
	$(BIN)/python -m data mock --n 20000 --seed 3 --out $(DEMO)/survey
	$(BIN)/python -m model evaluate $(DEMO)/survey $(DEMO)/model --part all
	$(BIN)/python -m model atlas $(DEMO)/survey $(DEMO)/model --compact --out $(DEMO)/atlas \
	  --name "Demo: mock galaxies"
	rm -rf data/demo && mv $(DEMO)/atlas data/demo

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache docs/_build
