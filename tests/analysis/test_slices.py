from dataclasses import replace

from spacy.tokens import DocBin

from spacy_vaedie.analysis.outcomes import read_outcomes
from spacy_vaedie.analysis.slices import read_seen_pairs, score_slices, seen_pairs

from .judged import ACME, ADA, BO, PARIS, VOCAB, judged, make_doc


def bins(rows):
    return {row["bin"]: (row["n_gold"], row["n_predicted"], row["n_right"]) for row in rows}


def test_path_and_distance_by_hand():
    """Ada > Acme: 2 steps, 1 token between; Ada > Paris: 3 steps, 3 tokens; Paris > Bo: 4 steps, 1 token."""
    predicted = [(ADA, ACME, "FOUNDED"), (ADA, PARIS, "LEFT")]
    gold = [(ADA, ACME, "FOUNDED"), (ADA, PARIS, "LIVES_IN"), (PARIS, BO, "HOME_OF")]
    found = score_slices(read_outcomes([judged(predicted, gold, parsed=True)]))
    assert bins(found["path_length"]) == {"2": (1, 1, 1), "3": (1, 1, 0), "4": (1, 0, 0)}
    assert bins(found["distance"]) == {"0-1": (2, 1, 1), "2-3": (1, 1, 0)}
    near, far = found["distance"]
    assert (near["p"], near["r"], near["f"]) == (1.0, 0.5, 2 / 3)
    assert (far["p"], far["r"], far["f"]) == (0.0, 0.0, 0.0)
    # Nothing is predicted there, so precision says nothing.
    assert (found["path_length"][2]["p"], found["path_length"][2]["f"]) == (None, 0.0)
    assert found["pairs"] is found["polarity"] is None


def test_the_predicted_parse_serves_where_no_other_is():
    examples = [judged([], [(ADA, ACME, "FOUNDED")])]
    assert bins(score_slices(read_outcomes(examples))["path_length"]) == {"unknown": (1, 0, 0)}
    examples[0].predicted = make_doc([], parsed=True)
    assert bins(score_slices(read_outcomes(examples))["path_length"]) == {"2": (1, 0, 0)}


def test_seen_pairs_know_no_case_and_no_direction(tmp_path):
    train = [make_doc([(ACME, ADA, "OWNED_BY")], ["ADA", "left", "acme"]), make_doc(None), make_doc([])]
    DocBin(docs=train, store_user_data=True).to_disk(tmp_path / "train.spacy")
    seen = read_seen_pairs(tmp_path / "train.spacy", VOCAB)
    assert seen == seen_pairs(train) == {frozenset({"ada", "acme"})}
    predicted = [(ADA, ACME, "FOUNDED"), (BO, ACME, "FOUNDED")]
    gold = [(ADA, ACME, "FOUNDED"), (ADA, PARIS, "LIVES_IN")]
    found = score_slices(read_outcomes([judged(predicted, gold)]), seen)
    assert bins(found["pairs"]) == {"seen": (1, 1, 1), "unseen": (1, 1, 0)}
    # Training data without relations: nothing was seen, and that is known.
    assert bins(score_slices(read_outcomes([judged(predicted, gold)]), set())["pairs"]) == {"unseen": (2, 2, 1)}


def test_polarity_by_hand():
    gold = [
        (ADA, ACME, "FOUNDED", 1.0, "negated"),
        (BO, ACME, "FOUNDED", 1.0, "negated"),
        (ADA, PARIS, "LIVES_IN", 1.0, "asserted"),
        (BO, PARIS, "LIVES_IN"),
    ]
    predicted = [
        (ADA, ACME, "FOUNDED", 0.9, "negated"),
        (BO, ACME, "FOUNDED", 0.9, "asserted"),
        (BO, replace(PARIS, label="ORG"), "LIVES_IN", 0.9, "asserted"),
    ]
    rows = score_slices(read_outcomes([judged(predicted, gold)]))["polarity"]
    assert rows == [
        {"bin": "asserted", "n_gold": 1, "n_right": 0, "r": 0.0, "polarity_accuracy": None},
        {"bin": "negated", "n_gold": 2, "n_right": 2, "r": 1.0, "polarity_accuracy": 0.5},
        {"bin": "none", "n_gold": 1, "n_right": 0, "r": 0.0, "polarity_accuracy": None},
    ]


def test_no_texts():
    assert score_slices([], set()) == {"path_length": [], "distance": [], "pairs": [], "polarity": None}
