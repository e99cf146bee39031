import json

import pytest
import spacy

from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.annotation import (
    DISCONTINUOUS,
    NO_SPAN,
    NOT_A_PAIR,
    OTHER_TEXT,
    OUTSIDE,
    REPEATED,
)
from spacy_vaedie.training.converters.bioc import read_bioc


def span(key, label, text, *places):
    locations = [{"offset": offset, "length": length} for offset, length in places]
    return {"id": key, "infons": {"type": label}, "text": text, "locations": locations}


def relation(label, *nodes):
    return {"infons": {"type": label}, "nodes": [{"refid": node, "role": ""} for node in nodes]}


TITLE = {"offset": 0, "text": "Zorbin.", "annotations": [span("1", "Chemical", "Zorbin", (0, 6))]}
# Passages are further apart than they are put here.
BODY = {
    "offset": 100,
    "text": "A rash came.",
    "annotations": [span("2", "Disease", "rash", (102, 4))],
    "relations": [relation("CAUSES", "1", "2")],
}


def read(tmp_path, *documents):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"source": "x", "infons": {}, "documents": documents}))
    report = ConversionReport()
    docs = list(make_docs(read_bioc(path, report), spacy.blank("en"), report))
    assert report.relations_read == report.relations_written + report.relations_lost.total()
    assert report.spans_read == report.spans_written + report.spans_lost.total()
    return docs, report


def test_passages(tmp_path):
    document = {"id": "7", "passages": [TITLE, BODY], "relations": [relation("IN", "2", "1")]}
    (doc,), report = read(tmp_path, document)
    assert doc.text == "Zorbin.\nA rash came."
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Zorbin", "Chemical"), ("rash", "Disease")]
    ends = [(r.head.resolve(doc).text, r.label, r.tail.resolve(doc).text) for r in doc._.relations]
    assert ends == [("rash", "IN", "Zorbin"), ("Zorbin", "CAUSES", "rash")]
    assert (doc.user_data["doc_id"], report.left_out) == ("7", [])


def test_sentences(tmp_path):
    passages = [{"offset": 0, "sentences": [TITLE, BODY]}, {**TITLE, "annotations": [], "sentences": [TITLE]}]
    (first, second), _ = read(tmp_path, *({"id": "7", "passages": [passage]} for passage in passages))
    assert [ent.text for ent in first.ents] == ["Zorbin", "rash"]
    assert len(first._.relations) == 1
    assert (second.text, [ent.text for ent in second.ents]) == ("Zorbin.", ["Zorbin"])


def test_what_is_lost_is_counted(tmp_path):
    annotations = [
        *BODY["annotations"],
        span("2", "X", "came", (107, 4)),
        span("3", "X", "A came", (100, 1), (107, 4)),
        span("4", "X", "much", (100, 400)),
        span("5", "X", "few", (100, 3)),
    ]
    pairs = [relation("R", "2", "2"), relation("R", "2", "3"), relation("R", "9", "2"), relation("R", "2", "2", "2")]
    _, report = read(tmp_path, {"id": "7", "passages": [{**BODY, "annotations": annotations, "relations": pairs}]})
    assert report.spans_lost == {REPEATED: 1, DISCONTINUOUS: 1, OUTSIDE: 1, OTHER_TEXT: 1}
    assert report.relations_lost == {DISCONTINUOUS: 1, NO_SPAN: 1, NOT_A_PAIR: 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offset": None}, "'passages.offset' is NoneType"),
        ({"annotations": [{"infons": {}}]}, "'infons.type' is missing"),
        ({"annotations": [span("1", "", "A", (100, 1))]}, "'infons.type' is empty"),
        ({"relations": [{"infons": {"type": "R"}}]}, "nodes' is missing"),
    ],
)
def test_damaged_documents(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.json, line 1:.*{message}"):
        read(tmp_path, {"id": "7", "passages": [{**BODY, **changes}]})


def test_empty_collection(tmp_path):
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path)
