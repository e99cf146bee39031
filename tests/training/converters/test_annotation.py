import hashlib
from collections import Counter

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.converters import (
    CONVERTERS,
    META,
    Annotation,
    ConversionReport,
    Converter,
    check_md5,
    convert_file,
    get_converter,
    get_doc_id,
    make_docs,
)

TEXT = "Ada Quill founded Bluefin Ltd in Oslo."
SPANS = [(0, 9, "PERSON"), (18, 29, "ORG"), (33, 37, "GPE")]


@pytest.fixture
def nlp():
    return spacy.blank("en")


def make(nlp, *annotations, **options):
    report = ConversionReport()
    return list(make_docs(annotations, nlp, report, **options)), report


def test_spans_relations_and_what_is_kept_beside(nlp):
    annotation = Annotation("a7", TEXT, SPANS, [(0, 1, "FOUNDED"), (2, 1, "SEAT_OF")], meta={"source": "x", "n": [1]})
    (doc,), report = make(nlp, annotation)
    assert [(e.text, e.label_) for e in doc.ents] == [("Ada Quill", "PERSON"), ("Bluefin Ltd", "ORG"), ("Oslo", "GPE")]
    assert doc._.relations == [
        Relation(Argument(0, 2, "PERSON"), Argument(3, 5, "ORG"), "FOUNDED"),
        Relation(Argument(6, 7, "GPE"), Argument(3, 5, "ORG"), "SEAT_OF"),
    ]
    (stored,) = DocBin(docs=[doc], store_user_data=True).get_docs(spacy.blank("en").vocab)
    assert stored._.relations == doc._.relations
    assert get_doc_id(stored) == "a7"
    assert stored.user_data[META]["source"] == "x"
    assert report == ConversionReport(
        docs_written=1, spans_read=3, spans_written=3, relations_read=2, relations_written=2
    )


def test_not_annotated_and_none_there_differ(nlp):
    (first, second), _ = make(nlp, Annotation("1", TEXT, SPANS, None), Annotation("2", TEXT, [], []))
    assert first._.relations is None
    assert second._.relations == []
    assert second.has_annotation("ENT_IOB")
    assert get_doc_id(nlp("no converter")) is None


def test_spans_that_do_not_fit_are_named_with_their_relations(nlp):
    spans = [(0, 5, "PERSON"), (18, 29, "ORG"), (33, 37, "GPE")]
    relations = [(0, 1, "FOUNDED"), (1, 0, "FOUNDED_BY"), (1, 2, "BASED_IN")]
    (doc,), report = make(nlp, Annotation("a7", TEXT, spans, relations))
    assert [e.text for e in doc.ents] == ["Bluefin Ltd", "Oslo"]
    assert [r.label for r in doc._.relations] == ["BASED_IN"]
    assert (report.spans_read, report.spans_written) == (3, 2)
    assert (report.relations_read, report.relations_written) == (3, 1)
    reasons = [reason for doc_id, reason in report.left_out if doc_id == "a7"]
    assert len(reasons) == 3
    assert "'Ada Q'" in reasons[0]
    assert "head" in reasons[1]
    assert "tail" in reasons[2]
    assert report.first.startswith("document a7: span 'Ada Q'")


def test_split_at_spans_loses_nothing(nlp):
    text = "The anti-rusting layer didn't hold."
    spans = [(9, 13, "X"), (9, 16, "Y"), (17, 22, "Z")]
    annotation = Annotation("1", text, [spans[0], spans[2]], [(0, 1, "R")])
    (doc,), report = make(nlp, annotation, split_at_spans=True)
    assert doc.text == text
    assert [t.text for t in doc][1:6] == ["anti", "-", "rust", "ing", "layer"]
    assert [e.text for e in doc.ents] == ["rust", "layer"]
    assert len(doc._.relations) == 1
    assert report.left_out == []
    whole = [t.text for t in nlp(text)]
    (doc,), _ = make(nlp, Annotation("1", text, [(4, 16, "X")]), split_at_spans=True)
    assert [t.text for t in doc] == whole
    assert [t.norm_ for t in doc] == [t.norm_ for t in nlp(text)]


def test_overlapping_spans(nlp):
    annotation = Annotation("1", TEXT, [(18, 25, "NAME"), (18, 29, "ORG")], [(1, 0, "CALLED")])
    (doc,), report = make(nlp, annotation)
    assert [e.text for e in doc.ents] == ["Bluefin Ltd"]
    assert doc._.relations == []
    assert "'Bluefin'" in report.left_out[0][1]
    assert "spans key" in report.left_out[0][1]
    (doc,), report = make(nlp, annotation, spans_key="sc")
    assert [(s.text, s.label_) for s in doc.spans["sc"]] == [("Bluefin", "NAME"), ("Bluefin Ltd", "ORG")]
    assert doc.ents == ()
    assert len(doc._.relations) == 1
    assert report.left_out == []


def test_a_span_that_is_listed_twice_is_kept_once(nlp):
    annotation = Annotation("1", TEXT, [SPANS[0], SPANS[0], SPANS[1]], [(0, 2, "A"), (1, 2, "B")])
    for options in ({}, {"spans_key": "sc"}):
        (doc,), report = make(nlp, annotation, **options)
        assert len(doc.spans.get("sc", doc.ents)) == 2
        assert [(r.head.start, r.label) for r in doc._.relations] == [(0, "A"), (0, "B")]
        assert report.left_out == []


def test_given_words(nlp):
    annotation = Annotation("1", "Non-stick pan", [(4, 9, "X")], [], words=["Non", "-", "stick", "pan"])
    annotation = Annotation(**{**vars(annotation), "spaces": [False, False, True, False]})
    (doc,), report = make(nlp, annotation)
    assert [t.text for t in doc] == ["Non", "-", "stick", "pan"]
    assert doc.ents[0].text == "stick"
    assert report.left_out == []


def test_a_pipeline_adds_its_parse_but_no_entities(en):
    (doc, other), _ = make(
        en,
        Annotation("1", TEXT, [SPANS[0]], []),
        Annotation(
            "2",
            TEXT,
            [],
            [],
        ),
        spans_key="sc",
    )
    assert doc.has_annotation("DEP")
    assert doc.has_annotation("LEMMA")
    assert en(TEXT).ents != ()
    assert doc.ents == other.ents == ()
    assert "ner" in en.pipe_names


def test_checksum(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"known")
    check_md5(path, hashlib.md5(b"known").hexdigest().upper())
    with pytest.raises(ValueError, match=r"VE305.*a\.txt"):
        check_md5(path, "0" * 32)
    with pytest.raises(FileNotFoundError, match="VE301"):
        check_md5(tmp_path / "gone.txt", "0" * 32)


def test_unknown_format():
    assert get_converter("semeval") is CONVERTERS["semeval"]
    with pytest.raises(ValueError, match=r"VE309.*'brat3'.*prodigy, pubtator, scierc, semeval"):
        get_converter("brat3")


def test_convert_file_writes_both_parts(tmp_path, nlp):
    spans = [(0, 1, "X"), (2, 3, "X")]
    annotations = [Annotation(f"{label}:{i}", "a b", spans, [(0, 1, label)]) for i, label in enumerate("AAAAAABBBB")]
    converter = Converter(lambda path, report: iter(annotations))
    report = convert_file(
        tmp_path / "in", tmp_path / "out" / "train.spacy", converter, nlp, dev=(5, tmp_path / "out" / "dev.spacy")
    )
    ids = {}
    for name in ("train", "dev"):
        docs = DocBin().from_disk(tmp_path / "out" / f"{name}.spacy").get_docs(nlp.vocab)
        ids[name] = [get_doc_id(doc) for doc in docs]
    assert Counter(i[0] for i in ids["dev"]) == {"A": 3, "B": 2}
    assert sorted(ids["train"] + ids["dev"]) == sorted(a.doc_id for a in annotations)
    assert report.docs_written == 10


def test_strict_writes_nothing(tmp_path, nlp):
    converter = Converter(lambda path, report: iter([Annotation("a7", TEXT, [(0, 5, "X")], [])]))
    with pytest.raises(ValueError, match="VE306.*1 of the items.*a7"):
        convert_file(tmp_path / "in", tmp_path / "out.spacy", converter, nlp, strict=True)
    assert list(tmp_path.iterdir()) == []
    assert len(convert_file(tmp_path / "in", tmp_path / "out.spacy", converter, nlp).left_out) == 1
    assert (tmp_path / "out.spacy").exists()
