# make reproduce   everything: data, motion learning, the paper's tables, the report → runs/quick/report.html
# make test        lint, types, unit tests, every notebook at the smoke profile; coverage with Python 3.12 or newer
# make lint        ruff and mypy alone
# make coverage    unit tests and notebooks with coverage on any Python
# make lab         JupyterLab with the first notebook open
# make verify      run the quick profile again and compare with the published numbers
# make site        web pages of the notebooks → site/index.html
# make map         update the tables in docs/equation_map.md and LEDGER.md that lead from the paper to the code
# make lock        write requirements.lock, the hashes of what constraints.txt pins
# make clean       remove .venv and caches
# The first call creates .venv, which every target uses. Needs Python 3.10 or newer, make and git.

PYTHON ?= python3
PROFILE ?= quick
RUN ?= runs/$(PROFILE)

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

# Python 3.12 measures coverage at no cost; before that, tracing slows the unit tests down by a fifth.
COVER = $(shell $(BIN)/python -c "import sys; print('--cov' * (sys.version_info >= (3, 12)))")
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: reproduce test coverage lint lab verify site map lock clean
.DELETE_ON_ERROR:

reproduce: .venv/installed
	$(BIN)/selfme reproduce --profile $(PROFILE) --out $(RUN)

test coverage: export OMP_NUM_THREADS = 1
test: export COVERAGE_CORE = sysmon
test: lint
	$(PYTEST) $(COVER)

coverage: .venv/installed
	$(PYTEST) --cov

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lab: .venv/installed
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

verify: .venv/installed
	$(BIN)/python -c "import shutil; shutil.rmtree('runs/verify', ignore_errors=True)"
	$(BIN)/selfme reproduce --profile quick --out runs/verify
	$(BIN)/selfme verify runs/verify

site: .venv/installed
	$(BIN)/selfme site site

map: .venv/installed
	$(BIN)/python tools/paper_map.py

# PyTorch is left out: its builds for CPUs and for GPUs come from different indexes, under one version and with other hashes.
lock: .venv/installed
	$(BIN)/python -m pip install uv
	$(BIN)/uv pip compile constraints.txt --output-file requirements.lock --no-deps --universal --python-version 3.10 \
		--generate-hashes --no-annotate --no-header --no-emit-package torch --no-emit-package torchvision

.venv/installed: pyproject.toml constraints.txt requirements.lock
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or newer is needed: make PYTHON=python3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev]"
	$(BIN)/python -c "open('.venv/installed', 'w').close()"

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('.venv', '.mypy_cache', '.pytest_cache', '.ruff_cache')]"
