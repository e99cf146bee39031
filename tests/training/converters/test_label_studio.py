import json

import pytest
import spacy

from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.annotation import NO_LABEL, NO_SPAN, OTHER_TEXT, OUTSIDE, REPEATED
from spacy_vaedie.training.converters.label_studio import read_label_studio

TEXT = "\U0001f600 Ada founded \U0001d4d0 Bluefin."


def region(key, start, end, text=None, label="PER", kind="labels"):
    value = {"start": start, "end": end, kind: [label] if label else []}
    return {"id": key, "type": kind, "value": value if text is None else {**value, "text": text}}


def relation(head, tail, *labels, direction="right"):
    return {"type": "relation", "from_id": head, "to_id": tail, "direction": direction, "labels": list(labels)}


# In UTF-16 code units: each of the two characters before counts twice.
ADA, BLUEFIN = region("a", 3, 6, "Ada"), region("b", 18, 25, "Bluefin", "ORG")


def task(*result, **changes):
    return {"id": 7, "data": {"text": TEXT}, "annotations": [{"result": list(result)}], **changes}


def read(tmp_path, *tasks):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(tasks), encoding="utf-8-sig")
    report = ConversionReport()
    docs = list(make_docs(read_label_studio(path, report), spacy.blank("en"), report, spans_key="sc"))
    assert report.relations_read == report.relations_written + report.relations_lost.total()
    assert report.spans_read == report.spans_written + report.spans_lost.total()
    return docs, report


def words(doc):
    return [(r.head.resolve(doc).text, r.label, r.tail.resolve(doc).text) for r in doc._.relations]


def test_offsets_count_utf16(tmp_path):
    for given in ("Ada", None):
        ada = region("a", 3, 6, given)
        (doc,), report = read(tmp_path, task(ada, BLUEFIN, relation("a", "b", "FOUNDED")))
        assert words(doc) == [("Ada", "FOUNDED", "Bluefin")]
        assert doc._.relations[0].tail.label == "ORG"
        assert (doc.text, doc.user_data["doc_id"]) == (TEXT, "7")
        assert report.left_out == []


def test_offsets_of_scripts_count_characters(tmp_path):
    (doc,), _ = read(tmp_path, task(region("a", 2, 5, "Ada"), BLUEFIN, relation("a", "b", "FOUNDED")))
    assert words(doc) == [("Ada", "FOUNDED", "Bluefin")]


def test_directions_and_labels(tmp_path):
    back, both = relation("a", "b", "X", direction="left"), relation("a", "b", "Y", "Z", direction="bi")
    (doc,), _ = read(tmp_path, task(back, both, ADA, BLUEFIN))
    assert words(doc) == [("Bluefin", "X", "Ada"), ("Ada", "Y", "Bluefin"), ("Ada", "Z", "Bluefin")]


def test_what_is_lost_is_counted(tmp_path):
    result = [
        ADA,
        region("a", 18, 25, "Bluefin"),
        region("c", 1, 3),
        region("d", 3, 90),
        region("e", 3, 6, "Bo"),
        relation("a", "gone", "R"),
        relation("c", "a", "R"),
        relation("a", "a"),
        {"id": "a", "type": "choices", "value": {"choices": ["good"]}},
    ]
    (doc,), report = read(tmp_path, task(*result))
    assert [span.text for span in doc.spans["sc"]] == ["Ada"]
    assert report.spans_lost == {REPEATED: 1, OUTSIDE: 2, OTHER_TEXT: 1}
    assert report.relations_lost == {NO_SPAN: 2, NO_LABEL: 1}
    assert report.ignored == {"results without a span": 1}
    assert report.left_out[-1] == ("7", "relation '': it has no label (from a to a)")


def test_which_annotation_is_read(tmp_path):
    cancelled = {"was_cancelled": True, "result": [BLUEFIN]}
    first, best = {"result": [BLUEFIN]}, {"result": [ADA], "ground_truth": True}
    docs, report = read(
        tmp_path,
        task(annotations=[cancelled, first, best]),
        task(annotations=[first, {"result": [ADA]}], id=8),
        task(annotations=[cancelled], id=9),
        task(annotations=[], predictions=[first], id=10),
    )
    assert [[span.text for span in doc.spans.get("sc", ())] for doc in docs] == [["Ada"], ["Bluefin"], []]
    assert [doc._.relations for doc in docs] == [[], [], None]
    assert (report.docs_read, report.docs_rejected, report.docs_written) == (3, 1, 3)
    assert report.ignored == {"further annotations of a task": 2}


def test_text_under_another_name(tmp_path):
    (doc,), _ = read(tmp_path, task(ADA, data={"body": TEXT, "n": 5}, meta={"doc": "x"}))
    assert (doc.text, doc.user_data["meta"]) == (TEXT, {"doc": "x"})
    with pytest.raises(ValueError, match=r"VE303.*line 1: the field 'data.text' is missing"):
        read(tmp_path, task(data={"one": "a", "two": "b"}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": 5}, "'data' is int"),
        ({"annotations": [{"result": 5}]}, "'annotations.result' is int"),
        ({"annotations": [{"result": [region("a", 1.5, 2)]}]}, "'value.start' is float"),
        ({"annotations": [{"result": [relation("a", 5, "R")]}]}, "'result.to_id' is int"),
        ({"annotations": [{"result": [relation("a", "a", "")]}]}, "'labels'"),
        ({"annotations": [{"result": [ADA, {**relation("a", "a", "R"), "polarity": "so"}]}]}, "'polarity' is 'so'"),
    ],
)
def test_damaged_tasks(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.json, line 1:.*{message}"):
        read(tmp_path, task(**changes))


def test_empty_file(tmp_path):
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path)
