import dataclasses

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc

from spacy_vaedie.tokens import Latents

from . import round_trips

WORDS = ["Ada", "Quill", "founded", "Bluefin", "Works", "."]
WIDTH, HIDDEN, DOC_WIDTH = 3, 4, 2


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


def make_latents(n_tokens, seed=0):
    random = np.random.default_rng(seed)

    def draw(*shape):
        return random.normal(size=shape).astype("float32")

    return Latents(
        draw(n_tokens, WIDTH), draw(n_tokens, WIDTH), draw(n_tokens, HIDDEN), draw(DOC_WIDTH), draw(DOC_WIDTH)
    )


def make_doc(vocab, seed=None, words=WORDS, span_pooling="mean"):
    doc = Doc(vocab, words=words, spaces=[True] * (len(words) - 2) + [False] * min(2, len(words)))
    if seed is not None:
        doc._.latents = dataclasses.replace(make_latents(len(doc), seed), span_pooling=span_pooling)
    return doc


def assert_same(found, expected):
    for name in ("mean", "log_variance", "hidden", "doc_mean", "doc_log_variance"):
        array = getattr(found, name)
        assert type(array) is np.ndarray
        assert array.dtype == np.float32
        assert np.array_equal(array, getattr(expected, name)), name


@Language.component("test_latents_by_length")
def latents_by_length(doc):
    doc._.latents = None if doc.text == "none" else make_latents(len(doc), seed=len(doc))
    return doc


def test_a_new_doc_has_no_latents(vocab):
    doc = make_doc(vocab)
    assert doc._.latents is None
    assert doc._.latent is None
    assert doc[0]._.latent is None
    assert doc[0:2]._.latent is None
    assert doc.user_data == {}


def test_get_what_was_set(vocab):
    doc = make_doc(vocab, seed=1)
    assert_same(doc._.latents, make_latents(6, 1))
    doc._.latents = make_latents(6, 2)
    assert_same(doc._.latents, make_latents(6, 2))
    doc._.latents = None
    assert doc._.latents is None
    assert doc.user_data == {}


def test_vectors_are_means_beside_hidden_states(vocab):
    latents = make_latents(6, 1)
    assert latents.vectors.shape == (6, WIDTH + HIDDEN)
    assert np.array_equal(latents.vectors, np.hstack([latents.mean, latents.hidden]))


def test_getters(vocab):
    doc, latents = make_doc(vocab, seed=1), make_latents(6, 1)
    assert np.array_equal(doc._.latent, latents.doc_mean)
    assert np.array_equal(doc[3]._.latent, latents.mean[3])
    assert np.allclose(doc[1:4]._.latent, (latents.mean[1] + latents.mean[2] + latents.mean[3]) / 3, atol=1e-6)
    assert np.array_equal(doc[2:2]._.latent, np.zeros(WIDTH))
    assert doc[1:4]._.latent.dtype == np.float32


def product_of(latents, start, end):
    """The mean of a product of Gaussians, one factor after the other."""
    mean, variance = latents.mean[start], np.exp(latents.log_variance[start])
    for i in range(start + 1, end):
        other = np.exp(latents.log_variance[i])
        mean = (mean * other + latents.mean[i] * variance) / (variance + other)
        variance = variance * other / (variance + other)
    return mean


def test_spans_are_pooled_as_the_doc_says(vocab):
    latents = make_latents(6, 1)
    doc = make_doc(vocab, 1, span_pooling="product")
    assert doc._.latents.span_pooling == "product"
    np.testing.assert_allclose(doc[1:4]._.latent, product_of(latents, 1, 4), atol=1e-6)
    assert np.abs(doc[1:4]._.latent - latents.mean[1:4].mean(axis=0)).max() > 0.01
    np.testing.assert_array_equal(doc[2:3]._.latent, latents.mean[2])
    assert np.array_equal(doc[2:2]._.latent, np.zeros(WIDTH))
    assert doc[1:4]._.latent.dtype == np.float32
    assert make_doc(vocab, 1)._.latents.span_pooling == "mean"


@pytest.mark.parametrize("log_variance", [-300.0, 0.0, 300.0])
def test_a_product_of_equals_is_their_mean(vocab, log_variance):
    doc, latents = make_doc(vocab), make_latents(6, 1)
    log_variances = np.full_like(latents.log_variance, log_variance)
    doc._.latents = dataclasses.replace(latents, log_variance=log_variances, span_pooling="product")
    np.testing.assert_allclose(doc[1:4]._.latent, latents.mean[1:4].mean(axis=0), atol=1e-6)


def test_a_certain_token_outweighs_the_others(vocab):
    doc, latents = make_doc(vocab), make_latents(6, 1)
    log_variances = np.zeros_like(latents.log_variance)
    log_variances[2] = -200.0
    doc._.latents = dataclasses.replace(latents, log_variance=log_variances, span_pooling="product")
    np.testing.assert_allclose(doc[1:4]._.latent, latents.mean[2], atol=1e-6)


@pytest.mark.parametrize("carry", round_trips.ALL)
@pytest.mark.parametrize("words", [WORDS, []])
def test_round_trip_of_the_pooling(vocab, tmp_path, carry, words):
    carried = carry(make_doc(vocab, 1, words, span_pooling="product"), tmp_path)
    assert carried._.latents.span_pooling == "product"


def test_an_unknown_pooling(vocab):
    doc = make_doc(vocab, 1)
    with pytest.raises(ValueError, match="VE005.*'max'.*'span_pooling'.*mean, product"):
        doc._.latents = dataclasses.replace(make_latents(6, 2), span_pooling="max")
    assert_same(doc._.latents, make_latents(6, 1))


def test_pooling_of_docs_from_before_there_was_a_choice(vocab):
    doc = make_doc(vocab, 1)
    ((_, stored),) = doc.user_data.values()
    del stored["span_pooling"]
    assert doc._.latents.span_pooling == "mean"


@pytest.mark.parametrize("pooling", ["mean", "product"])
def test_merge_of_equal_poolings(vocab, pooling):
    other = "mean" if pooling == "product" else "product"
    parts = [make_doc(vocab, seed, span_pooling=pooling) for seed in (1, 2)]
    # One without tokens has no say.
    merged = Doc.from_docs([parts[0], make_doc(vocab, 3, [], span_pooling=other), parts[1]])
    assert merged._.latents.span_pooling == pooling
    np.testing.assert_allclose(merged[7:9]._.latent, parts[1][1:3]._.latent, atol=1e-6)
    assert Doc.from_docs([make_doc(vocab, 3, [], span_pooling=pooling)] * 2)._.latents.span_pooling == pooling


def test_merge_of_different_poolings(vocab, tmp_path):
    merged = Doc.from_docs([make_doc(vocab, 1), make_doc(vocab, 2, span_pooling="product")])
    assert merged._.latents.span_pooling is None
    assert np.array_equal(merged[7]._.latent, make_latents(6, 2).mean[1])
    with pytest.raises(ValueError, match="VE009.*'mean' or 'product'"):
        merged[0:2]._.latent  # noqa: B018
    # What was read can be written, and then it still has to be chosen.
    merged._.latents = merged._.latents
    assert round_trips.through_docbin(merged, tmp_path)._.latents.span_pooling is None
    merged._.latents = dataclasses.replace(merged._.latents, span_pooling="product")
    np.testing.assert_allclose(merged[0:2]._.latent, product_of(make_latents(6, 1), 0, 2), atol=1e-6)


@pytest.mark.parametrize("carry", round_trips.ALL)
@pytest.mark.parametrize("novelty", [None, 0.25])
def test_round_trip_of_novelty(vocab, tmp_path, carry, novelty):
    doc = make_doc(vocab, 1)
    doc._.latents = dataclasses.replace(doc._.latents, novelty=novelty)
    carried = carry(doc, tmp_path)
    assert carried._.novelty == carried._.latents.novelty == novelty
    assert make_doc(vocab)._.novelty is None


def test_novelty_is_a_plain_number(vocab):
    doc = make_doc(vocab, 1)
    doc._.latents = dataclasses.replace(doc._.latents, novelty=np.float64(0.5))
    assert type(doc._.novelty) is float


def test_novelty_of_docs_from_before_it_was_measured(vocab):
    doc = make_doc(vocab, 1)
    ((_, stored),) = doc.user_data.values()
    del stored["novelty"]
    assert doc._.novelty is None
    assert doc._.latents is not None


def test_novelty_of_a_merged_doc(vocab):
    parts = [make_doc(vocab, 1), make_doc(vocab, 2, ["Rain", "fell"]), make_doc(vocab, 3, [])]
    for part, novelty in zip(parts, (0.5, 0.9, None), strict=True):
        part._.latents = dataclasses.replace(part._.latents, novelty=novelty)
    assert Doc.from_docs(parts)._.novelty == pytest.approx((6 * 0.5 + 2 * 0.9) / 8)
    assert Doc.from_docs([*parts, make_doc(vocab, 4)])._.novelty is None
    assert Doc.from_docs([parts[2], parts[2]])._.novelty is None
    # A part of a text keeps what was said about the whole.
    assert parts[0][1:3].as_doc(copy_user_data=True)._.novelty == 0.5


def test_other_types_become_float32(vocab):
    doc, latents = make_doc(vocab), make_latents(6, 1)
    doc._.latents = Latents(
        latents.mean.astype("float64"), latents.log_variance, latents.hidden, latents.doc_mean, latents.doc_log_variance
    )
    assert_same(doc._.latents, latents)


@pytest.mark.parametrize("rows", [5, 7, 0])
@pytest.mark.parametrize("name", ["mean", "log_variance", "hidden"])
def test_rows_must_fit_the_tokens(vocab, name, rows):
    doc, arrays = make_doc(vocab, seed=1), dict(vars(make_latents(6)))
    arrays[name] = np.zeros((rows, arrays[name].shape[1]), dtype="float32")
    with pytest.raises(ValueError, match="VE004.*6 tokens"):
        doc._.latents = Latents(**arrays)
    assert_same(doc._.latents, make_latents(6, 1))


@pytest.mark.parametrize("value", ["latents", np.zeros((6, 3)), {"mean": np.zeros((6, 3))}, []])
def test_only_latents_may_be_set(vocab, value):
    with pytest.raises(ValueError, match="VE004"):
        make_doc(vocab)._.latents = value


@pytest.mark.parametrize("carry", round_trips.ALL)
@pytest.mark.parametrize("words", [WORDS, [" "], ["One"]])
def test_round_trip(vocab, tmp_path, carry, words):
    carried = carry(make_doc(vocab, 1, words), tmp_path)
    assert_same(carried._.latents, make_latents(len(words), 1))
    assert np.array_equal(carried._.latent, make_latents(len(words), 1).doc_mean)


@pytest.mark.parametrize("carry", round_trips.ALL)
def test_round_trip_of_an_empty_doc(vocab, tmp_path, carry):
    carried = carry(make_doc(vocab, 1, []), tmp_path)
    assert_same(carried._.latents, make_latents(0, 1))


@pytest.mark.parametrize("carry", round_trips.ALL)
@pytest.mark.parametrize("words", [WORDS, []])
def test_round_trip_without_latents(vocab, tmp_path, carry, words):
    assert carry(make_doc(vocab, None, words), tmp_path)._.latents is None


@pytest.mark.parametrize("carry", round_trips.ALL)
def test_round_trip_of_merged(vocab, tmp_path, carry):
    merged = Doc.from_docs([make_doc(vocab, 1), make_doc(vocab, 2)])
    assert_same(carry(merged, tmp_path)._.latents, merged._.latents)


def test_workers_send_latents_back():
    nlp = spacy.blank("en")
    nlp.add_pipe("test_latents_by_length")
    docs = list(nlp.pipe(["one", "one two", "none", "one two three"], n_process=2, batch_size=2))
    for doc, n_tokens in ((docs[0], 1), (docs[1], 2), (docs[3], 3)):
        assert_same(doc._.latents, make_latents(n_tokens, n_tokens))
    assert docs[2]._.latents is None


@pytest.mark.parametrize("ensure_whitespace", [True, False])
def test_merge_stacks_the_tokens(vocab, ensure_whitespace):
    parts = [make_doc(vocab, 1), make_doc(vocab, 2, ["Rain"]), make_doc(vocab, 3, ["It", "fell", "\n"])]
    merged = Doc.from_docs(parts, ensure_whitespace=ensure_whitespace)
    for name in ("mean", "log_variance", "hidden"):
        expected = np.concatenate([getattr(part._.latents, name) for part in parts])
        assert np.array_equal(getattr(merged._.latents, name), expected)
    assert np.array_equal(merged[7]._.latent, parts[2][0]._.latent)


def test_merge_mixes_the_texts(vocab):
    parts = [make_doc(vocab, 1), make_doc(vocab, 2, ["Rain"]), make_doc(vocab, 3, ["It", "fell"])]
    latents = Doc.from_docs(parts)._.latents
    means = torch.tensor(np.stack([part._.latents.doc_mean for part in parts]))
    stds = torch.tensor(np.exp(0.5 * np.stack([part._.latents.doc_log_variance for part in parts])))
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.tensor([6.0, 1.0, 2.0])),
        torch.distributions.Independent(torch.distributions.Normal(means, stds), 1),
    )
    assert np.allclose(latents.doc_mean, mixture.mean.numpy(), atol=1e-6)
    assert np.allclose(np.exp(latents.doc_log_variance), mixture.variance.numpy(), rtol=1e-5)
    assert latents.doc_mean.dtype == latents.doc_log_variance.dtype == np.float32


def test_merge_of_the_same_text_is_that_text(vocab):
    latents, part = Doc.from_docs([make_doc(vocab, 1)] * 3)._.latents, make_latents(6, 1)
    assert np.allclose(latents.doc_mean, part.doc_mean, atol=1e-6)
    assert np.allclose(latents.doc_log_variance, part.doc_log_variance, atol=1e-5)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_merge_with_a_part_without_latents(vocab, place):
    parts = [make_doc(vocab, 1), make_doc(vocab, 2)]
    parts.insert(place, make_doc(vocab))
    merged = Doc.from_docs(parts)
    assert merged._.latents is None
    assert merged._.latent is None
    assert merged[0]._.latent is None


@pytest.mark.parametrize("seed", [None, 5])
def test_merge_with_empty_docs_between(vocab, seed):
    empty = make_doc(vocab, seed, [])
    merged = Doc.from_docs([empty, make_doc(vocab, 1), empty, empty, make_doc(vocab, 2), empty])
    expected = Doc.from_docs([make_doc(vocab, 1), make_doc(vocab, 2)])._.latents
    assert np.array_equal(merged._.latents.vectors, expected.vectors)
    assert np.allclose(merged._.latents.doc_mean, expected.doc_mean, atol=1e-6)
    assert np.allclose(merged._.latents.doc_log_variance, expected.doc_log_variance, atol=1e-5)


def test_setting_on_a_merged_doc_replaces_everything(vocab):
    merged = Doc.from_docs([make_doc(vocab, 1), make_doc(vocab, 2)])
    merged._.latents = make_latents(12, 3)
    assert_same(merged._.latents, make_latents(12, 3))


def test_cut_out(vocab):
    doc = make_doc(vocab, 1)
    part = doc[2:5].as_doc(copy_user_data=True)
    whole = make_latents(6, 1)
    assert_same(
        part._.latents,
        Latents(whole.mean[2:5], whole.log_variance[2:5], whole.hidden[2:5], whole.doc_mean, whole.doc_log_variance),
    )
    assert np.array_equal(part[0]._.latent, doc[2]._.latent)
    assert doc[2:5].as_doc()._.latents is None


def test_cut_out_of_a_merged_doc(vocab):
    merged = Doc.from_docs([make_doc(vocab, 1), make_doc(vocab), make_doc(vocab, 2)])
    assert merged._.latents is None
    first, second, third = (
        merged[start : start + 6].as_doc(copy_user_data=True)._.latents for start in range(0, 18, 6)
    )
    assert second is None
    for latents, seed in ((first, 1), (third, 2)):
        assert np.array_equal(latents.vectors, make_latents(6, seed).vectors)
        assert np.allclose(latents.doc_mean, make_latents(6, seed).doc_mean, atol=1e-6)
    assert merged[4:8].as_doc(copy_user_data=True)._.latents is None


def test_cut_apart_and_put_together(vocab):
    doc = make_doc(vocab, 1)
    together = Doc.from_docs([doc[:3].as_doc(copy_user_data=True), doc[3:].as_doc(copy_user_data=True)])
    assert_same(together._.latents, doc._.latents)


def merge(doc):
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:3])


def split(doc):
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[3], ["Blue", "fin"], heads=[(doc[3], 1), doc[2]])


@pytest.mark.parametrize("change", [merge, split])
def test_retokenization_is_an_error(vocab, change):
    doc = make_doc(vocab, 1)
    change(doc)
    for read in (lambda: doc._.latents, lambda: doc._.latent, lambda: doc[0]._.latent, lambda: doc[0:2]._.latent):
        with pytest.raises(ValueError, match="VE003"):
            read()
    doc._.latents = make_latents(len(doc), 2)
    assert_same(doc._.latents, make_latents(len(doc), 2))


@pytest.mark.parametrize("change", [merge, split])
def test_retokenization_without_latents(vocab, change):
    doc = make_doc(vocab)
    change(doc)
    assert doc._.latents is None


def test_retokenization_of_a_part(vocab):
    merged = Doc.from_docs([make_doc(vocab, 1), make_doc(vocab, 2)])
    merge(merged)
    with pytest.raises(ValueError, match="VE003"):
        merged._.latents  # noqa: B018
