# make demo   phases a virtual 34-ID-C scan
# make quick  format, lint, the direction of imports, and the tests that need no window, cohere, browser or patience
# make test   checks format, lint, types and the direction of imports, builds the documentation, then runs the tests
# make docs   builds the documentation in build/docs; a warning is an error
# make lowest runs quick and docs with the lowest version of everything that pyproject.toml allows
# make clean  removes what the others made
#
# Each sets up everything it needs in .venv, once.
#   PYTHON=python3.12     the interpreter to start from, 3.11 or newer
#   TORCH=torch==2.14.1   what to give to pip for torch; without it, a torch that PYTHON has
#                         already is used as it is if it is new enough, and else the lowest is
#                         installed that pyproject.toml allows: what the tests ran with

PYTHON ?= python3
DEFAULT_TORCH := $(shell sed -n 's/.*"torch>=\(.*\)".*/torch==\1/p' pyproject.toml)
EXTRAS := test,docs,cohere,train
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

export TORCH
export MPLBACKEND := Agg
export QT_QPA_PLATFORM := offscreen

# A TORCH other than that of the last set-up starts afresh.
ifneq ($(TORCH),)
ifneq ($(TORCH),$(shell cat $(VENV)/torch 2>/dev/null))
.PHONY: $(VENV)/torch
endif
endif

.PHONY: demo docs lint quick test lowest clean

demo: $(VENV)/package
	$(BIN)/cdi-ml demo --out demo --force

lint: $(VENV)/tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/tests
	$(BIN)/python -m sphinx -W --keep-going -q -d build/doctrees docs build/docs

# Two processes, each with the tests of whole files; what they share is made once (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
quick test: export OMP_NUM_THREADS := 1

quick: $(VENV)/tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(PYTEST) -q -m "not slow and not gui and not cohere and not browser"

test: lint docs
	$(PYTEST)

# cohere needs newer packages itself, and is left out; tests/hosts/test_cohere_versions.py runs it from
# its lowest version on. Types are not checked: those of NumPy 1.26 are others.
lowest:
	@mkdir -p build
	@$(PYTHON) -c "$$LOWEST" > build/lowest.txt
	PIP_CONSTRAINT=$(CURDIR)/build/lowest.txt \
	  $(MAKE) VENV=build/lowest TORCH=$(DEFAULT_TORCH) EXTRAS=test,docs,train quick docs

define LOWEST
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
print(*(each.replace(">=", "==") for each in wanted if ">=" in each), sep="\n")
endef
export LOWEST

clean:
	rm -rf $(VENV) demo build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, with a torch in it. Where PYTHON has one, the packages of PYTHON are made visible
# by a path file, which works from a virtual environment too (--system-site-packages does not).
$(VENV)/torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is not Python 3.11 or newer: give one, as in 'make PYTHON=python3.12 …'" >&2; exit 1; }
	@echo "setting up $(VENV), which takes some minutes the first time"
	@$(PYTHON) -m venv --clear $(VENV)
	@if [ -z "$$TORCH" ] && $(PYTHON) -c "$$HAS_TORCH" 2>/dev/null; then \
	  site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	  $(PYTHON) -c 'import sys; print(*(p for p in sys.path if p.endswith("-packages")), sep="\n")' \
	    > "$$site/host.pth" && \
	  $(BIN)/python -c 'import torch; print("keeping torch", torch.__version__)'; \
	else \
	  $(PIP) install --quiet $${TORCH:-$(DEFAULT_TORCH)}; \
	fi
	@echo "$$TORCH" > $@

define HAS_TORCH
import re, torch
assert torch.__version__ >= re.search('"torch>=(.*)"', open("pyproject.toml").read())[1]
endef
export HAS_TORCH

$(VENV)/package: $(VENV)/torch pyproject.toml setup.py cdi_ml_plugin.pth
	@$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/tests: $(VENV)/package
	@$(PIP) install --quiet --editable '.[$(EXTRAS)]'
	@touch $@
