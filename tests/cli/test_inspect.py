import json

import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_vaedie.analysis.novelty import registered_choices
from spacy_vaedie.cli import app
from spacy_vaedie.cli.inspect import inspect

from ..pipeline.helpers import SMALL_VAE, TEXTS, blank, raw_examples
from ..pipeline.test_generation import BAG, GRU, LANGUAGE_MODEL


@pytest.fixture(scope="module")
def model(en, tmp_path_factory):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={"model": {**SMALL_VAE["model"], "parse_layers": 0}})
    raw = raw_examples(en.pipe(f"{text[:-1]}, they say." if i % 2 else text for i, text in enumerate(TEXTS * 2)))
    optimizer = nlp.initialize(lambda: raw)
    nlp.update(raw, sgd=optimizer)
    folder = tmp_path_factory.mktemp("model")
    nlp.to_disk(folder)
    return str(folder)


@pytest.fixture
def corpus(en, tmp_path):
    docs = [en(text) for text in TEXTS * 3]
    for i, doc in enumerate(docs):
        doc.cats = {"even": float(i % 2 == 0), "odd": float(i % 2)}
    DocBin(docs=docs).to_disk(tmp_path / "corpus.spacy")
    (tmp_path / "other.txt").write_text("\n".join(["Rain again and again."] * 5), encoding="utf8")
    return tmp_path / "corpus.spacy"


def run(*args):
    return CliRunner().invoke(app, ["inspect", *map(str, args)])


def test_table_json_and_plot(model, corpus, tmp_path):
    other = corpus.with_name("other.txt")
    files = ("--output", tmp_path / "out" / "report.json", "--plot", tmp_path / "kl.svg")
    result = run(model, corpus, "--against", other, "--samples", 3, "--n-labels", 10, *files)
    assert result.exit_code == 0, result.output
    for part in ("24 texts", "perplexity", "batch of 24", "linear probe", "AUROC", "NeighbourNovelty"):
        assert part in result.output, part
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report["novelty"]) == set(registered_choices())
    assert all(0 <= found[str(other)] <= 1 for found in report["novelty"].values())
    assert report["probe"]["n_labels"] == 10
    assert (tmp_path / "kl.svg").exists()


def test_without_what_takes_time(model, corpus):
    report = inspect(model, corpus, [], samples=0, limit=20, n_labels=8)
    assert report["novelty"] is None
    assert report["likelihood"] is None
    assert report["n_docs"] == 20


def test_a_language_model(en, corpus, tmp_path):
    nlp = blank(en)
    config = {"model": {**SMALL_VAE["model"], "parse_layers": 0, "decoder": GRU}, "objective": LANGUAGE_MODEL}
    nlp.add_pipe("vae_encoder", config=config)
    nlp.initialize(lambda: raw_examples(en.pipe(TEXTS)))
    nlp.to_disk(tmp_path / "lm")
    result = run(tmp_path / "lm", corpus, "--against", corpus.with_name("other.txt"), "--samples", 2)
    assert result.exit_code == 0, result.output
    assert "it is a language model" in result.output
    for part in ("mutual information", "AUROC", "linear probe"):
        assert part not in result.output
    result = run(tmp_path / "lm", corpus, "--samples", 0, "--plot", tmp_path / "kl.svg")
    assert result.exit_code == 1
    assert "VE118" in result.output


def test_no_word_is_known(en, tmp_path):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={"model": {**SMALL_VAE["model"], "parse_layers": 0, "decoder": BAG}})
    nlp.initialize(lambda: raw_examples(en.pipe(TEXTS)))
    nlp.to_disk(tmp_path / "bag")
    (tmp_path / "other.txt").write_text("zyx wvu\n", encoding="utf8")
    with pytest.warns(UserWarning, match="VW103"):
        result = run(tmp_path / "bag", tmp_path / "other.txt", "--samples", 2)
    assert result.exit_code == 0, result.output
    assert "100.00 %" in result.output
    assert "perplexity" not in result.output
    assert "nats a prediction" not in result.output


def test_no_labels(model, corpus):
    assert inspect(model, corpus.with_name("other.txt"), [], samples=0)["probe"] is None
    with pytest.warns(UserWarning, match=r"VW502.*not every text has a category"):
        result = run(model, corpus.with_name("other.txt"), "--samples", 0, "--n-labels", 100)
    assert result.exit_code == 0, result.output
    assert "linear probe" not in result.output


def test_labels_are_probed_by_default(model, corpus):
    result = run(model, corpus, "--samples", 0)
    assert result.exit_code == 0, result.output
    assert "12 labels of 2 classes" in result.output
    assert "linear probe" not in run(model, corpus, "--samples", 0, "--n-labels", 0).output


def test_errors_are_told(model, corpus, tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    for args, code in (
        ((tmp_path / "blank", corpus), "VE503"),
        ((model, tmp_path / "none.spacy"), "VE301"),
        ((model, corpus, "--plot", "kl.txt", "--samples", 0), "VE302"),
        ((model, corpus, "--samples", 0, "--n-labels", 100), "VE502"),
    ):
        result = run(*args)
        assert result.exit_code == 1
        assert code in result.output, result.output
