"""The shipped configs: complete, valid, and good for a (tiny) training."""

import json
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import spacy
from spacy import registry
from spacy.cli.debug_config import debug_config
from spacy.cli.init_config import fill_config
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.util import load_config
from thinc.api import Config

from spacy_vaedie.training.examples import make_example, predicted_copy
from spacy_vaedie.training.logger import PLAIN_SCORES

from .pipeline.helpers import LABELS, PEOPLE, TEXTS, entities_of, relation_examples, run_python
from .transformer import needs_transformers, write_transformer

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.cfg"))
VAE_CONFIG = next(path for path in CONFIGS if path.stem == "vae")
TRF_CONFIG = VAE_CONFIG.with_stem("extractor_trf")
INSTALLED = [pytest.param(path, marks=needs_transformers if path == TRF_CONFIG else ()) for path in CONFIGS]
# Small widths for each setting that a config has.
SMALL = {
    "width": 16,
    "latent_width": 8,
    "doc_latent_width": 4,
    "syntax_width": 8,
    "window_layers": 1,
    "parse_layers": 1,
    "buckets": 1000,
    "rows": [300, 100, 100, 100],
    "include_static_vectors": False,
}
SCORES = {"ner": "ents_f", "spancat": "spans_sc_f", "textcat": "cats_score"}
SHORT = {"training.max_steps": 4, "training.eval_frequency": 2, "training.optimizer.learn_rate.warmup_steps": 1}


def overrides_for(path, corpus, vae=None, ner=None):
    """The paths, and small widths in each block of a model."""
    config = Config().from_disk(path, interpolate=False)
    files = {**corpus, "vae": vae, "ner": ner}
    found = {f"paths.{name}": str(file) for name, file in files.items() if file is not None and name in config["paths"]}

    def walk(block, name):
        for key, value in block.items():
            if isinstance(value, dict):
                walk(value, f"{name}.{key}")
            elif key == "width" and "upstream" in block:
                found[f"{name}.{key}"] = SMALL["latent_width"] + SMALL["width"]
            elif key == "rows":
                found[f"{name}.{key}"] = SMALL[key][: len(value)]
            elif key in SMALL:
                found[f"{name}.{key}"] = SMALL[key]

    for name, component in config["components"].items():
        walk(component.get("model", {}), f"components.{name}.model")
    return found


def find_pipes(path):
    return Config().from_disk(path, interpolate=False)["nlp"]["pipeline"]


def _annotate(example):
    doc = predicted_copy(example.predicted)
    doc._.relations = example.reference._.relations
    doc.spans["sc"] = list(doc.ents)
    doc.cats = {"OWNS": float("OWNS" in str(doc._.relations)), "REST": float("OWNS" not in str(doc._.relations))}
    return doc


@pytest.fixture(scope="module")
def corpus(en, tmp_path_factory):
    """The files that the configs name: annotated Docs with their parse, raw ones, and a transformer."""
    folder = tmp_path_factory.mktemp("corpus")
    files = {}
    for name, end in (("train", "."), ("dev", "!")):
        files[name] = folder / f"{name}.spacy"
        docs = [_annotate(example) for example in relation_examples(en, end)]
        DocBin(docs=docs, store_user_data=True).to_disk(files[name])
    files["raw"] = folder / "raw.spacy"
    raw = en.pipe(
        text.replace("founded", "left").replace(" in ", " near ").replace("Bo Hart", "Tam Reed") for text in TEXTS
    )
    DocBin(docs=list(raw)).to_disk(files["raw"])
    if not needs_transformers.args[0]:
        files["transformer"] = write_transformer(folder / "transformer")
    return files


@pytest.fixture(scope="module")
def vae(corpus, tmp_path_factory):
    """An encoder, trained for a moment with configs/vae.cfg."""
    folder = tmp_path_factory.mktemp("vae")
    train(VAE_CONFIG, folder, overrides={**overrides_for(VAE_CONFIG, corpus), **SHORT})
    return folder / "model-best"


@pytest.fixture(scope="module")
def ner(corpus, vae, tmp_path_factory):
    """A recognizer on that encoder."""
    folder, path = tmp_path_factory.mktemp("ner"), VAE_CONFIG.with_stem("entities")
    train(path, folder, overrides={**overrides_for(path, corpus, vae), **SHORT})
    return folder / "model-best"


@pytest.mark.parametrize("path", INSTALLED, ids=lambda path: path.stem)
def test_fill_config_changes_nothing(path, vae, ner, tmp_path):
    config = Config().from_disk(path, interpolate=False)
    config["paths"].update({name: str(file) for name, file in (("vae", vae), ("ner", ner)) if name in config["paths"]})
    for component in config["components"].values():
        listener = component.get("model", {}).get("tok2vec", {})
        listener = listener.get("tok2vec", listener)
        if {"upstream", "width"} <= set(listener):
            listener["width"] = SMALL["latent_width"] + SMALL["width"]
    config.to_disk(tmp_path / "config.cfg")
    fill_config(tmp_path / "filled.cfg", tmp_path / "config.cfg", silent=True)
    assert Config().from_disk(tmp_path / "filled.cfg", interpolate=False) == config


@pytest.mark.parametrize("path", INSTALLED, ids=lambda path: path.stem)
def test_debug_config(path, corpus, vae, ner, capsys):
    debug_config(path, overrides=overrides_for(path, corpus, vae, ner))
    assert "Config is valid" in capsys.readouterr().out


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_names_what_it_trains(path):
    config = Config().from_disk(path, interpolate=False)
    trained = set(find_pipes(path)) - set(config["training"]["frozen_components"])
    allowed = {"vae_encoder": "vae_", "extractor": "rels_", "ner": "ents_", "spancat": "spans_sc_", "textcat": "cats_"}
    assert trained <= set(allowed)
    assert trained
    # A best model is selected by what is trained, and by nothing that a frozen component scores.
    weights = {name: weight for name, weight in config["training"]["score_weights"].items() if weight}
    assert weights
    assert all(name.startswith(tuple(allowed[pipe] for pipe in trained)) for name in weights), weights


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_columns_of_the_training(path):
    """What the encoder says about itself, where it is trained: `entities.cfg` is, too, in its workflow."""
    config = Config().from_disk(path, interpolate=False)["training"]
    shown = {name for name, weight in config["score_weights"].items() if weight is not None}
    if path.stem in ("vae", "captions", "topics", "extractor", "joint", "entities"):
        assert {"vae_unknown", "vae_reconstruction", "vae_mutual_information"} <= shown
        assert {"vae_kl", "vae_doc_kl"} & shown
    if shown & set(PLAIN_SCORES):
        # spaCy's own logger would show them times 100.
        assert config["logger"]["@loggers"] == "spacy-vaedie.ConsoleLogger.v1"


@pytest.mark.parametrize("path", INSTALLED, ids=lambda path: path.stem)
def test_train(path, corpus, vae, ner, tmp_path, en):
    if path == VAE_CONFIG:
        folder = vae.parent
    else:
        folder = tmp_path
        train(path, folder, overrides={**overrides_for(path, corpus, vae, ner), **SHORT})
    for name in ("model-best", "model-last"):
        meta = json.loads((folder / name / "meta.json").read_text())
        assert meta["pipeline"] == find_pipes(path)
    nlp = spacy.load(folder / "model-best")
    doc = nlp(predicted_copy(relation_examples(en)[0].predicted))
    assert (doc._.latents is not None) == ("vae_encoder" in nlp.pipe_names)
    assert (doc._.relations is not None) == ("extractor" in nlp.pipe_names)
    if "extractor" in nlp.pipe_names:
        assert nlp.get_pipe("extractor").labels == LABELS
        recall = meta["performance"]["rels_candidate_recall"]
        # Without gold entities, after four updates, hardly anything is found.
        assert 0.0 <= recall <= 1.0 if {"ner", "spancat"} & set(nlp.pipe_names) else recall == 1.0
    elif nlp.pipe_names[-1] in SCORES:
        assert SCORES[nlp.pipe_names[-1]] in meta["performance"]
    else:
        assert 0 < meta["performance"]["vae_score"] < 1


@pytest.mark.parametrize(("name", "reader"), [("raw", "RawText"), ("train", "RelationCorpus")])
def test_a_training_without_one_of_its_paths(name, reader, corpus, tmp_path):
    path = VAE_CONFIG.with_stem("joint")
    overrides = {key: value for key, value in overrides_for(path, corpus).items() if key != f"paths.{name}"}
    with pytest.raises(ValueError, match=rf"VE324.*{reader}\.v1.*--paths\.{name}"):
        train(path, tmp_path, overrides={**overrides, **SHORT})


def corpora_of(name, **paths):
    """The readers of a config."""
    overrides = {f"paths.{key}": str(value) for key, value in paths.items()}
    return registry.resolve(load_config(VAE_CONFIG.with_stem(name), overrides, interpolate=True)["corpora"])


def test_raw_text_with_dev_texts_is_refused(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(corpus["dev"], "held out.spacy")
    readers = corpora_of("joint", train=corpus["train"], dev="held out.spacy", raw=corpus["dev"])
    with pytest.raises(ValueError, match=r"VE323.*Ada Quill founded Bluefin Works!.*held out\.spacy.*allow_held_out"):
        list(readers["train"](spacy.blank("en")))
    readers = corpora_of("joint", train=corpus["train"], dev="held out.spacy", raw=corpus["raw"])
    assert len(list(readers["train"](spacy.blank("en")))) == 2 * len(TEXTS)


@pytest.mark.parametrize("name", ["vae", "captions", "topics"])
def test_raw_text_that_is_its_own_dev_text_is_counted(name, corpus):
    readers = corpora_of(name, train=corpus["train"], dev=corpus["train"])
    with pytest.warns(UserWarning, match=rf"VW304.*{len(TEXTS)} of the {len(TEXTS)} raw texts"):
        list(readers["train"](spacy.blank("en")))
    assert len(list(readers["dev"](spacy.blank("en")))) == len(TEXTS)


@pytest.fixture(scope="module")
def one_label(en, tmp_path_factory):
    """Ten texts of one label, and ten of none."""
    folder = tmp_path_factory.mktemp("one_label")
    files = {}
    for name, verb, labels in (("train", "founded", ["FOUNDED"]), ("raw", "left", None), ("empty", "met", [])):
        docs = []
        for text in (
            f"{person} {verb} {firm}." for person in sorted(PEOPLE) for firm in ("Pell Mills", "Sandbar Press")
        ):
            relations = [(0, 1, label) for label in labels or []]
            doc = _annotate(make_example(en(text), entities=entities_of(text), relations=relations))
            if labels is None:
                doc._.relations = None
            docs.append(doc)
        assert len(docs) == 10
        files[name] = folder / f"{name}.spacy"
        DocBin(docs=docs, store_user_data=True).to_disk(files[name])
    return files


@pytest.mark.parametrize("name", ["joint", "extractor"])
def test_ten_texts_of_one_label(name, one_label, corpus, vae, tmp_path):
    path = VAE_CONFIG.with_stem(name)
    files = {**corpus, "train": one_label["train"], "raw": one_label["raw"]}
    short = {**SHORT, "training.max_steps": 20, "training.eval_frequency": 10}
    train(path, tmp_path, overrides={**overrides_for(path, files, vae), **short})
    nlp = spacy.load(tmp_path / "model-last")
    assert nlp.get_pipe("extractor").labels == ("FOUNDED",)
    assert 0.0 <= json.loads((tmp_path / "model-last" / "meta.json").read_text())["performance"]["rels_f"] <= 1.0
    docs = [predicted_copy(doc) for doc in DocBin().from_disk(one_label["train"]).get_docs(nlp.vocab)]
    for doc in nlp.pipe(docs):
        assert {relation.label for relation in doc._.relations} <= {"FOUNDED"}


@pytest.mark.parametrize("name", ["joint", "extractor"])
def test_no_relation_in_any_annotated_text(name, one_label, corpus, vae, tmp_path):
    path = VAE_CONFIG.with_stem(name)
    files = {**corpus, "train": one_label["empty"], "raw": one_label["raw"]}
    with pytest.raises(ValueError, match=r"VE201.*10 are annotated, and none holds a relation"):
        train(path, tmp_path, overrides={**overrides_for(path, files, vae), **SHORT})


def test_labels_of_a_corpus_that_is_streamed(corpus, tmp_path):
    """spaCy initializes from the first 100 Examples, which hold two of the annotated texts here."""
    path = VAE_CONFIG.with_stem("joint")
    config = Config().from_disk(path, interpolate=False)
    overrides = {**overrides_for(path, corpus), **SHORT, "training.max_epochs": -1, "training.max_steps": 1}
    overrides["corpora.train.raw_per_labelled"] = 60.0
    for given in (None, list(LABELS)):
        if given:
            config["initialize"]["components"]["extractor"] = {"labels": given}
        config.to_disk(tmp_path / "config.cfg")
        # Without them, the labels that come later are left out.
        with nullcontext() if given else pytest.warns(UserWarning, match="VW201"):
            train(tmp_path / "config.cfg", tmp_path / "out", overrides=overrides)
        labels = spacy.load(tmp_path / "out" / "model-last").get_pipe("extractor").labels
        assert labels == (tuple(given) if given else ("FOUNDED",))


LOAD = """
import json, sys, spacy
nlp = spacy.load(sys.argv[1])
doc = nlp(sys.argv[2])
print(json.dumps([doc._.latents is not None, doc._.relations, nlp.pipe_names]))
"""


VECTORS = """
import json, sys, spacy
print(json.dumps(spacy.load(sys.argv[1])(sys.argv[2])._.latents.vectors.tolist()))
"""


def test_spacy_train_on_the_command_line(corpus, tmp_path):
    """A real `spacy train`, without `--code`, and its model in a process of its own."""
    path = VAE_CONFIG.with_stem("joint")
    shutil.copy(path, tmp_path / "config.cfg")
    overrides = {**overrides_for(path, corpus), **SHORT}
    arguments = [text for name, value in overrides.items() for text in (f"--{name}", json.dumps(value).strip('"'))]
    command = [sys.executable, "-m", "spacy", "train", "config.cfg", "--output", "out", *arguments]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "VAE_SCORE" in process.stdout
    assert "RELS_F" in process.stdout
    assert "Traceback" not in process.stderr
    found = run_python(LOAD, tmp_path / "out" / "model-last", "Ada Quill founded Bluefin Works.")
    assert found == [True, [], find_pipes(path)]


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("name", ["extractor", "entities", "spancat", "textcat"])
def test_the_encoder_below(name, frozen, corpus, vae, tmp_path):
    """With its weights kept, or trained on."""
    path = VAE_CONFIG.with_stem(name)
    others = find_pipes(path)[:-2]
    overrides = {**overrides_for(path, corpus, vae), **SHORT}
    overrides["training.frozen_components"] = [*others, "vae_encoder"] if frozen else others
    overrides["training.annotating_components"] = ["vae_encoder"] if frozen else []
    train(path, tmp_path, overrides=overrides)
    before = spacy.load(vae).get_pipe("vae_encoder").model.to_bytes()
    after = spacy.load(tmp_path / "model-last").get_pipe("vae_encoder").model.to_bytes()
    assert (before == after) == frozen


@needs_transformers
def test_classes_of_words_above_a_transformer(corpus, tmp_path):
    lexicon = tmp_path / "lexicon.jsonl"
    lexicon.write_text('{"word": "found", "classes": ["make"]}', encoding="utf8")
    overrides = {**overrides_for(TRF_CONFIG, corpus), **SHORT}
    overrides["initialize.lookups"] = {"@misc": "spacy-vaedie.Lexicon.v1", "path": str(lexicon)}
    overrides["components.extractor.model.parts.classes"] = {"@architectures": "spacy-vaedie.WordClasses.v1"}
    overrides["components.extractor.threshold"] = 0.0
    train(TRF_CONFIG, tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    # The lexicon is that of its vocabulary.
    doc = nlp(predicted_copy(next(DocBin().from_disk(corpus["train"]).get_docs(nlp.vocab))))
    (records,) = nlp.get_pipe("extractor").explain([doc])
    assert records
    assert all({"classes", "path", "latents"} <= set(record) for record in records)


@needs_transformers
@pytest.mark.parametrize("frozen", [True, False])
def test_the_transformer_below(frozen, corpus, tmp_path, en):
    """One setting says whether it is trained. Saved, it needs its own files no more, and runs in two processes."""
    from transformers import AutoModel

    weights = tmp_path / "transformer"
    shutil.copytree(corpus["transformer"], weights)
    overrides = overrides_for(TRF_CONFIG, {**corpus, "transformer": weights})
    train(TRF_CONFIG, tmp_path, overrides={**overrides, **SHORT, "components.vae_encoder.model.embed.frozen": frozen})
    shutil.rmtree(weights)
    nlp = spacy.load(tmp_path / "model-last")
    (node,) = (node for node in nlp.get_pipe("vae_encoder").model.walk() if node.name == "transformer")
    before = AutoModel.from_pretrained(corpus["transformer"]).encoder.state_dict()
    after = node.transformer.encoder.state_dict()
    assert all((before[name] == after[name]).all() for name in before) == frozen
    texts = [example.predicted.text for example in relation_examples(en)]
    docs = list(nlp.pipe(texts))
    for doc, other in zip(docs, nlp.pipe(texts, n_process=2, batch_size=1), strict=True):
        assert other._.latents.vectors == pytest.approx(doc._.latents.vectors, abs=1e-5)
    source = (
        "import json, sys, spacy; print(json.dumps(spacy.load(sys.argv[1])(sys.argv[2])._.latents.vectors.tolist()))"
    )
    found = run_python(source, tmp_path / "model-last", texts[0])
    assert found == [pytest.approx(row, abs=1e-5) for row in docs[0]._.latents.vectors.tolist()]
