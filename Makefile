# Everything runs from a virtual environment that these targets make themselves.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
SAMPLE ?= 400
SEED ?= 1
POINTS ?= 2000000
TESTS ?= tests llmcost

.DEFAULT_GOAL := help
.PHONY: demo test fuzz browser check lint types bench cluster golden supply oldest docs claims accuracy fit schemas build smoke reproducible mutants clean help

demo: $(READY) ## When does inference overtake training? A real model on real hardware at real prices
	@$(BIN)/llmcost crossover llama-3.1-70b-chat --chart

test: $(READY) ## Run the tests, on every core
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

fuzz: $(READY) ## Properties with fresh seeds and 20 x the examples; what it finds becomes an @example
	$(BIN)/python -m pytest --numprocesses auto --hypothesis-profile fuzz -m hypothesis tests

browser: $(READY) ## Pages in headless Chromium: no error, no request, sliders that agree with the command
	@command -v chromium > /dev/null || (apt-get update -qq && apt-get install -y -qq chromium > /dev/null) || echo "no Chromium, and it cannot be installed here: these tests are skipped"
	$(BIN)/python -m pytest tests/browser -m browser

check: lint types supply smoke test ## All that CI runs: lint, types, packages and the Action, the built wheel, tests

lint: $(READY) ## Style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## Static types
	$(BIN)/mypy

supply: $(READY) ## Published weaknesses of the packages; the Action, the workflow and their shell
	@if $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[supply]'; \
	then $(BIN)/python -m scripts.supply actions && $(BIN)/python -m scripts.supply audit; \
	else echo "supply: skipped, its tools cannot be installed here"; fi

oldest: $(READY) ## The tests with the oldest packages that pyproject.toml allows (TESTS=tests/unit for a part)
	rm -rf $(VENV)/oldest && $(PYTHON) -m venv $(VENV)/oldest
	$(BIN)/python -m scripts.supply oldest > $(VENV)/oldest.txt
	$(VENV)/oldest/bin/pip install --quiet --disable-pip-version-check -c $(VENV)/oldest.txt -e '.[dev]'
	$(VENV)/oldest/bin/python -m pytest --numprocesses auto --dist worksteal -W default $(TESTS)

bench: $(READY) ## Timings as ratios to an empty Python and to bare imports; what has risen by 10 %
	$(BIN)/python -m scripts.bench

cluster: $(READY) ## Sweeps on a real Dask scheduler and two workers of this machine, one of them killed (POINTS=2000000)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cluster]'
	POINTS=$(POINTS) $(BIN)/python -m scripts.cluster

golden: $(READY) ## Refresh what users see (read the diff before committing it)
	$(BIN)/python -m pytest tests/golden --update-golden

docs: $(READY) ## Regenerate docs/cli.md and the README's output blocks
	$(BIN)/python -m scripts.docs
	$(BIN)/python -m scripts.ci_docs

claims: $(READY) ## Regenerate docs/claims.md: what is said of costs, put to the commands
	$(BIN)/python -m scripts.claims

accuracy: $(READY) ## Regenerate the pages on accuracy and the README table of errors from the measurements
	$(BIN)/python -m scripts.accuracy
	$(BIN)/python -m scripts.costs

fit: $(READY) ## Refit the engines to validation/ and rewrite their calibrations
	$(BIN)/python -m scripts.fit_training --cv
	$(BIN)/python -m scripts.fit_serving

schemas: $(READY) ## Regenerate schemas/*.json
	$(BIN)/python -m scripts.schemas

build: $(READY) ## Build the wheel and the source archive into dist/
	rm -rf dist && $(BIN)/python -m build --outdir dist .

smoke: build ## Install the wheel alone and run it from another folder
	rm -rf $(VENV)/smoke && $(PYTHON) -m venv $(VENV)/smoke
	$(VENV)/smoke/bin/pip install --quiet dist/*.whl
	cd / && $(abspath $(VENV))/smoke/bin/llmcost crossover llama-3.1-70b-chat --json > /dev/null
	cd / && $(abspath $(VENV))/smoke/bin/llmcost --version
	test -s $(VENV)/smoke/lib/python*/site-packages/llmcost/presets/parsed.msgpack
	cd / && $(abspath $(VENV))/smoke/bin/llmcost explain "docs/method.md, defaults" > /dev/null

reproducible: $(READY) ## Build the wheel of what is committed twice, in two places: the same bytes
	rm -rf $(VENV)/twice
	for n in 1 2; do mkdir -p $(VENV)/twice/in$$n && git archive HEAD | tar -x -C $(VENV)/twice/in$$n \
	  && (cd $(VENV)/twice/in$$n && SOURCE_DATE_EPOCH=1767225600 $(abspath $(BIN))/python -m hatchling build -t wheel -d ../out$$n) \
	  || exit 1; done
	cd $(VENV)/twice/out1 && sha256sum * && for file in *; do cmp "$$file" "../out2/$$file" || exit 1; done

mutants: $(READY) ## Break formulas one at a time and list those that no test notices (SAMPLE=400 SEED=1)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[mutants]'
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python -m scripts.mutants $(SAMPLE) $(SEED)

clean: ## Remove everything that was made
	rm -rf $(VENV) dist build mutants presets/parsed.msgpack .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "llmcost needs Python 3.11 or newer, this is %s" % sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q llmcost  # as pip does for a wheel: the first command is as fast as the next
	@touch $@
