# The commands of this repository. Each does its own set-up in .venv, once, and again when what it was made from has changed.

# Which interpreter makes .venv (3.11 or newer); which index torch comes from (empty: pip's own); which tests run.
PYTHON ?= python3
TORCH_INDEX ?=
TESTS ?=
ARGS ?=
# How tests run side by side (pytest-xdist); ARGS="-n0" runs them in one process. A file stays together, so what it starts is
# started once. Those of faults mostly wait: two cores carry four at a time.
TOGETHER := --dist loadfile --no-loadscope-reorder
# These measure what is computed in time, so fewer run beside each other.
LOAD := tests/faults/load
# Settings that tests' processes have besides: make test-faults WITH="JITNEY_HISTORY=on JITNEY_CACHE_BYTES=8000000"
WITH ?=
# The alerts as the Prometheus Operator takes them.
RULES := k8s/components/monitoring/rules.yaml
# Where you read docs/, with a slash at its end: pagers have a link then.
RUNBOOKS ?=
# How long `make soak` goes on.
MINUTES ?= 10

# Images: what builds them (podman will do), where they are pushed to, and what they say of themselves.
DOCKER ?= docker
REGISTRY ?=
SOURCE ?=
VERSION ?= $(shell awk '/^version = / { print $$3; exit }' setup.cfg)
BUILD_ARGS ?=
# A Python to build on, empty: that of the Dockerfiles. A model of the hub and its commit, baked into a batcher's image of its own.
BASE ?=
MODEL ?=
MODEL_REVISION ?=
IMAGES := api gpu
api := jitney-api:$(VERSION)
gpu := jitney-gpu$(if $(MODEL),-$(shell echo '$(notdir $(MODEL))' | tr A-Z a-z)):$(VERSION)
# Else Podman leaves HEALTHCHECK out.
export BUILDAH_FORMAT := docker

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --progress-bar off -c constraints.txt

# A stamp says what .venv already holds. The index is part of torch's: another index, another torch.
MADE := $(VENV)/.made
TORCH := $(VENV)/.torch$(subst :,,$(subst /,-,$(strip $(TORCH_INDEX))))
SERVE := $(VENV)/.serve
DEV := $(VENV)/.dev
SOURCES := constraints.txt setup.cfg pyproject.toml

# Tests and checks run models of a few megabytes: one thread each is fastest, and the hub is never asked.
QUIET := WITH="$(WITH)" OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test test-faults bench soak mutants gpu check format coverage settings dashboard rules images sbom push demo-models clean

help: ## Show this list
	@echo 'make <command>   (PYTHON=python3.12 chooses the interpreter, TORCH_INDEX=<url> the index torch comes from)'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(SERVE) ## Run the whole of Jitney here with the demo models, on port 9527 (ARGS="--front-ends 2" adds flags)
	@exec $(BIN)/jitney up --model translation:demo/translation --model classification:demo/classification \
		--model image-classification:demo/image_classification $(ARGS)

test: $(DEV) ## Run the tests but those of faults (TESTS=tests/unit runs some of them)
	@$(QUIET) $(BIN)/python -m pytest -n 3 $(TOGETHER) $(TESTS) $(ARGS)

test-faults: $(DEV) ## Break real brokers, batchers and front ends, and see that nothing is lost (about five minutes)
	@$(QUIET) $(BIN)/python -m pytest -n 4 $(TOGETHER) $(or $(TESTS),tests/faults --ignore=$(LOAD)) $(ARGS)
	@$(if $(TESTS),,$(QUIET) $(BIN)/python -m pytest -n 2 $(TOGETHER) $(LOAD) $(ARGS))

bench: $(DEV) ## What windows and batch sizes bring, which to run with, and pictures of both, in build/bench (under ten minutes)
	@$(QUIET) $(BIN)/python -m benchmarks tour --out build/bench $(ARGS)

soak: $(DEV) ## Load and random faults for MINUTES=10, and what they left behind (ARGS="--seed 7" repeats their order)
	@$(QUIET) $(BIN)/python -m tests.faults.soak --minutes $(MINUTES) $(ARGS)

mutants: $(DEV) ## Put 200 small faults into the code, one at a time, and see whether tests notice (ARGS="--seed 7 --subject wire")
	@$(QUIET) $(BIN)/python -m tests.mutants $(ARGS)

gpu: $(DEV) ## What only a CUDA card can show, in eight minutes (ARGS="--device cpu --tiny" tries the script without one)
	@TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 $(BIN)/python -m tests.gpu $(ARGS)

check: $(DEV) ## Check style (ruff), who imports whom (import-linter) and types (mypy, strict)
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy --num-workers 2

format: $(DEV) ## Let ruff mend what it can
	@$(BIN)/ruff check --fix .

coverage: $(DEV) ## Which lines the unit and contract tests never reach
	@$(QUIET) $(BIN)/coverage run -m pytest -q tests/unit tests/contract
	@$(BIN)/coverage report

settings: $(DEV) ## Write docs/settings.md and docs/http.md anew, from the settings tables and from OpenAPI
	@$(BIN)/python -m docs.settings
	@$(BIN)/python -m docs.http

dashboard: $(DEV) ## Write monitoring/dashboard.json anew from its table of panels
	@$(BIN)/python -m monitoring.dashboard

images: $(IMAGES:%=image-%) ## Build both images (TORCH_INDEX=<url> for the batcher's torch, MODEL=… MODEL_REVISION=… bakes a model in)

image-%: Dockerfile.%
	$(DOCKER) build --file $< --tag $($*) --build-arg VERSION=$(VERSION) $(if $(BASE),--build-arg BASE=$(BASE)) \
		--build-arg REVISION=$$(git rev-parse HEAD 2> /dev/null || echo unknown) --build-arg SOURCE=$(SOURCE) \
		--build-arg CREATED=$$(date -u +%Y-%m-%dT%H:%M:%SZ) $(if $(filter gpu,$*),--build-arg TORCH_INDEX=$(TORCH_INDEX) \
		$(if $(MODEL),--build-arg MODEL=$(MODEL)) $(if $(MODEL_REVISION),--build-arg MODEL_REVISION=$(MODEL_REVISION))) $(BUILD_ARGS) .

sbom: $(DEV) ## What is in each image, as CycloneDX, in build/sbom
	@$(BIN)/python -m docs.sbom

push: ## Push both images: make push REGISTRY=registry.example.org/team (MODEL=… the one that has it)
	@[ -n '$(REGISTRY)' ] || { echo 'Say where to: make push REGISTRY=registry.example.org/team' >&2; exit 2; }
	@for image in $(foreach image,$(IMAGES),$($(image))); do set -x; \
		$(DOCKER) tag $$image $(REGISTRY)/$$image && $(DOCKER) push $(REGISTRY)/$$image || exit; done

rules: ## Write k8s/components/monitoring/rules.yaml anew from monitoring/alerts.yaml (RUNBOOKS=<url> is put before docs/)
	@{ sed '/^spec:/q' $(RULES); sed 's,\(runbook_url: \)docs/,\1$(RUNBOOKS)docs/,; s/^./  &/' monitoring/alerts.yaml; } > $(RULES).new && mv $(RULES).new $(RULES)

demo-models: $(DEV) ## Train the demo models again from their sources (about half an hour on two cores)
	$(BIN)/python -m demo.train $(ARGS)

clean: ## Remove .venv and every cache
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian splits ensurepip off its Python; the pip that came with the interpreter then furnishes .venv.
$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Jitney needs Python 3.11 or newer. Say which: make PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) \
		|| { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install pip; }
	@touch $@

# First and alone, so that no other package's wishes choose its build. From another index only torch itself is taken:
# what it needs besides comes pinned with the next step.
$(TORCH): constraints.txt $(MADE)
	$(INSTALL) $(if $(TORCH_INDEX),--no-deps --force-reinstall --index-url $(TORCH_INDEX)) torch
	@touch $@

$(SERVE): $(SOURCES) $(TORCH)
	$(INSTALL) -e '.[server,images,clustering,langid,files,history,batcher,client,embedded]'
	@touch $@

$(DEV): $(SOURCES) $(TORCH)
	$(INSTALL) -e '.[server,images,clustering,langid,files,history,batcher,client,tracing,embedded,bench,test,clients,schema,dev]'
	@touch $@ $(SERVE)
