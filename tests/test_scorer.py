import os
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import numpy as np
import pytest
from spacy import registry
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_vaedie.scorer import make_relation_scorer, read_answers, score_b_cubed, score_relations, score_semeval
from spacy_vaedie.tokens import Argument, Relation

# Ada founded Acme in Paris with Bo
ADA, ACME, PARIS, BO = Argument(0, 1, "PER"), Argument(2, 3, "ORG"), Argument(4, 5, "LOC"), Argument(6, 7, "PER")
WORDS = ["Ada", "founded", "Acme", "in", "Paris", "with", "Bo"]
Triple = Tuple[Argument, Argument, str]
VOCAB = Vocab()
NO_SCORES = {f"{kind}_{which}" for kind in ("rels", "rels_macro", "rels_boundaries") for which in "prf"}


def make_doc(triples: Optional[Sequence[Triple]], words: Sequence[str] = WORDS) -> Doc:
    doc = Doc(VOCAB, words=list(words))
    doc._.relations = None if triples is None else [Relation(*triple) for triple in triples]
    return doc


def make_example(predicted: Optional[Sequence[Triple]], gold: Optional[Sequence[Triple]]) -> Example:
    return Example(make_doc(predicted), make_doc(gold))


def test_scores_by_hand() -> None:
    examples = [
        # one right, one with a wrong argument label, one that is missing
        make_example(
            [(ADA, ACME, "FOUNDED"), (ACME, Argument(4, 5, "ORG"), "BASED_IN")],
            [(ADA, ACME, "FOUNDED"), (ACME, PARIS, "BASED_IN"), (BO, ACME, "FOUNDED")],
        ),
        # one in the wrong direction, with a label that gold does not know
        make_example([(ACME, ADA, "OWNS")], []),
    ]
    scores = score_relations(examples)
    assert scores["rels_p"] == pytest.approx(1 / 3)
    assert scores["rels_r"] == pytest.approx(1 / 3)
    assert scores["rels_f"] == pytest.approx(1 / 3)
    assert scores["rels_boundaries_p"] == pytest.approx(2 / 3)
    assert scores["rels_boundaries_r"] == pytest.approx(2 / 3)
    assert scores["rels_per_type"] == {
        "BASED_IN": {"p": 0.0, "r": 0.0, "f": 0.0},
        "FOUNDED": {"p": 1.0, "r": 0.5, "f": pytest.approx(2 / 3)},
        "OWNS": {"p": 0.0, "r": 0.0, "f": 0.0},
    }
    # the mean over the two labels of the annotation, without OWNS
    assert scores["rels_macro_p"] == pytest.approx(0.5)
    assert scores["rels_macro_r"] == pytest.approx(0.25)
    assert scores["rels_macro_f"] == pytest.approx(1 / 3)
    assert "rels_candidate_recall" not in scores


@pytest.mark.parametrize("predicted", [[], None])
def test_relation_between_unpredicted_entities_is_missed(predicted: Optional[List[Triple]]) -> None:
    scores = score_relations([make_example(predicted, [(ADA, ACME, "FOUNDED")])])
    assert (scores["rels_p"], scores["rels_r"], scores["rels_f"]) == (0.0, 0.0, 0.0)


def test_direction_and_label_count() -> None:
    wrong = [[(ACME, ADA, "FOUNDED")], [(ADA, ACME, "OWNS")], [(ADA, PARIS, "FOUNDED")]]
    for predicted in wrong:
        scores = score_relations([make_example(predicted, [(ADA, ACME, "FOUNDED")])])
        assert scores["rels_f"] == scores["rels_boundaries_f"] == 0.0


def test_docs_without_annotation_are_left_out() -> None:
    example = make_example([(ADA, ACME, "FOUNDED")], [(ADA, ACME, "FOUNDED")])
    unannotated = make_example([(ADA, ACME, "FOUNDED")], None)
    assert score_relations([example, unannotated]) == score_relations([example])


def test_scores_are_none_without_any_annotation() -> None:
    scores = score_relations([make_example([(ADA, ACME, "FOUNDED")], None)], candidates=lambda doc: np.zeros((0, 4)))
    assert set(scores) == NO_SCORES | {"rels_per_type", "rels_polarity_accuracy", "rels_candidate_recall"}
    assert set(scores.values()) == {None}
    assert score_relations([])["rels_f"] is None


def test_duplicates_count_once() -> None:
    triple = (ADA, ACME, "FOUNDED")
    examples = [make_example([triple, triple, (BO, ACME, "FOUNDED")], [triple, triple])]
    scores = score_relations(examples)
    assert (scores["rels_p"], scores["rels_r"]) == (0.5, 1.0)


def test_the_same_relation_in_two_docs_counts_twice() -> None:
    triple = (ADA, ACME, "FOUNDED")
    scores = score_relations([make_example([triple], [triple]), make_example([], [triple])])
    assert scores["rels_r"] == 0.5


def test_other_tokenization() -> None:
    predicted = Doc(VOCAB, words=["A", "da", "founded", "Ac", "me"], spaces=[False, True, True, False, True])
    predicted._.relations = [Relation(Argument(0, 2, "PER"), Argument(3, 5, "ORG"), "FOUNDED")]
    example = Example(predicted, make_doc([(ADA, ACME, "FOUNDED")], WORDS[:3]))
    assert score_relations([example])["rels_f"] == 1.0
    recall = score_relations([example], candidates=lambda doc: np.array([[0, 2, 3, 5]]))
    assert recall["rels_candidate_recall"] == 1.0


def test_other_text_is_an_error() -> None:
    reference = Doc(VOCAB, words=["Ada", "slept"], spaces=[False, False])
    reference._.relations = []
    with pytest.raises(ValueError, match="VE401"):
        score_relations([Example(Doc(VOCAB, words=["Ada", "slept"]), reference)])


def test_predictions_outside_of_the_annotated_part_do_not_count() -> None:
    triple = (ADA, ACME, "FOUNDED")
    reference = Doc.from_docs([make_doc([triple]), make_doc(None), make_doc([])])
    n = len(WORDS)

    def shift(argument: Argument, by: int) -> Argument:
        return Argument(argument.start + by, argument.end + by, argument.label)

    predicted = Doc.from_docs([make_doc(None)] * 3)
    inside = Relation(*triple)
    unannotated = Relation(shift(ADA, n), shift(ACME, n), "FOUNDED")
    across = Relation(ADA, shift(ACME, 2 * n), "FOUNDED")
    predicted._.relations = [inside, unannotated, across]
    assert score_relations([Example(predicted, reference)])["rels_f"] == 1.0
    predicted._.relations = [inside, Relation(shift(ADA, 2 * n), shift(ACME, 2 * n), "FOUNDED")]
    assert score_relations([Example(predicted, reference)])["rels_p"] == 0.5


def test_candidate_recall() -> None:
    gold = [(ADA, ACME, "FOUNDED"), (ADA, ACME, "OWNS"), (ACME, ADA, "OWNED_BY"), (ACME, PARIS, "BASED_IN")]
    example = make_example([], gold)
    pairs = np.array([[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]])
    assert score_relations([example], candidates=lambda doc: pairs)["rels_candidate_recall"] == 0.75
    assert score_relations([example], candidates=lambda doc: np.zeros((0, 4), "i"))["rels_candidate_recall"] == 0.0
    nothing_annotated = make_example([], [])
    assert score_relations([nothing_annotated], candidates=lambda doc: pairs)["rels_candidate_recall"] is None
    with pytest.raises(ValueError, match="VE205"):
        score_relations([example], candidates=lambda doc: np.zeros((2, 3), "i"))


def test_canonical_relations() -> None:
    """A symmetric relation counts in either direction, once, and is a candidate in the direction that counts."""

    def canonical(relation: Relation) -> Relation:
        if relation.label != "KNOWS" or relation.head.start < relation.tail.start:
            return relation
        return replace(relation, head=relation.tail, tail=relation.head)

    example = make_example(
        [(BO, ADA, "KNOWS"), (ADA, BO, "KNOWS"), (ACME, ADA, "FOUNDED")], [(BO, ADA, "KNOWS"), (ADA, ACME, "FOUNDED")]
    )
    scores = score_relations([example], candidates=lambda doc: np.array([[0, 1, 6, 7]]), canonical=canonical)
    assert (scores["rels_p"], scores["rels_r"], scores["rels_candidate_recall"]) == (0.5, 0.5, 0.5)
    assert scores["rels_per_type"]["KNOWS"] == {"p": 1.0, "r": 1.0, "f": 1.0}
    assert make_relation_scorer()([example], canonical=canonical)["rels_p"] == 0.5
    assert score_relations([make_example([(ADA, BO, "KNOWS")], [(BO, ADA, "KNOWS")])])["rels_f"] == 0.0


def test_registered_scorer() -> None:
    scorer = registry.scorers.get("spacy-vaedie.relation_scorer.v1")()
    example = make_example([(ADA, ACME, "FOUNDED")], [(ADA, ACME, "FOUNDED")])
    assert scorer([example]) == make_relation_scorer()([example], spans_key="sc") == score_relations([example])
    recall = scorer([example], candidates=lambda doc: np.array([[0, 1, 2, 3]]), threshold=0.5)
    assert recall["rels_candidate_recall"] == 1.0


def test_semeval_by_hand() -> None:
    key = {"1": "Cause-Effect(e1,e2)", "2": "Cause-Effect(e1,e2)", "3": "Member-Collection(e2,e1)", "4": "Other"}
    proposed = {
        "1": "Cause-Effect(e1,e2)",
        "2": "Cause-Effect(e2,e1)",  # a wrong direction is both a wrong answer and a missed relation
        "4": "Member-Collection(e1,e2)",  # 3 is missing: counts as Other
    }
    result = score_semeval(key, proposed)
    assert result.per_relation == {
        "Cause-Effect": {"p": 0.5, "r": 0.5, "f": 0.5},
        "Member-Collection": {"p": 0.0, "r": 0.0, "f": 0.0},
    }
    assert result.macro_f1_official == pytest.approx(0.25)
    assert result.micro_f1_directed == pytest.approx(1 / 3)
    assert score_semeval(key, key).macro_f1_official == pytest.approx(1.0)
    assert score_semeval(key, {**proposed, "3": "Other"}) == result


def test_semeval_other_answers() -> None:
    key = {"1": "Cause-Effect(e1,e2)", "2": "Other", "3": "Other"}
    # a right Other helps no score; a relation that the key does not hold counts as an answer in the micro score only
    result = score_semeval(key, {"1": "Cause-Effect(e1,e2)", "2": "Other", "3": "Message-Topic(e1,e2)"})
    assert result.macro_f1_official == pytest.approx(1.0)
    assert result.micro_f1_directed == pytest.approx(2 / 3)
    nothing = score_semeval(key, {})
    assert (nothing.macro_f1_official, nothing.micro_f1_directed) == (0.0, 0.0)


def test_semeval_unknown_id() -> None:
    with pytest.raises(ValueError, match=r"VE401.*1 ID\(s\).*'7'"):
        score_semeval({"1": "Other"}, {"7": "Other"})


def test_read_answers(tmp_path: Path) -> None:
    path = tmp_path / "answers.txt"
    path.write_bytes(b"8\tCause-Effect(e1, e2)\r\n9\tInstrument-Agency (e2,e1)  \r\n\r\n10\tOther\r\n")
    expected = {"8": "Cause-Effect(e1,e2)", "9": "Instrument-Agency(e2,e1)", "10": "Other"}
    assert read_answers(path) == read_answers(str(path)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [("1\tOther\n2\n", "VE303.*line 2"), ("1\tOther\n1\tOther\n", "VE303.*line 2.*'1'"), ("\n", "VE304")],
)
def test_read_broken_answers(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "answers.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_answers(path)


def test_read_missing_answers(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="VE301"):
        read_answers(tmp_path / "nowhere.txt")


@pytest.mark.parametrize(("number", "official"), [(1, 64.09), (2, 6.35), (3, 11.11), (5, 44.44)])
def test_official_examples(number: int, official: float) -> None:
    root = os.environ.get("VAEDIE_DATA_ROOT")
    if not root:
        pytest.skip("VAEDIE_DATA_ROOT is not set: the official scorer's worked examples are not here")
    folder = Path(root) / "onehaitao/SemEval2010-to-TACRED/master/SemEval2010_task8_all_data"
    folder = folder / "SemEval2010_task8_scorer-v1.2"
    key, proposed = (read_answers(folder / f"{name}{number}.txt") for name in ("answer_key", "proposed_answer"))
    assert round(100 * score_semeval(key, proposed).macro_f1_official, 2) == official


def test_polarity_is_scored_apart() -> None:
    """A wrong polarity costs nothing in the scores of relations; one that was not annotated does not count."""
    gold = [("negated", "FOUNDED"), ("asserted", "OWNS"), (None, "LEFT"), ("asserted", "MISSED")]
    said = [("negated", "FOUNDED"), ("hypothetical", "OWNS"), ("negated", "LEFT"), ("negated", "INVENTED")]
    docs = [make_doc(None), make_doc(None)]
    for doc, relations in zip(docs, (said, gold), strict=True):
        doc._.relations = [Relation(ADA, ACME, label, polarity=polarity) for polarity, label in relations]
    scores = score_relations([Example(*docs)])
    assert scores["rels_f"] == pytest.approx(0.75)
    assert scores["rels_polarity_accuracy"] == pytest.approx(0.5)
    assert score_relations([Example(docs[0], make_doc([(ADA, ACME, "OWNS")]))])["rels_polarity_accuracy"] is None


@pytest.mark.parametrize(
    ("clusters", "labels", "precision", "recall"),
    [
        # The example of Bagga and Baldwin (1998), figures 1 to 3: twelve mentions of three entities, of which two
        # chains were merged. First the small one, then the large one, each into the second chain of five.
        ([1] * 5 + [2] * 2 + [2] * 5, [1] * 5 + [2] * 2 + [3] * 5, (5 + 2 * 2 / 7 + 5 * 5 / 7) / 12, 1),
        ([1] * 5 + [2] * 2 + [1] * 5, [1] * 5 + [2] * 2 + [3] * 5, (5 / 2 + 2 + 5 / 2) / 12, 1),
        # Two of three in one cluster with a stranger: precision 2/3, 2/3, 1/3, 1; recall 2/3, 2/3, 1, 1/3.
        ("xxxy", "aaba", (2 / 3 + 2 / 3 + 1 / 3 + 1) / 4, (2 / 3 + 2 / 3 + 1 + 1 / 3) / 4),
        # Who is in no cluster stands alone, whatever the clusters are called.
        ([None, None, 0, 1], "aaaa", 1, 1 / 4),
        ([0, 0, 0, 0], "aabb", 1 / 2, 1),
        (["x"], ["a"], 1, 1),
    ],
)
def test_b_cubed(clusters, labels, precision, recall):
    score = score_b_cubed(list(clusters), list(labels))
    assert score.precision == pytest.approx(precision)
    assert score.recall == pytest.approx(recall)
    assert score.f1 == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize(("clusters", "labels"), [([], []), ([1], ["a", "b"])])
def test_b_cubed_of_what_does_not_fit(clusters, labels):
    with pytest.raises(ValueError, match="VE401"):
        score_b_cubed(clusters, labels)
