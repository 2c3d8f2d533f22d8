# make reproduce   the whole paper on SynthME, from nothing to runs/quick/report.html
# make test        lint, unit tests, notebooks at the smoke profile
# make lab         JupyterLab at the first notebook
# make verify      the quick profile once more, compared with the published numbers
# make site        the notebooks as web pages → site/index.html
# Each makes .venv by itself, once. Needs Python 3.10 or newer, make and git.

PYTHON ?= python3
PROFILE ?= quick
RUN ?= runs/$(PROFILE)

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

.PHONY: reproduce test lab verify site map lint clean
.DELETE_ON_ERROR:

reproduce: .venv/installed
	$(BIN)/selfme reproduce --profile $(PROFILE) --out $(RUN)

test: export OMP_NUM_THREADS = 1
test: lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

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

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or newer is needed: make PYTHON=python3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev]"
	$(BIN)/python -c "open('.venv/installed', 'w').close()"

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('.venv', '.pytest_cache', '.ruff_cache')]"
