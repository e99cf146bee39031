from collections import Counter

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacy_vaedie.analysis.representation import draw_labels, few_label_probe

LABELS = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
CENTRES = {"a": (4.0, 0.0), "b": (0.0, 4.0), "c": (-4.0, -4.0)}


def vectors_of(labels, noise=0.1):
    random = np.random.default_rng(0)
    return np.array([CENTRES[label] for label in labels]) + noise * random.normal(size=(len(labels), 2))


def test_labels_that_stand_in_the_vectors_are_found():
    vectors = vectors_of(LABELS)
    assert few_label_probe(vectors, LABELS, vectors, LABELS, n_labels=10, seeds=[0, 1, 2]) == [1.0, 1.0, 1.0]


def test_labels_that_do_not_are_guessed():
    vectors = np.random.default_rng(0).normal(size=(100, 2))
    accuracies = few_label_probe(vectors, LABELS, vectors, LABELS, n_labels=20, seeds=range(5))
    assert len(accuracies) == 5
    assert 0.4 < np.mean(accuracies) < 0.7


def test_only_the_drawn_labels_are_seen():
    """The labels of the other rows may be anything with the same counts."""
    rows = draw_labels(LABELS, 10, seed=3)
    vectors = vectors_of(LABELS, noise=2.0)
    others = vectors.copy()
    others[np.setdiff1d(np.arange(100), rows)] = 100.0
    found = [few_label_probe(each, LABELS, vectors, LABELS, n_labels=10, seeds=[3]) for each in (vectors, others)]
    assert found[0] == found[1]


def test_sparse_vectors_give_the_same():
    vectors = vectors_of(LABELS, noise=3.0)
    dense = few_label_probe(vectors, LABELS, vectors, LABELS, n_labels=10, seeds=[0, 1])
    sparse = few_label_probe(csr_matrix(vectors), LABELS, csr_matrix(vectors), LABELS, n_labels=10, seeds=[0, 1])
    assert dense == pytest.approx(sparse)
    assert dense[0] < 1.0


def test_a_smooth_classifier_takes_the_commonest():
    vectors = vectors_of(LABELS)
    smooth = few_label_probe(vectors, LABELS, vectors, LABELS, n_labels=10, seeds=[0], strength=1e-6)
    assert smooth == [0.6]


def test_the_draw_keeps_the_shares_and_the_seed():
    rows = draw_labels(LABELS, 20, seed=1)
    assert Counter(LABELS[row] for row in rows) == {"a": 12, "b": 6, "c": 2}
    assert rows.tolist() == draw_labels(np.array(LABELS), 20, seed=1).tolist()
    assert rows.tolist() != draw_labels(LABELS, 20, seed=2).tolist()


def test_all_labels_may_be_drawn():
    assert draw_labels(LABELS, 100, seed=0).tolist() == list(range(100))


@pytest.mark.parametrize(
    ("labels", "n_labels", "reason"),
    [
        (LABELS, 101, "101 of 100"),
        (LABELS, 2, "3 different"),
        (["a", "a"], 2, "1 different"),
        ("aaaaabbbbbc", 5, "'c'"),
    ],
)
def test_what_cannot_be_drawn(labels, n_labels, reason):
    with pytest.raises(ValueError, match=rf"VE502.*{reason}"):
        draw_labels(list(labels), n_labels, seed=0)


@pytest.mark.parametrize("part", ["train", "test"])
def test_each_row_needs_a_label(part):
    vectors = vectors_of(LABELS)
    n_train, n_test = (99, 100) if part == "train" else (100, 0)
    with pytest.raises(ValueError, match=f"VE502.*{part}"):
        few_label_probe(vectors, LABELS[:n_train], vectors, LABELS[:n_test], n_labels=10, seeds=[0])
