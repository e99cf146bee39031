import math

import numpy as np
import pytest

from spacy_vaedie.analysis.novelty import auroc, compare_novelty, registered_choices

from ..test_layout import ENTRY_POINTS


def test_auroc():
    assert auroc([1, 2, 3], [4, 5]) == 1.0
    assert auroc([4, 5], [1, 2, 3]) == 0.0
    assert auroc([1, 1], [1, 1]) == 0.5
    # Of the six pairs, the one from outside is larger in four, and equal in one.
    assert auroc([1, 2, 3], [2, 4]) == pytest.approx(4.5 / 6)


def test_auroc_leaves_out_what_is_no_number():
    assert auroc([1, np.nan, 2], [np.nan, 3]) == 1.0
    assert math.isnan(auroc([np.nan], [1.0]))
    assert math.isnan(auroc([1.0], []))


def test_every_registered_choice_is_compared():
    assert set(registered_choices()) == {name for _, name, _ in ENTRY_POINTS if "Novelty" in name}


class Scorer:
    """Says that long texts are novel, where it is asked to measure by neighbours."""

    def novelty_scores(self, docs, novelty=None):
        sign = 1.0 if "Neighbour" in type(novelty).__name__ else -1.0
        return np.array([sign * len(doc) for doc in docs])


def test_compare():
    inside, long, mixed = ["a", "bb"], ["ccc", "dddd"], ["", "ccc"]
    found = compare_novelty(Scorer(), iter(inside), {"long": iter(long), "mixed": iter(mixed)})
    assert set(found) == set(registered_choices())
    assert found["spacy-vaedie.NeighbourNovelty.v1"] == {"long": 1.0, "mixed": 0.5}
    assert found["spacy-vaedie.BoundNovelty.v1"] == {"long": 0.0, "mixed": 0.5}
