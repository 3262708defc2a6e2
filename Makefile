# Every target has its long form in README.md, for machines without make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

# Tests and demo start hundreds of processes of ours, each of which would compile all it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test fuzz fuzz-api bench soak races check format lint types contracts deps wheel lock clean

demo: $(STAMP)  ## the whole path on real services, in one command
	$(BIN)/bontri demo $(ARGS)

test: $(STAMP)  ## every test but the long ones
	$(BIN)/pytest $(ARGS)

# atheris has no wheel for every platform and Python, so it stays out of the lock and in a venv of its own.
SECONDS ?= 60
fuzz: requirements.lock  ## feed the decoders of both ends coverage-guided nonsense for SECONDS
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	.venv-fuzz/bin/python -m pip install --quiet --no-deps atheris==3.0.0
	PYTHONPATH=. .venv-fuzz/bin/python tests/fuzz/fuzz_decoder.py -max_total_time=$(SECONDS) -artifact_prefix=.venv-fuzz/

EXAMPLES ?= 50
SEED ?= 1
fuzz-api: $(STAMP)  ## bad input for every operation of the served API, EXAMPLES of each kind
	$(BIN)/python -m tests.fuzz.fuzz_api --examples $(EXAMPLES) --seed $(SEED)

bench: $(STAMP)  ## speed beside peers and ceilings: half an hour and more, on a quiet machine
	mkdir -p bench
	for what in ingest latency growth rewards api stats; do \
		$(BIN)/bontri bench $$what --json --pictures bench > bench/$$what.json || exit 1; \
	done

MINUTES ?= 60
soak: $(STAMP)  ## whether memory, descriptors or connections grow in MINUTES at half load
	mkdir -p bench
	$(BIN)/bontri bench soak --minutes $(MINUTES) --pictures bench $(ARGS)

RACES ?= 10000
races: $(STAMP)  ## 64 at once for one voucher, RACES times, and for other scarce things
	$(BIN)/bontri races --races $(RACES) $(ARGS)

check: format lint types contracts deps test  ## the whole gate

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy --no-error-summary

contracts: $(STAMP)
	$(BIN)/lint-imports

deps: $(STAMP)
	$(BIN)/deptry .

# Exact versions with hashes; --no-deps for ourselves, since the lock holds everything we need. pip compiles on one core
# what compileall compiles on all; as with pip, a file that cannot be compiled is no failure.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements.lock
	-$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $(STAMP)

lock:  ## renew requirements.lock; needs uv
	uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-header --no-annotate -o requirements.lock

clean:
	rm -rf $(VENV) .venv-fuzz .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
