import numpy as np
import pytest
import torch

from spacy_vaedie.models.network import objective
from spacy_vaedie.models.novelty import (
    BoundNovelty,
    CalibratedNovelty,
    MahalanobisNovelty,
    NeighbourNovelty,
    TextFeatures,
    build_bound_novelty,
    build_mahalanobis_novelty,
    build_neighbour_novelty,
    fit_whitening,
    read_features,
    whiten,
)
from spacy_vaedie.models.vae import Objective, VAEBatch

from ..pipeline.helpers import SMALL_VAE, TEXTS, blank, raw_examples

CHOICES = [BoundNovelty(0.1), MahalanobisNovelty(), NeighbourNovelty(3)]
WIDTH = 5
# Covariance between texts, and of the tokens within one.
BETWEEN = np.diag([1.0, 0.0, 2.0, 0.1, 0.5])
WITHIN = np.diag([1.0, 4.0, 0.0, 9.0, 1.0]) + 0.3


def make_texts(n, seed=0, shift=0.0, lengths=None):
    """Texts whose means vary from text to text and, the shorter the more, by chance."""
    random = np.random.default_rng(seed)
    lengths = random.integers(2, 60, size=n).astype("float64") if lengths is None else np.asarray(lengths, "float64")
    between = random.multivariate_normal(np.zeros(WIDTH), BETWEEN, size=n)
    within = random.multivariate_normal(np.zeros(WIDTH), WITHIN, size=n) / np.sqrt(lengths)[:, None]
    means = 2.0 + 0.5 * np.log(lengths)[:, None] + between + within + shift
    return TextFeatures(means, random.normal(5.0, 1.0, size=(n, 2)) + shift, lengths)


@pytest.fixture(scope="module")
def pipe(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    raw = raw_examples(en.pipe(TEXTS))
    optimizer = nlp.initialize(lambda: raw)
    for _ in range(3):
        nlp.update(raw, sgd=optimizer)
    return nlp.get_pipe("vae_encoder")


def test_whitening_undoes_what_texts_of_each_length_vary_by():
    texts = make_texts(4000)
    state = fit_whitening(texts)
    for lengths in (np.full(2000, 2), np.full(2000, 8), np.full(2000, 50)):
        found = whiten(state, make_texts(2000, seed=1, lengths=lengths))
        assert np.abs(np.cov(found.T) - np.eye(WIDTH)).max() < 0.25
        assert np.abs(found.mean(axis=0)).max() < 0.25


def test_mahalanobis():
    texts = make_texts(4000)
    novelty = MahalanobisNovelty()
    state = novelty.fit(texts)
    others = make_texts(200, seed=1)
    deviation = others.means - (2.0 + 0.5 * np.log(others.lengths)[:, None])
    covariances = BETWEEN + WITHIN / others.lengths[:, None, None]
    squared = np.einsum("ni,nij,nj->n", deviation, np.linalg.inv(covariances), deviation)
    np.testing.assert_allclose(novelty.score(state, others), np.sqrt(squared / WIDTH), rtol=0.2, atol=0.05)


def test_neighbours():
    texts, others = make_texts(100), make_texts(10, seed=1)
    novelty = NeighbourNovelty(3)
    state = novelty.fit(texts)
    known, found = whiten(state, texts), whiten(state, others)
    distances = np.sort(np.linalg.norm(found[:, None] - known[None], axis=2), axis=1)
    np.testing.assert_allclose(novelty.score(state, others), distances[:, :3].mean(axis=1) / np.sqrt(WIDTH))
    # A text that was seen has a neighbour at no distance.
    np.testing.assert_allclose(NeighbourNovelty(1).score(state, texts), 0.0, atol=1e-6)


def test_bound():
    texts = make_texts(10)
    expected = texts.bounds[:, 0] + 0.1 * texts.bounds[:, 1]
    np.testing.assert_allclose(BoundNovelty(0.1).score({}, texts), expected)


@pytest.mark.parametrize("novelty", CHOICES)
def test_a_score_has_nothing_to_do_with_the_length(novelty):
    texts = make_texts(2000, seed=1)
    scores = novelty.score(novelty.fit(make_texts(2000)), texts)
    assert abs(np.corrcoef(scores, np.log(texts.lengths))[0, 1]) < 0.1


@pytest.mark.parametrize("novelty", CHOICES)
def test_a_score_has_nothing_to_do_with_the_other_texts(novelty):
    state, texts = novelty.fit(make_texts(50)), make_texts(20, seed=1)
    expected = novelty.score(state, texts)
    alone = [novelty.score(state, texts.take(np.array([i])))[0] for i in range(20)]
    np.testing.assert_allclose(alone, expected, atol=1e-9)
    order = np.arange(20)[::-1]
    np.testing.assert_allclose(novelty.score(state, texts.take(order)), expected[order], atol=1e-9)


@pytest.mark.parametrize("novelty", CHOICES)
def test_percentiles_are_shares_of_new_texts_of_the_same_kind(novelty):
    calibrated = CalibratedNovelty.fit(novelty, make_texts(1000))
    found = calibrated.percentile(make_texts(1000, seed=1))
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    for share in (0.25, 0.5, 0.75):
        assert abs((found <= share).mean() - share) < 0.08
    assert calibrated.percentile(make_texts(200, seed=2, shift=4.0)).mean() > 0.9


@pytest.mark.parametrize("novelty", CHOICES)
@pytest.mark.parametrize("n", [4, 5, 8])
@pytest.mark.parametrize("lengths", [None, 7])
def test_few_texts(novelty, n, lengths):
    texts = make_texts(n, lengths=None if lengths is None else np.full(n, lengths))
    calibrated = CalibratedNovelty.fit(novelty, texts)
    others = make_texts(20, seed=1)
    assert np.isfinite(calibrated.score(others)).all()
    assert set(calibrated.percentile(others)) <= {i / len(calibrated.reference) for i in range(n)}
    assert len(calibrated.reference) == n // 4


@pytest.mark.parametrize("novelty", CHOICES)
def test_texts_that_are_all_the_same(novelty):
    texts = TextFeatures(np.ones((8, WIDTH)), np.ones((8, 2)), np.full(8, 3.0))
    calibrated = CalibratedNovelty.fit(novelty, texts)
    assert calibrated.percentile(texts).tolist() == [0.0] * 8
    assert calibrated.percentile(make_texts(3, shift=100.0)).tolist() == [1.0] * 3


def test_arrays_are_small_and_come_back():
    texts = make_texts(10)
    arrays = texts.to_arrays()
    assert {array.dtype for array in arrays.values()} == {np.dtype("float32")}
    np.testing.assert_allclose(TextFeatures.from_arrays(arrays).means, texts.means, rtol=1e-6)


@pytest.mark.parametrize(
    ("build", "settings"), [(build_bound_novelty, {"kl_weight": -0.1}), (build_neighbour_novelty, {"k": 0})]
)
def test_settings_out_of_range(build, settings):
    with pytest.raises(ValueError, match="VE107"):
        build(**settings)


def test_builders():
    assert build_bound_novelty(0.2) == BoundNovelty(0.2)
    assert build_mahalanobis_novelty() == MahalanobisNovelty()
    assert build_neighbour_novelty(7) == NeighbourNovelty(7)


def test_features(pipe, parsed_texts):
    latents = pipe.predict(parsed_texts)
    features = read_features(pipe.model, parsed_texts, latents, bounds=True)
    np.testing.assert_allclose(features.means, [item.mean.mean(axis=0) for item in latents], rtol=1e-5)
    assert features.lengths.tolist() == [len(doc) for doc in parsed_texts]
    assert (features.bounds > 0).all()
    alone = [read_features(pipe.model, [doc], pipe.predict([doc]), bounds=True).bounds[0] for doc in parsed_texts]
    np.testing.assert_allclose(alone, features.bounds, rtol=1e-4)
    assert not read_features(pipe.model, parsed_texts, latents, bounds=False).bounds.any()


def test_each_word_is_hidden_once(pipe, parsed_texts, monkeypatch):
    """Against the bound that is trained on, with its random choice of tokens and its samples taken out."""
    doc = parsed_texts[1]
    sums = np.zeros(2)
    for i in range(4):
        hidden = torch.arange(len(doc)) % 4 == i
        chosen = (hidden.nonzero().squeeze(1), hidden)
        monkeypatch.setattr(objective, "choose_tokens", lambda *args, chosen=chosen: chosen)
        monkeypatch.setattr(objective, "sample", lambda mean, log_variance, generator=None: mean)
        outputs = pipe.model.predict(VAEBatch([doc], objective=Objective(1.0, 0.0)))
        sums += int(hidden.sum()) * np.array([float(outputs["reconstruction"]), float(outputs["kl"])])
    features = read_features(pipe.model, [doc], pipe.predict([doc]), bounds=True)
    np.testing.assert_allclose(features.bounds[0], sums / len(doc), rtol=1e-4)


@pytest.fixture(scope="module")
def parsed_texts(en):
    return list(en.pipe(TEXTS))
