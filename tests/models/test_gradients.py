import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_vaedie.models.gradients import build_scaled_gradient
from spacy_vaedie.models.listeners import LatentListener

from .layers import make_embed


@pytest.fixture
def docs():
    vocab = spacy.blank("en").vocab
    return [Doc(vocab, words=words) for words in (["Rain", "falls"], ["Snow"])]


@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0, 3.0])
def test_vectors_stay_and_gradients_are_scaled(docs, factor):
    scaled = build_scaled_gradient(make_embed(6), factor)
    scaled.initialize(X=docs)
    plain = scaled.layers[0].copy()
    random = np.random.default_rng(0)
    gradient = [random.normal(size=(len(doc), 6)).astype("float32") for doc in docs]
    given = [part.copy() for part in gradient]
    expected, backprop = plain(docs, True)
    backprop(gradient)
    found, backprop = scaled(docs, True)
    backprop(gradient)
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))
    np.testing.assert_array_equal(np.concatenate(gradient), np.concatenate(given))
    gradients = [node.get_grad("E") for model in (plain, scaled) for node in model.walk() if node.has_grad("E")]
    assert len(gradients) == 2
    np.testing.assert_allclose(gradients[1], factor * gradients[0], rtol=1e-5)
    assert gradients[0].any()


def test_the_width_of_a_listener_comes_later():
    listener = LatentListener("vae_encoder")
    scaled = build_scaled_gradient(listener, 0.1)
    assert not scaled.has_dim("nO")
    listener.set_dim("nO", 7, force=True)
    scaled.initialize(X=[])
    assert scaled.get_dim("nO") == 7


def test_it_can_be_copied_and_saved(docs):
    scaled = build_scaled_gradient(make_embed(6), 0.5)
    scaled.initialize(X=docs)
    copy = build_scaled_gradient(make_embed(6), 0.5).from_bytes(scaled.to_bytes())
    assert copy.attrs["factor"] == 0.5
    np.testing.assert_array_equal(np.concatenate(copy.predict(docs)), np.concatenate(scaled.copy().predict(docs)))


def test_a_negative_factor():
    with pytest.raises(ValueError, match="VE107.*'factor' is -1.0"):
        build_scaled_gradient(make_embed(6), -1.0)
