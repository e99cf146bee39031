import math
import random

import numpy as np
import pytest
import spacy
from thinc.api import Adam, fix_random_seed, set_dropout_rate

from spacy_vaedie.models.objectives import Objective
from spacy_vaedie.models.vae import (
    VAEBatch,
    build_vae,
    token_gradients,
    token_vectors,
    word_rows,
)

from . import parsed
from .layers import hash_embeddings, make_embed, make_vae, vocabulary

DOCS = [parsed.founded(), parsed.rained(), parsed.random_doc(1), parsed.random_doc(2)]
POSTERIOR = {"mean", "log_variance", "hidden", "doc_mean", "doc_log_variance"}
BOUND = {"loss", "reconstruction", "kl", "doc_kl", "n_units"}


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def objective(**settings):
    return Objective(**{"kl_weight": 0.1, "free_bits": 0.0, "seed": 1, **settings})


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name in found:
        assert np.array_equal(found[name], expected[name]), name


def test_posterior():
    docs = parsed.batch()
    posterior = make_vae(DOCS).predict(VAEBatch(docs))
    shapes = {name: array.shape for name, array in posterior.items()}
    assert shapes == {
        "mean": (21, 4),
        "log_variance": (21, 4),
        "hidden": (21, 6),
        "doc_mean": (7, 2),
        "doc_log_variance": (7, 2),
    }
    assert all(array.dtype == np.float32 for array in posterior.values())


def test_the_same_text_gives_the_same_posterior():
    vae = make_vae(DOCS, corruption=1.0, masked=1.0)
    first = vae.predict(VAEBatch(DOCS))
    assert_same(vae.predict(VAEBatch(DOCS)), first)
    copies = [doc.copy() for doc in DOCS]
    assert_same(vae.predict(VAEBatch(copies)), first)


def test_the_posterior_does_not_depend_on_the_batch():
    vae, docs = make_vae(DOCS), parsed.batch()
    together = token_vectors(vae, vae.predict(VAEBatch(docs)), docs)
    for doc, vectors in zip(docs, together, strict=True):
        (alone,) = token_vectors(vae, vae.predict(VAEBatch([doc])), [doc])
        assert alone.shape == vectors.shape == (len(doc), 10)
        assert np.allclose(alone, vectors, atol=1e-5)


def test_only_what_is_wanted_is_computed():
    vae = make_vae(DOCS)
    assert set(vae.predict(VAEBatch(DOCS))) == POSTERIOR
    assert set(vae.predict(VAEBatch(DOCS, objective=objective()))) == POSTERIOR | BOUND
    assert set(vae.predict(VAEBatch(DOCS, read=False, objective=objective()))) == BOUND


@pytest.mark.parametrize("docs", [[parsed.empty()], [parsed.empty(), parsed.empty()]])
def test_empty_docs_alone(docs):
    vae = make_vae(DOCS)
    posterior, backprop = vae.begin_update(VAEBatch(docs))
    assert posterior["mean"].shape == (0, 4)
    assert posterior["doc_mean"].shape == (len(docs), 2)
    assert np.isfinite(posterior["doc_mean"]).all()
    vectors = token_vectors(vae, posterior, docs)
    assert [array.shape for array in vectors] == [(0, 10)] * len(docs)
    backprop(token_gradients(vae, vectors))


def test_the_bound_follows_its_seed():
    vae = make_vae(DOCS)
    first, again, other = (vae.predict(VAEBatch(DOCS, objective=objective(seed=seed)))["loss"] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_vectors_are_means_beside_hidden_states():
    vae, docs = make_vae(DOCS), parsed.batch()
    posterior = vae.predict(VAEBatch(docs))
    vectors = np.concatenate(token_vectors(vae, posterior, docs))
    assert np.array_equal(vectors, np.hstack([posterior["mean"], posterior["hidden"]]))
    assert vectors.shape[1] == vae.get_dim("nO")
    # The way back splits what the way there puts together.
    gradients = token_gradients(vae, token_vectors(vae, posterior, docs))
    assert_same(gradients, {name: posterior[name] for name in ("mean", "hidden")})


def gradients_of(vae, batch, d_outputs):
    outputs, backprop = vae.begin_update(batch)
    backprop(d_outputs(outputs))
    found = {name: tensor.grad for name, tensor in vae.shims[0].network.named_parameters()}
    return outputs, {name for name, grad in found.items() if grad is not None and float(grad.abs().sum()) > 0}


def test_the_bound_reaches_every_weight():
    vae = make_vae(DOCS)
    _, reached = gradients_of(vae, VAEBatch(DOCS, read=False, objective=objective()), lambda outputs: {})
    assert reached == {name for name, _ in vae.shims[0].network.named_parameters()}
    embeddings = hash_embeddings(vae)
    assert len(embeddings) == 3
    assert all(np.abs(node.get_grad("E")).sum() > 0 for node in embeddings)


def test_listeners_reach_the_encoder_but_not_the_decoder():
    vae = make_vae(DOCS)
    _, reached = gradients_of(
        vae, VAEBatch(DOCS), lambda outputs: token_gradients(vae, token_vectors(vae, outputs, DOCS))
    )
    parts = {name.split(".")[0] for name in reached}
    assert parts == {"encoder", "posterior"}
    assert all(np.abs(node.get_grad("E")).sum() > 0 for node in hash_embeddings(vae))


def test_gradients_of_listeners_and_bound_add_up():
    original = make_vae(DOCS)

    def embedding_gradient(objective, with_listener):
        vae = original.copy()
        outputs, backprop = vae.begin_update(VAEBatch(DOCS, objective=objective))
        vectors = token_vectors(vae, outputs, DOCS)
        backprop(token_gradients(vae, vectors) if with_listener else {})
        return hash_embeddings(vae)[0].get_grad("E").copy()

    bound, listener = embedding_gradient(objective(), False), embedding_gradient(None, True)
    assert np.allclose(embedding_gradient(objective(), True), bound + listener, rtol=1e-4, atol=1e-4)
    assert np.abs(bound).sum() > 0


def test_training_lowers_the_loss():
    vae = make_vae(DOCS, width=16, latent_width=8, masked=0.1)
    optimizer = Adam(0.01)
    held_out = VAEBatch(DOCS, objective=objective(kl_weight=0.001))
    before = vae.predict(held_out)
    for _ in range(60):
        _, backprop = vae.begin_update(VAEBatch(DOCS, read=False, objective=objective(kl_weight=0.001, seed=None)))
        backprop({})
        vae.finish_update(optimizer)
    after = vae.predict(held_out)
    assert float(after["loss"]) < 0.7 * float(before["loss"])
    assert float(after["reconstruction"]) < 0.7 * float(before["reconstruction"])
    # The latents carry something.
    assert float(after["kl"]) > float(before["kl"])


def test_dropout_is_for_training_only():
    vae = make_vae(DOCS)
    clean = vae.predict(VAEBatch(DOCS))["mean"]
    set_dropout_rate(vae, 0.5)
    assert np.array_equal(vae.predict(VAEBatch(DOCS))["mean"], clean)
    first, second = (vae.begin_update(VAEBatch(DOCS))[0]["mean"] for _ in range(2))
    assert not np.array_equal(first, second)
    set_dropout_rate(vae, 0.0)
    assert np.allclose(vae.begin_update(VAEBatch(DOCS))[0]["mean"], clean, atol=1e-6)


def test_bytes():
    vae = make_vae(DOCS)
    loaded = make_vae().from_bytes(vae.to_bytes())
    assert np.array_equal(loaded.attrs["vocabulary"], vae.attrs["vocabulary"])
    batch = VAEBatch(DOCS, objective=objective())
    assert_same(loaded.predict(batch), vae.predict(batch))


def test_disk(tmp_path):
    vae = make_vae(DOCS)
    vae.to_disk(tmp_path / "model")
    loaded = make_vae().from_disk(tmp_path / "model")
    batch = VAEBatch(DOCS, objective=objective())
    assert_same(loaded.predict(batch), vae.predict(batch))
    assert loaded.attrs["vocabulary"].dtype == np.uint64


def test_a_copy_predicts_the_same():
    vae = make_vae(DOCS)
    batch = VAEBatch(DOCS, objective=objective())
    assert_same(vae.copy().predict(batch), vae.predict(batch))


def test_before_initialization():
    vae = make_vae()
    assert vae.get_dim("nO") == 10
    assert not vae.shims[0].is_built
    with pytest.raises((KeyError, ValueError)):
        vae.predict(VAEBatch(DOCS))


def test_word_rows():
    known = vocabulary([parsed.founded()])
    assert word_rows(known, [parsed.founded()]).tolist() == [
        int(np.flatnonzero(known == token.lower)[0]) + 1 for token in parsed.founded()
    ]
    unknown = parsed.make_doc(["ADA", "zebra", "Ada"], [0, 0, 0])
    first = int(np.flatnonzero(known == unknown[0].lower)[0]) + 1
    assert word_rows(known, [parsed.empty(), unknown, parsed.empty()]).tolist() == [first, 0, first]
    assert word_rows(np.zeros(0, dtype="uint64"), [unknown]).tolist() == [0, 0, 0]
    assert word_rows(known, [parsed.empty()]).tolist() == []


def test_word_rows_of_any_hash():
    """The largest hash must not look past the end, nor count as a hit."""
    chance = random.Random(0)
    doc = parsed.random_doc(3)
    hashes = sorted(chance.getrandbits(64) for _ in range(20))
    assert set(word_rows(np.array(hashes, dtype="uint64"), [doc]).tolist()) <= {0}
    smallest = np.array([0, 1], dtype="uint64")
    assert set(word_rows(smallest, [doc]).tolist()) == {0}


def test_size_of_the_vocabulary():
    vae = make_vae(DOCS)
    n_words = len(vae.attrs["vocabulary"]) + 1
    network = vae.shims[0].network
    assert network.decoder.words.out_features == n_words
    assert len(set(word_rows(vae.attrs["vocabulary"], DOCS).tolist())) == n_words - 1
    loss = vae.predict(VAEBatch(DOCS, objective=objective()))["reconstruction"]
    assert float(loss) == pytest.approx(math.log(n_words), rel=0.5)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("width", 0),
        ("latent_width", 0),
        ("doc_latent_width", -1),
        ("window_layers", -1),
        ("corruption", -0.5),
        ("corruption", 1.5),
        ("masked", -0.1),
    ],
)
def test_settings_out_of_range(setting, value):
    with pytest.raises(ValueError, match=f"VE107.*'{setting}' is {value}.*spacy-vaedie.VAE.v1"):
        build_vae(make_embed(), **{setting: value})


def test_it_is_registered():
    assert spacy.registry.architectures.get("spacy-vaedie.VAE.v1") is build_vae
