# EmotionSite. `make` lists what there is; `make run` is all that is needed to try it.

PORT ?= 8000
HOST ?= 127.0.0.1
DATA_DIR ?= var
ARGS ?=
JOBS ?= auto
PYTHON := .venv/bin/python
SUPERVISOR := $(PYTHON) -m emotionsite.supervisor

.PHONY: help setup run stop status test lint bench bench-engine bench-search bench-video doctor clean distclean
.DEFAULT_GOAL := help

help:
	@echo "make run       start the site and everything it needs (PORT=8000 HOST=127.0.0.1 DATA_DIR=var)"
	@echo "make stop      stop the site running on DATA_DIR"
	@echo "make status    say what is running on DATA_DIR"
	@echo "make doctor    check database, broker, storage, models and worker of DATA_DIR"
	@echo "make setup     make or renew .venv and the front-end files (run, test and bench do it when needed)"
	@echo "make test      check style and types, then run the tests (ARGS=\"-k upload\" for some, JOBS=0 in one process)"
	@echo "make lint      check style and types only"
	@echo "make bench     measure photos per second through the whole path and through the bare engine"
	@echo "make bench-engine  measure the engine beside facenet-pytorch's detection (ARGS=\"--photos FOLDER\")"
	@echo "make bench-search  measure galleries of up to a million faces (ARGS=\"--sizes 1000,100000\")"
	@echo "make bench-video   measure how fast videos are analysed, and in how much memory (ARGS=\"--video FILE\")"
	@echo "make clean     remove caches and front-end files, never data"
	@echo "make distclean remove .venv as well, never data"

setup:
	@tools/setup.sh

# exec: the supervisor itself gets the signals that make passes on.
run: setup
	@exec $(SUPERVISOR) run --host "$(HOST)" --port "$(PORT)" --data-dir "$(DATA_DIR)"

stop: setup
	@exec $(SUPERVISOR) stop --data-dir "$(DATA_DIR)"

status: setup
	@$(SUPERVISOR) status --data-dir "$(DATA_DIR)" || true

doctor: setup
	@DATA_DIR="$(DATA_DIR)" exec $(PYTHON) manage.py doctor $(ARGS)

# The checks come first so that the last line is the summary of the tests; both run even when one fails. Tests run
# in a process for each processor, at most four, each with servers of its own; a file stays in one of them.
test: setup
	@checks=0; $(PYTHON) tools/lint.py || checks=1; \
	$(PYTHON) -m pytest -n $(JOBS) --maxprocesses 4 --dist loadfile $(ARGS) || exit 1; \
	exit $$checks

lint: setup
	@exec $(PYTHON) tools/lint.py

bench: setup
	@exec $(PYTHON) tools/bench.py $(ARGS)

bench-engine: setup
	@exec $(PYTHON) tools/bench_engine.py $(ARGS)

bench-search: setup
	@exec $(PYTHON) tools/bench_search.py $(ARGS)

bench-video: setup
	@exec $(PYTHON) tools/bench_video.py $(ARGS)

clean:
	@rm -rf node_modules static/vendor staticfiles setup.log .setup.lock .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Removed caches and front-end files; make setup brings the latter back. Data folders are untouched."

distclean: clean
	@rm -rf .venv
	@echo "Removed .venv; make setup makes it again."
