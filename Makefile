# Everything runs in .venv, from the versions in constraints.txt.
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip
INSTALLED := .venv/.installed
# What only the configs with a transformer need.
INSTALLED_TRF := .venv/.installed-trf

.PHONY: help install test lint quickstart quickstart-seeds semeval semeval-seeds semeval-trf semeval-trf-seeds captions carb entities entities-seeds conll04 conll04-seeds scierc scierc-seeds topics topics-seeds few-labels few-labels-trf few-labels-quick discovery discovery-seeds selection annotate conversion figures clean

help:
	@echo "make test            install into .venv, then ruff, mypy and pytest"
	@echo "make quickstart      train on the bundled corpus, show scores and sentences"
	@echo "make quickstart-seeds  the same with three seeds, for the table in README.md"
	@echo "make semeval         train and score on SemEval-2010 Task 8, one seed"
	@echo "make semeval-seeds   the same with three seeds, for the table in README.md"
	@echo "make semeval-trf     the same on top of a transformer, one seed; installs what it needs"
	@echo "make semeval-trf-seeds  the same with three seeds"
	@echo "make captions        train a VAE and a language model on captions, one seed"
	@echo "make carb            score open triples on CaRB"
	@echo "make entities        entities of WNUT17 and CoNLL04 on the latents and without, one seed"
	@echo "make entities-seeds  the same with three seeds"
	@echo "make conll04         entities and relations of CoNLL04 end to end, one seed"
	@echo "make conll04-seeds   the same with three seeds"
	@echo "make scierc          entities and relations of SciERC end to end, one seed"
	@echo "make scierc-seeds    the same with three seeds"
	@echo "make topics          train and score topic models on BBC News and M10, one seed"
	@echo "make topics-seeds    the same with three seeds, for the table in docs/topics.md"
	@echo "make few-labels      the study of few labels, hours; goes on where it was stopped"
	@echo "make few-labels-trf  its runs on top of a transformer; installs what it needs"
	@echo "make few-labels-quick  the same with a few updates on the bundled corpus"
	@echo "make discovery       score relations that are discovered without labels, one seed"
	@echo "make discovery-seeds  the same with three seeds, for the table in docs/discovery.md"
	@echo "make selection       labels that are needed where texts are selected, against random choice"
	@echo "make annotate        memory, kills and speed of batch annotation, hours"
	@echo "make conversion      convert public data sets, and count what is lost: DATA_ROOT=DIR names their folder"
	@echo "make figures         rebuild the tables of README.md and docs/ from metrics/"
	@echo "make clean           remove .venv and everything that was trained"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python"; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@$(PIP) install --quiet --constraint constraints.txt torch && \
		$(PIP) install --quiet --constraint constraints.txt --editable ".[dev]" || \
		{ echo "Installation failed: see the message above, check the network, then run make again."; exit 1; }
	@touch $(INSTALLED)

$(INSTALLED_TRF): $(INSTALLED)
	@$(PIP) install --quiet --constraint constraints.txt --editable ".[trf]" || \
		{ echo "Installation failed: see the message above, check the network, then run make again."; exit 1; }
	@touch $(INSTALLED_TRF)

lint: install
	$(BIN)/ruff check spacy_vaedie tests scripts
	$(BIN)/ruff format --check spacy_vaedie tests scripts
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest

# PROJECT_VARS takes overrides, e.g. PROJECT_VARS="--vars.data_root DIR"
quickstart: install
	$(BIN)/spacy project run quickstart . $(PROJECT_VARS)

# Seed 0 last, so that the pipeline that stays is the one of `make quickstart`.
quickstart-seeds: install
	for seed in 2 1 0; do $(BIN)/spacy project run quickstart . $(PROJECT_VARS) --vars.seed $$seed || exit 1; done

semeval: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run semeval . $(PROJECT_VARS)

semeval-seeds: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	for seed in 0 1 2; do $(BIN)/spacy project run semeval . $(PROJECT_VARS) --vars.seed $$seed || exit 1; done

semeval-trf: $(INSTALLED_TRF)
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run semeval-trf . $(PROJECT_VARS)

semeval-trf-seeds: $(INSTALLED_TRF)
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	for seed in 0 1 2; do $(BIN)/spacy project run semeval-trf . $(PROJECT_VARS) --vars.seed $$seed || exit 1; done

captions: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run captions . $(PROJECT_VARS)

carb: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run carb . $(PROJECT_VARS)

entities: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run entities . $(PROJECT_VARS)

entities-seeds: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	for seed in 0 1 2; do $(BIN)/spacy project run entities . $(PROJECT_VARS) --vars.seed $$seed || exit 1; done

conll04: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run conll04 . $(PROJECT_VARS)

conll04-seeds: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	for seed in 0 1 2; do $(BIN)/spacy project run conll04 . $(PROJECT_VARS) --vars.seed $$seed || exit 1; done

scierc: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run scierc . $(PROJECT_VARS)

scierc-seeds: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	for seed in 0 1 2; do $(BIN)/spacy project run scierc . $(PROJECT_VARS) --vars.seed $$seed || exit 1; done

topics: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run topics . $(PROJECT_VARS)

topics-seeds: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	for seed in 0 1 2; do $(BIN)/spacy project run topics . $(PROJECT_VARS) --vars.seed $$seed || exit 1; done

few-labels: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run few-labels . $(PROJECT_VARS)

few-labels-trf: $(INSTALLED_TRF)
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run few-labels-trf . $(PROJECT_VARS)

few-labels-quick: install
	$(BIN)/spacy project run few-labels-quick . $(PROJECT_VARS)

discovery: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run discovery . $(PROJECT_VARS)

discovery-seeds: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	for seed in 0 1 2; do $(BIN)/spacy project run discovery . $(PROJECT_VARS) --vars.seed $$seed || exit 1; done

selection: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run selection . $(PROJECT_VARS)

annotate: install
	$(BIN)/spacy project assets . $(PROJECT_VARS)
	$(BIN)/spacy project run annotate . $(PROJECT_VARS)
# Folders of brat cannot be fetched file by file: a copy of the data sets must be there.
conversion: install
	$(BIN)/spacy project run conversion . --vars.data_root $(DATA_ROOT)

figures: install
	$(BIN)/python scripts/figures.py

clean:
	rm -rf .venv project.lock corpus training packages metrics assets/semeval assets/wnut17 assets/conll04 assets/scierc assets/topics assets/captions assets/carb assets/ewt assets/packages assets/vectors assets/lexicon assets/all_minilm_l6_v2
