import numpy as np
import pytest

from spacy_vaedie.models.diagnostics import ACTIVE_VARIANCE, active_units


def test_active_units_are_those_that_vary():
    random = np.random.default_rng(0)
    means = random.normal(size=(5000, 4)).astype("float32") * np.array([1.0, 0.5, 0.05, 0.0], dtype="float32")
    assert active_units(means + 7.0) == 2
    assert active_units(means[:, 2:]) == 0


@pytest.mark.parametrize(("factor", "n_active"), [(1.01, 1), (0.99, 0)])
def test_the_bound_is_a_variance(factor, n_active):
    step = np.sqrt(factor * ACTIVE_VARIANCE)
    means = np.array([[step], [-step]], dtype="float32")
    assert active_units(means) == n_active


def test_one_row_does_not_vary():
    assert active_units(np.ones((1, 3), dtype="float32")) == 0
