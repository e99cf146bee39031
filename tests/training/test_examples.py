import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training import make_example
from spacy_vaedie.training.examples import gold_copy, predicted_copy

TEXT = "Ada Quill founded Bluefin Ltd in Oslo."
PERSON, ORG, CITY = (0, 9, "PERSON"), (18, 29, "ORG"), (33, 37, "GPE")


@pytest.fixture
def doc():
    return spacy.blank("en")(TEXT)


def test_entities_and_relations(doc):
    example = make_example(doc, entities=[PERSON, ORG, CITY], relations=[(0, 1, "FOUNDED"), (1, 2, "BASED_IN")])
    for side in (example.predicted, example.reference):
        assert [(e.text, e.label_) for e in side.ents] == [
            ("Ada Quill", "PERSON"),
            ("Bluefin Ltd", "ORG"),
            ("Oslo", "GPE"),
        ]
    assert example.reference._.relations == [
        Relation(Argument(0, 2, "PERSON"), Argument(3, 5, "ORG"), "FOUNDED"),
        Relation(Argument(3, 5, "ORG"), Argument(6, 7, "GPE"), "BASED_IN"),
    ]
    assert example.predicted._.relations is None


def test_the_given_doc_is_not_changed(doc):
    make_example(doc, entities=[PERSON, ORG], relations=[(0, 1, "FOUNDED")])
    make_example(doc, entities=[PERSON, ORG], relations=[], spans_key="sc")
    assert doc.ents == ()
    assert len(doc.spans) == 0
    assert doc._.relations is None


def test_no_annotation_and_no_relations_differ(doc):
    assert make_example(doc, entities=[PERSON]).reference._.relations is None
    assert make_example(doc, entities=[PERSON], relations=[]).reference._.relations == []


def test_nested_entities_need_a_spans_key(doc):
    entities = [ORG, (18, 25, "NAME")]
    with pytest.raises(ValueError, match=r"VE308.*overlap.*spans_key"):
        make_example(doc, entities=entities)
    example = make_example(doc, entities=entities, relations=[(0, 1, "CALLED")], spans_key="sc")
    for side in (example.predicted, example.reference):
        assert [(s.text, s.label_) for s in side.spans["sc"]] == [("Bluefin Ltd", "ORG"), ("Bluefin", "NAME")]
    relation = example.reference._.relations[0]
    assert (relation.head.end, relation.tail.end) == (5, 4)


def test_entities_of_the_doc_are_used_where_none_are_given(doc):
    doc.ents = [Span(doc, 0, 2, label="PERSON"), Span(doc, 3, 5, label="ORG")]
    example = make_example(doc, relations=[(1, 0, "FOUNDED_BY")])
    assert example.reference._.relations[0].head == Argument(3, 5, "ORG")
    assert [e.text for e in example.predicted.ents] == ["Ada Quill", "Bluefin Ltd"]
    doc.spans["sc"] = [doc[6:7]]
    assert make_example(doc, relations=[(0, 0, "SELF")], spans_key="sc").reference._.relations[0].head.start == 6


@pytest.mark.parametrize("entity", [(0, 5, "PERSON"), (4, 4, "PERSON"), (30, 500, "GPE"), (-3, 4, "X")])
def test_offsets_that_do_not_fit_tokens(doc, entity):
    with pytest.raises(ValueError, match="VE308"):
        make_example(doc, entities=[entity])


def test_the_message_names_the_tokens_that_are_there(doc):
    with pytest.raises(ValueError, match=r"'Ada Quill', characters 0 to 9"):
        make_example(doc, entities=[(0, 5, "PERSON")])


@pytest.mark.parametrize("relation", [(0, 2, "FOUNDED"), (-1, 0, "FOUNDED")])
def test_indices_out_of_range(doc, relation):
    with pytest.raises(ValueError, match=r"VE308.*2 entities"):
        make_example(doc, entities=[PERSON, ORG], relations=[relation])


def test_the_parse_goes_to_the_predicted_doc_only(en):
    example = make_example(en(TEXT), entities=[PERSON, ORG], relations=[(0, 1, "FOUNDED")])
    assert example.predicted.has_annotation("DEP")
    assert not example.reference.has_annotation("DEP")


def test_predicted_copy_keeps_parse_entities_and_span_groups_but_nothing_else(en):
    reference = en(TEXT + " She didn't stay.")
    reference.spans["sc"] = [Span(reference, 3, 4, label="NAME", kb_id="Q7", span_id="n1")]
    reference.spans["sc"].attrs["source"] = "test"
    reference._.relations = []
    reference.user_data["doc_id"] = "7"
    copy = predicted_copy(reference)
    attributes = ["ORTH", "NORM", "SPACY", "TAG", "POS", "LEMMA", "MORPH", "DEP", "HEAD", "SENT_START"]
    attributes += ["ENT_IOB", "ENT_TYPE"]
    np.testing.assert_array_equal(copy.to_array(attributes), reference.to_array(attributes))
    assert "not" in [token.norm_ for token in copy]
    assert [s.text for s in copy.sents] == [s.text for s in reference.sents]
    (span,) = copy.spans["sc"]
    assert (span.doc, span.text, span.label_, span.kb_id_, span.id_) == (copy, "Bluefin", "NAME", "Q7", "n1")
    assert copy.spans["sc"].attrs == {"source": "test"}
    assert copy._.relations is None
    assert copy.user_data == {}


def test_predicted_copy_without_parse_and_entities(en):
    reference = en(TEXT)
    reference.spans["sc"] = [reference[0:2]]
    copy = predicted_copy(reference, parse=False, entities=False)
    assert [t.text_with_ws for t in copy] == [t.text_with_ws for t in reference]
    for attribute in ("DEP", "TAG", "POS", "LEMMA", "SENT_START", "ENT_IOB"):
        assert not copy.has_annotation(attribute)
    assert len(copy.spans) == 0


def test_predicted_copy_of_sentence_starts_without_a_parse(doc):
    for token in doc:
        token.is_sent_start = token.i in (0, 4)
    copy = predicted_copy(doc)
    assert [s.start for s in copy.sents] == [0, 4]
    assert not copy.has_annotation("DEP")


def test_predicted_copy_of_odd_docs(doc):
    assert len(predicted_copy(Doc(doc.vocab))) == 0
    unknown = Doc(doc.vocab, words=["one", "two"])
    (stored,) = DocBin(docs=[unknown]).get_docs(doc.vocab)
    assert predicted_copy(stored).has_unknown_spaces == stored.has_unknown_spaces
    assert predicted_copy(stored).text == stored.text


def test_entities_that_were_not_annotated_stay_so(doc):
    assert not predicted_copy(doc).has_annotation("ENT_IOB")
    doc.ents = []
    assert predicted_copy(doc).has_annotation("ENT_IOB")


def test_gold_copy_has_what_was_annotated():
    vocab = spacy.blank("en").vocab
    words = ["Ada", "Quill", "left", "Oslo"]
    predicted = Doc(vocab, words=words, heads=[1, 2, 2, 2], deps=["compound", "nsubj", "ROOT", "dobj"])
    predicted.ents = [Span(predicted, 0, 1, label="ORG")]
    predicted.spans["sc"] = [Span(predicted, 1, 2, label="X")]
    predicted.spans["other"] = [Span(predicted, 1, 2, label="X")]
    reference = Doc(vocab, words=words)
    reference.ents = [Span(reference, 0, 2, label="PERSON"), Span(reference, 3, 4, label="GPE")]
    reference.spans["sc"] = [Span(reference, 0, 2, label="PERSON"), Span(reference, 1, 2, label="NAME")]
    found = gold_copy(Example(predicted, reference))
    assert [(e.text, e.label_) for e in found.ents] == [("Ada Quill", "PERSON"), ("Oslo", "GPE")]
    # which may overlap
    assert [(s.text, s.label_) for s in found.spans["sc"]] == [("Ada Quill", "PERSON"), ("Quill", "NAME")]
    assert list(found.spans["other"]) == []
    assert [token.dep_ for token in found] == [token.dep_ for token in predicted]
    assert [e.text for e in predicted.ents] == ["Ada"]


def test_gold_copy_leaves_out_what_does_not_fit_the_tokens():
    vocab = spacy.blank("en").vocab
    predicted = Doc(vocab, words=["Ada", "left", "Oslo-by"], spaces=[True, True, False])
    reference = Doc(vocab, words=["Ada", "left", "Oslo", "-", "by"], spaces=[True, True, False, False, False])
    reference.ents = [Span(reference, 0, 1, label="PERSON"), Span(reference, 2, 3, label="GPE")]
    assert [e.text for e in gold_copy(Example(predicted, reference)).ents] == ["Ada"]
