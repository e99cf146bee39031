import numpy as np
import pytest

from spacy_vaedie.analysis.errors_found import score_labels, worst_errors
from spacy_vaedie.analysis.outcomes import match_relations, read_outcomes
from spacy_vaedie.models.candidates import pair_spans

from .judged import ACME, ADA, BO, PARIS, judged


def errors(*examples, **kwargs):
    texts = read_outcomes(examples)
    return worst_errors(texts, [item for text in texts for item in match_relations(text)], **kwargs)


def test_the_surest_come_first():
    predicted = [(ADA, BO, "KNOWS", 0.6), (BO, ADA, "KNOWS", 0.9), (ADA, ACME, "OWNS", 0.7)]
    found = errors(judged(predicted, [(ADA, ACME, "FOUNDED")]))
    assert [(error["kind"], error["predicted"]["score"]) for error in found] == [
        ("spurious", 0.9),
        ("spurious", 0.6),
        ("label", 0.7),
    ]
    assert found[2]["gold"] == {
        "label": "FOUNDED",
        "score": 1.0,
        "polarity": None,
        "head": {"text": "Ada", "start": 0, "end": 3, "label": "PER"},
        "tail": {"text": "Acme", "start": 12, "end": 16, "label": "ORG"},
    }
    assert found[0]["gold"] is None
    assert (found[2]["gold_score"], found[2]["candidate"]) == (None, None)


def test_missed_relations_by_their_score():
    """The least likely one first; what was no candidate comes last."""
    gold = [(ADA, ACME, "FOUNDED"), (BO, ACME, "FOUNDED"), (ADA, PARIS, "LIVES_IN")]
    likely = {"FOUNDED": {(0, 3): 0.4, (31, 33): 0.1}}

    def score(relations):
        assert len(relations) == 3
        known = {relation: likely.get(relation.label, {}).get(relation.pair[:2]) for relation in relations}
        return {relation: value for relation, value in known.items() if value is not None}

    found = errors(judged([], gold), score=score)
    assert [(error["gold"]["head"]["text"], error["gold_score"], error["candidate"]) for error in found] == [
        ("Bo", 0.1, True),
        ("Ada", 0.4, True),
        ("Ada", None, False),
    ]
    assert all(error["kind"] == "missed" and error["predicted"] is None for error in found)


def test_each_kind_has_a_place_in_turn():
    spurious = [(head, tail, "KNOWS", 0.9) for head in (ADA, BO) for tail in (ACME, PARIS)]
    examples = [judged(spurious, [(ADA, BO, "KNOWS"), (BO, ADA, "KNOWS")]) for _ in range(3)]
    assert [error["kind"] for error in errors(*examples, n_errors=5)] == ["spurious"] * 3 + ["missed"] * 2
    assert len(errors(*examples, n_errors=100)) == 18
    assert errors(*examples, n_errors=0, score=None) == []
    with pytest.raises(ValueError, match="VE107"):
        errors(*examples, n_errors=-1)


def test_long_texts_are_cut_around_the_pair():
    words = [*["word"] * 100, "Ada", *["word"] * 100]
    ada, last = ADA.__class__(100, 101, "PER"), ADA.__class__(102, 103, "X")
    (error,) = errors(judged([(ada, last, "KNOWS")], [], words))
    start = error["text_start"]
    assert 500 - 120 <= start < 500 - 110
    assert error["text"].startswith("word ")
    assert error["text"].endswith(" word")
    head = error["predicted"]["head"]
    assert error["text"][head["start"] - start : head["end"] - start] == "Ada"
    assert len(error["text"]) < 300


def test_the_text_is_named():
    example = judged([(ADA, BO, "KNOWS")], [], doc="memo")
    example.reference.user_data["doc_id"] = "7"
    (error,) = errors(judged([], None), example)
    assert (error["index"], error["document"], error["doc_id"]) == (1, "memo", "7")


class Pipe:
    """Gives each pair the probabilities 0.5, 0.3 and 0.2."""

    labels = ("FOUNDED", "OWNS")

    def __init__(self):
        self.n_docs = 0

    def predict(self, docs):
        self.n_docs += len(docs)
        for doc in docs:
            spans = [argument.resolve(doc) for argument in (ADA, ACME)]
            candidates = pair_spans(doc, spans, 0, 100)
            yield candidates, np.tile(np.array([0.5, 0.3, 0.2], dtype="float32"), (len(candidates.pairs), 1))


def test_scores_of_labels():
    gold = [(ADA, ACME, "OWNS"), (ACME, ADA, "SOLD"), (ADA, PARIS, "OWNS")]
    examples = [judged([], []), judged([], gold)]
    pipe = Pipe()
    texts = read_outcomes(examples)
    found = score_labels(pipe, examples, texts[1].gold)
    scores = {(relation.label, relation.pair[2]): score for relation, score in found.items()}
    # A label that the pipe does not know has no probability; Paris is no candidate.
    assert scores == {("OWNS", 12): pytest.approx(0.2), ("SOLD", 0): 0.0}
    assert pipe.n_docs == 1, "texts without missed relations are not asked for"
