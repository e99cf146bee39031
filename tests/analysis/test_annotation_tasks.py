import json

import pytest
import spacy
from spacy.tokens import Span

from spacy_vaedie.analysis.annotation_tasks import FORMATS, label_studio_task, prodigy_task, task_spans
from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.prodigy import read_prodigy

from ..pipeline.extractors import SPAN_PAIRS, alone

TEXT = "Ada Quill  didn't found Bluefin Works, she says."


@pytest.fixture
def doc():
    doc = spacy.blank("en")(TEXT)
    doc.ents = [Span(doc, 0, 2, label="PER"), Span(doc, 6, 8, label="ORG")]
    assert [ent.text for ent in doc.ents] == ["Ada Quill", "Bluefin Works"]
    head, tail = (Argument(ent.start, ent.end, ent.label_) for ent in doc.ents)
    doc._.relations = [Relation(head, tail, "FOUNDED", 0.75, "model", polarity="negated")]
    return doc


def read_back(tmp_path, task):
    (tmp_path / "tasks.jsonl").write_text(json.dumps(task), encoding="utf8")
    report = ConversionReport()
    (doc,) = make_docs(read_prodigy(tmp_path / "tasks.jsonl", report), spacy.blank("en"), report)
    assert report.left_out == []
    return doc


def test_prodigy_is_read_back(doc, tmp_path):
    found = read_back(tmp_path, prodigy_task(doc, task_spans(doc), {"row": 3}))
    assert found.text == doc.text
    assert [token.text_with_ws for token in found] == [token.text_with_ws for token in doc]
    assert [(ent.text, ent.label_) for ent in found.ents] == [(ent.text, ent.label_) for ent in doc.ents]
    (relation,), (expected,) = found._.relations, doc._.relations
    assert (relation.head, relation.tail) == (expected.head, expected.tail)
    assert (relation.label, relation.polarity) == ("FOUNDED", "negated")
    assert found.user_data["meta"] == {"row": 3}


def test_older_prodigy_reads_the_last_tokens(doc, tmp_path):
    """Relations name tokens, too, for programs that know no spans of relations."""
    task = prodigy_task(doc, task_spans(doc), {})
    for relation in task["relations"]:
        del relation["head_span"], relation["child_span"]
    (relation,) = read_back(tmp_path, task)._.relations
    assert (relation.head.label, relation.tail.label) == ("PER", "ORG")


def test_not_annotated_is_not_empty(doc, tmp_path):
    doc._.relations = None
    assert "relations" not in prodigy_task(doc, task_spans(doc), {})
    assert read_back(tmp_path, prodigy_task(doc, task_spans(doc), {}))._.relations is None
    doc._.relations = []
    assert prodigy_task(doc, task_spans(doc), {})["relations"] == []


def test_label_studio(doc):
    meta = {"row": 3, "uncertainty": 0.25}
    task = json.loads(json.dumps(label_studio_task(doc, task_spans(doc), meta)))
    text, (prediction,) = task["data"]["text"], task["predictions"]
    assert text == TEXT
    assert task["meta"] == meta
    assert prediction["score"] == 0.75
    regions = {item["id"]: item["value"] for item in prediction["result"] if item["type"] == "labels"}
    assert len(regions) == 2
    for value in regions.values():
        assert text[value["start"] : value["end"]] == value["text"]
    (relation,) = (item for item in prediction["result"] if item["type"] == "relation")
    ends = [(regions[relation[end]]["text"], regions[relation[end]]["labels"]) for end in ("from_id", "to_id")]
    assert ends == [("Ada Quill", ["PER"]), ("Bluefin Works", ["ORG"])]
    assert (relation["labels"], relation["direction"]) == (["FOUNDED"], "right")
    assert "score" not in label_studio_task(doc, task_spans(doc), {})["predictions"][0]


def test_spans_are_those_that_are_paired(en, doc):
    pipe = alone(en, candidates=SPAN_PAIRS).get_pipe("extractor")
    doc.spans["sc"] = [Span(doc, 1, 2, label="NAME"), Span(doc, 0, 2, label="PER")]
    found = task_spans(doc, pipe)
    assert found == [Argument(0, 2, "PER"), Argument(1, 2, "NAME"), Argument(6, 8, "ORG")]
    for make in FORMATS.values():
        assert make(doc, found, {})
