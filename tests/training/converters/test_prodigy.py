import json

import pytest
import spacy

from spacy_vaedie.training.converters import META, ConversionReport, make_docs
from spacy_vaedie.training.converters.prodigy import read_prodigy

REAL = "explosion/projects/v3/tutorials/rel_component/assets/annotations.jsonl"


def record(**changes):
    """'Kelp-X blocks Zorb 2.' with two spans, as older versions of Prodigy write it: tokens, and relations by token."""
    pieces = [("Kelp", False), ("-", False), ("X", True), ("blocks", True), ("Zorb", True), ("2", False), (".", False)]
    value = {
        "text": "Kelp-X blocks Zorb 2.",
        "tokens": [{"text": text, "ws": ws, "id": i} for i, (text, ws) in enumerate(pieces)],
        "spans": [
            {"start": 0, "end": 6, "token_start": 0, "token_end": 2, "label": "GENE"},
            {"start": 14, "end": 20, "token_start": 4, "token_end": 5, "label": "DRUG"},
        ],
        "relations": [{"head": 5, "child": 2, "label": "Blocked-By"}],
        "answer": "accept",
        "meta": {"source": "PMC-12-3.txt"},
    }
    value.update(changes)
    return {key: item for key, item in value.items() if item is not ...}


def read(path, *records):
    path.write_text("\n".join(json.dumps(r) for r in records))
    report = ConversionReport()
    return list(read_prodigy(path, report)), report


def test_relations_by_last_token(tmp_path):
    (annotation,), report = read(tmp_path / "a.jsonl", record())
    assert annotation.relations == [(1, 0, "Blocked-By")]
    (doc,) = make_docs([annotation], spacy.blank("en"), report)
    assert [t.text for t in doc] == ["Kelp", "-", "X", "blocks", "Zorb", "2", "."]
    assert doc.text == "Kelp-X blocks Zorb 2."
    (relation,) = doc._.relations
    assert (relation.head.resolve(doc).text, relation.tail.resolve(doc).text) == ("Zorb 2", "Kelp-X")
    assert (relation.head.label, relation.tail.label) == ("DRUG", "GENE")
    assert doc.user_data[META] == {"source": "PMC-12-3.txt"}
    assert report.left_out == []


def test_polarity(tmp_path):
    """It is optional, and kept."""
    relations = [{"head": 5, "child": 2, "label": "R", "polarity": "negated"}, {"head": 2, "child": 5, "label": "S"}]
    annotations, report = read(tmp_path / "a.jsonl", record(relations=relations))
    (doc,) = make_docs(annotations, spacy.blank("en"), report)
    assert [relation.polarity for relation in doc._.relations] == ["negated", None]


@pytest.mark.parametrize(("polarity", "message"), [("maybe", "maybe.*hypothetical"), (1, "polarity.*a text")])
def test_an_unknown_polarity_is_refused(tmp_path, polarity, message):
    relation = {"head": 5, "child": 2, "label": "R", "polarity": polarity}
    with pytest.raises(ValueError, match=f"VE303.*line 1.*{message}"):
        read(tmp_path / "a.jsonl", record(relations=[relation]))


def test_relations_by_characters(tmp_path):
    relation = {"head": 5, "child": 2, "label": "R", "head_span": {"start": 0, "end": 6}, "child_span": {}}
    relation["child_span"] = {"start": 14, "end": 20}
    (annotation,), _ = read(tmp_path / "a.jsonl", record(relations=[relation]))
    assert annotation.relations == [(0, 1, "R")]


def test_one_span_under_two_labels(tmp_path):
    spans = [
        {"start": 0, "end": 6, "token_start": 0, "token_end": 2, "label": label} for label in ("GENE", "PROTEIN")
    ] + [{"start": 14, "end": 20, "token_start": 4, "token_end": 5, "label": "DRUG"}]
    relation = {"head": 2, "child": 5, "label": "R", "head_span": spans[1], "child_span": spans[2]}
    (annotation,), _ = read(tmp_path / "a.jsonl", record(spans=spans, relations=[relation]))
    assert annotation.relations == [(1, 2, "R")]


def test_a_relation_without_its_span_is_named(tmp_path):
    relations = [{"head": 5, "child": 3, "label": "R"}, {"head": 2, "child": 5, "label": "S"}]
    annotations, report = read(tmp_path / "a.jsonl", record(), record(relations=relations))
    assert annotations[1].relations == [(0, 1, "S")]
    list(make_docs(annotations, spacy.blank("en"), report))
    assert (report.relations_read, report.relations_written) == (3, 2)
    assert report.left_out == [("2", "relation 'R': no span for its child")]


def test_fields_that_may_be_missing(tmp_path):
    records = [record(relations=...), record(relations=[]), record(tokens=..., answer=..., meta=...)]
    annotations, _ = read(tmp_path / "a.jsonl", *records)
    assert [a.relations for a in annotations] == [None, [], [(1, 0, "Blocked-By")]]
    assert annotations[2].words is None
    assert annotations[2].meta == {}
    bare, _ = read(tmp_path / "a.jsonl", {"text": "Nothing here."})
    assert (bare[0].spans, bare[0].relations) == ([], None)


def test_rejected_texts_are_counted(tmp_path):
    annotations, report = read(tmp_path / "a.jsonl", record(answer="reject"), record(), record(answer="ignore"))
    assert [a.doc_id for a in annotations] == ["2"]
    assert (report.docs_read, report.docs_rejected) == (1, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": ...}, "'text' is missing"),
        ({"text": 5}, "'text' is int, but must be a text"),
        ({"spans": 5}, "'spans' is int, but must be a list"),
        ({"spans": [{"end": 6, "label": "X"}]}, "'spans.start' is missing"),
        ({"spans": [{"start": True, "end": 6, "label": "X"}]}, "'spans.start' is bool"),
        ({"spans": ["x"]}, "expected an object in 'spans.'"),
        ({"relations": None}, "'relations' is NoneType"),
        ({"relations": [{"head": 5, "child": 2}]}, "'relations.label' is missing"),
        ({"relations": [{"head": 5, "label": "R"}]}, "'relations.child' is missing"),
        (
            {"relations": [{"head_span": {"start": 5}, "child": 2, "label": "R"}]},
            "'relations.head_span.end' is missing",
        ),
        ({"tokens": [{"ws": True}]}, "'tokens.text' is missing"),
        ({"tokens": [{"text": "Other"}]}, "do not hold the same text"),
        ({"meta": []}, "'meta' is list"),
    ],
)
def test_damaged_records_name_line_and_field(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.jsonl, line 2:.*{message}"):
        read(tmp_path / "a.jsonl", record(), record(**changes))


def test_damaged_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n{"text": ')
    with pytest.raises(ValueError, match=r"VE303.*line 2: no valid JSON"):
        list(read_prodigy(path, ConversionReport()))
    path.write_text("[1]")
    with pytest.raises(ValueError, match=r"VE303.*line 1: expected an object"):
        list(read_prodigy(path, ConversionReport()))
    path.write_text("\n")
    with pytest.raises(ValueError, match="VE304"):
        list(read_prodigy(path, ConversionReport()))


def test_no_relation_of_the_real_file_is_lost(data_root):
    report = ConversionReport()
    nlp = spacy.blank("en")
    docs = list(make_docs(read_prodigy(data_root / REAL, report), nlp, report))
    assert report == ConversionReport(149, 0, 149, 466, 466, 267, 267)
    with (data_root / REAL).open() as file:
        records = [json.loads(line) for line in file]
    for doc, value in zip(docs, records, strict=True):
        assert doc.text == value["text"]
        found = [(r.head.end - 1, r.tail.end - 1, r.label) for r in doc._.relations]
        assert found == [(r["head"], r["child"], r["label"]) for r in value["relations"]]
        # The tutorial splits by article, which the meta names.
        assert doc.user_data[META]["source"].split("-")[1] == value["meta"]["source"].split("-")[1]
