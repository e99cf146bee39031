import pytest
from spacy.tokens import Doc

from spacy_vaedie.analysis.pair_measures import DISTANCE_BINS, PATH_BINS, measure_pairs

from .judged import VOCAB, make_doc


def test_measures_by_hand():
    """Ada > Acme: over "founded"; Ada > Paris: founded, in; Paris > Bo: in, founded, with; "in Paris" > Paris."""
    found = measure_pairs(make_doc(None, parsed=True), [(0, 1, 2, 3), (4, 5, 0, 1), (4, 5, 6, 7), (3, 5, 4, 5)])
    assert [item.distance for item in found] == [1, 3, 1, 0]
    assert [item.path_length for item in found] == [2, 3, 4, 1]
    assert [item.sentences for item in found] == [0, 0, 0, 0]


def test_without_a_parse():
    (found,) = measure_pairs(make_doc(None), [(0, 1, 6, 7)])
    assert (found.distance, found.path_length, found.sentences, found.path_bin) == (5, None, None, "unknown")
    assert measure_pairs(make_doc(None), []) == []


def test_sentences_apart():
    doc = Doc(VOCAB, words=["Ada", "sings", "Bo", "sings"], sent_starts=[True, False, True, False])
    assert [item.sentences for item in measure_pairs(doc, [(0, 1, 2, 3), (2, 3, 0, 1), (0, 1, 1, 2)])] == [1, 1, 0]


@pytest.mark.parametrize(("length", "name"), [(1, "0-1"), (2, "2"), (4, "4"), (6, "5-6"), (7, "7+"), (30, "7+")])
def test_bins_of_paths(length, name):
    n = length + 1
    doc = Doc(VOCAB, words=["a"] * n, heads=[max(0, i - 1) for i in range(n)], deps=["ROOT", *["dep"] * length])
    (found,) = measure_pairs(doc, [(0, 1, length, n)])
    assert (found.path_length, found.path_bin) == (length, name)
    assert name in PATH_BINS


@pytest.mark.parametrize(
    ("distance", "name"), [(0, "0-1"), (1, "0-1"), (3, "2-3"), (7, "4-7"), (15, "8-15"), (16, "16+")]
)
def test_bins_of_distances(distance, name):
    doc = Doc(VOCAB, words=["a"] * (distance + 2))
    (found,) = measure_pairs(doc, [(distance + 1, distance + 2, 0, 1)])
    assert (found.distance, found.distance_bin) == (distance, name)
    assert name in DISTANCE_BINS
