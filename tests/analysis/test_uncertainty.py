import numpy as np
import pytest

from spacy_vaedie.analysis.uncertainty import MEASURES, pair_uncertainty
from spacy_vaedie.models.labelling import AnyLabel, OneLabel

ONE = np.array([[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.6, 0.1]], dtype="float32")


def test_one_label():
    assert pair_uncertainty(ONE, OneLabel()) == pytest.approx([0.0, 1.0, 1 - (0.6 - 0.2)], abs=1e-6)
    least = pair_uncertainty(ONE, OneLabel(), "least-confident")
    assert least == pytest.approx([0.0, 1.0, 0.4 / 0.75], abs=1e-6)
    entropy = -sum(p * np.log(p) for p in (0.1, 0.2, 0.6, 0.1)) / np.log(4)
    assert pair_uncertainty(ONE, OneLabel(), "entropy") == pytest.approx([0.0, 1.0, entropy], abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_several_labels(measure):
    """The least sure label counts, whatever the first column says."""
    found = pair_uncertainty(np.array([[0.0, 1.0, 0.5], [0.9, 0.0, 0.1], [0.3, 0.0, 1.0]]), AnyLabel(), measure)
    assert found[0] == pytest.approx(1.0)
    assert found[2] == pytest.approx(0.0)
    assert found[1] == pytest.approx({"margin": 0.2, "least-confident": 0.2, "entropy": 0.469}[measure], abs=1e-3)


@pytest.mark.parametrize("measure", MEASURES)
def test_nothing_to_measure(measure):
    assert pair_uncertainty(np.zeros((0, 4), dtype="float32"), OneLabel(), measure).shape == (0,)
    assert pair_uncertainty(np.zeros((0, 4), dtype="float32"), AnyLabel(), measure).shape == (0,)
    with pytest.raises(ValueError, match="VE005"):
        pair_uncertainty(ONE, OneLabel(), "guess")
