from dataclasses import replace

import pytest

from spacy_vaedie.analysis.outcomes import count_confusion, labels_of, match_relations, read_outcomes
from spacy_vaedie.models.constraints import build_schema

from .judged import ACME, ADA, BO, PARIS, judged, outcome

ACME_PER = replace(ACME, label="PER")


@pytest.mark.parametrize(
    ("predicted", "kinds"),
    [
        ((ADA, ACME, "FOUNDED"), ["right"]),
        ((ADA, ACME_PER, "FOUNDED"), ["arguments"]),
        ((ADA, ACME, "OWNS"), ["label"]),
        ((ACME, ADA, "FOUNDED"), ["direction"]),
        ((ACME, ADA, "OWNS"), ["spurious", "missed"]),
        ((ADA, PARIS, "FOUNDED"), ["spurious", "missed"]),
    ],
)
def test_kinds(predicted, kinds):
    assert [item.kind for item in match_relations(outcome([predicted], [(ADA, ACME, "FOUNDED")]))] == kinds


def test_each_relation_stands_in_one_outcome():
    """The surer of two predictions takes the annotated relation; the other one is spurious."""
    text = outcome(
        [(ADA, ACME, "OWNS", 0.6), (ADA, ACME, "SOLD", 0.9), (BO, ACME, "OWNS", 0.5)],
        [(ADA, ACME, "FOUNDED"), (BO, PARIS, "LIVES_IN")],
    )
    found = match_relations(text)
    assert sorted(item.kind for item in found) == ["label", "missed", "spurious", "spurious"]
    (wrong,) = (item for item in found if item.kind == "label")
    assert (wrong.gold.label, wrong.predicted.label, wrong.predicted.score) == ("FOUNDED", "SOLD", 0.9)
    assert {item.gold for item in found} - {None} == text.gold
    assert {item.predicted for item in found} - {None} == text.predicted


def test_confusion_by_hand():
    text = outcome(
        [
            (ADA, ACME, "FOUNDED"),
            (BO, ACME_PER, "FOUNDED"),
            (ADA, PARIS, "FOUNDED"),
            (PARIS, ACME, "BASED_IN"),
            (ADA, BO, "KNOWS"),
        ],
        [
            (ADA, ACME, "FOUNDED"),
            (BO, ACME, "FOUNDED"),
            (ADA, PARIS, "LIVES_IN"),
            (ACME, PARIS, "BASED_IN"),
            (BO, PARIS, "LIVES_IN"),
        ],
    )
    labels = labels_of([text])
    assert labels == ["BASED_IN", "FOUNDED", "KNOWS", "LIVES_IN"]
    matrix = count_confusion(match_relations(text), labels)
    assert matrix == [
        [0, 0, 0, 0, 1],  # BASED_IN in the wrong direction
        [0, 2, 0, 0, 0],  # one of them with other labels of the spans
        [0, 0, 0, 0, 0],
        [0, 1, 0, 0, 1],  # one LIVES_IN is called FOUNDED, one is missed
        [1, 0, 1, 0, 0],  # the wrong direction again, and KNOWS
    ]
    assert sum(map(sum, matrix[:-1])) == len(text.gold)
    assert sum(sum(row[:-1]) for row in matrix) == len(text.predicted)


def test_texts_that_are_not_annotated_are_left_out_and_count_on():
    texts = read_outcomes([judged([(ADA, BO, "KNOWS")], None), judged(None, [])])
    assert [(text.index, text.gold, text.predicted) for text in texts] == [(1, set(), set())]


def test_documents():
    examples = [judged([], [], doc="a"), judged([], []), judged([], [], doc="a"), judged([], [])]
    documents = [text.document for text in read_outcomes(examples)]
    assert documents[0] == documents[2]
    assert len(set(documents)) == 3


def test_a_symmetric_fact_has_one_direction():
    schema = build_schema(symmetric=["KNOWS"])
    (text,) = read_outcomes([judged([(BO, ADA, "KNOWS")], [(ADA, BO, "KNOWS")])], schema.canonical)
    assert [item.kind for item in match_relations(text)] == ["right"]
