import numpy as np
import pytest
import spacy
from thinc.api import Adam, fix_random_seed, set_dropout_rate

from spacy_vaedie.models.tok2vec import build_parse_tok2vec

from . import parsed
from .layers import hash_embeddings, make_tok2vec

DOCS = [parsed.founded(), parsed.rained()]


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def test_one_array_a_doc():
    docs = parsed.batch()
    vectors = make_tok2vec(DOCS).predict(docs)
    assert [array.shape for array in vectors] == [(len(doc), 5) for doc in docs]
    assert all(array.dtype == np.float32 for array in vectors)


def test_the_vectors_do_not_depend_on_the_batch():
    model, docs = make_tok2vec(DOCS), parsed.batch()
    for doc, vectors in zip(docs, model.predict(docs), strict=True):
        assert np.allclose(model.predict([doc])[0], vectors, atol=1e-5)


def test_empty_docs_alone():
    vectors, backprop = make_tok2vec(DOCS).begin_update([parsed.empty()] * 2)
    assert [array.shape for array in vectors] == [(0, 5), (0, 5)]
    backprop(vectors)


def test_gradients_reach_embeddings_and_network():
    model = make_tok2vec(DOCS)
    vectors, backprop = model.begin_update(parsed.batch())
    backprop(vectors)
    assert all(np.abs(node.get_grad("E")).sum() > 0 for node in hash_embeddings(model))
    assert all(float(tensor.grad.abs().sum()) > 0 for tensor in model.shims[0].network.parameters())


def test_gradient_of_an_embedding_against_differences():
    model = make_tok2vec(DOCS)
    docs, node = parsed.batch(), hash_embeddings(model)[0]
    random = np.random.default_rng(0)
    weights = [random.normal(size=(len(doc), 5)).astype("float32") for doc in docs]
    node.set_param("E", random.normal(size=node.get_param("E").shape).astype("float32"))
    _, backprop = model.begin_update(docs)
    backprop(weights)
    direction = random.normal(size=node.get_param("E").shape).astype("float32")
    before, losses = node.get_param("E").copy(), []
    for step in (1e-3, -1e-3):
        node.set_param("E", before + step * direction)
        losses.append(
            sum(float((array * weight).sum()) for array, weight in zip(model.predict(docs), weights, strict=True))
        )
    expected = (losses[0] - losses[1]) / 2e-3
    assert float((node.get_grad("E") * direction).sum()) == pytest.approx(expected, rel=0.05)


def test_it_reads_the_parse():
    """The same words with another head have other vectors, without parse layers only by their labels."""
    one = parsed.make_doc(["a", "b", "c", "d"], [0, 0, 0, 0], ["ROOT", "dep", "dep", "dep"])
    other = parsed.make_doc(["a", "b", "c", "d"], [0, 0, 1, 2], ["ROOT", "dep", "dep", "dep"])
    with_parse, without = make_tok2vec(DOCS), make_tok2vec(DOCS, parse_layers=0)
    assert not np.allclose(with_parse.predict([one])[0], with_parse.predict([other])[0])
    assert np.array_equal(without.predict([one])[0], without.predict([other])[0])


def test_training_learns():
    model, optimizer = make_tok2vec(DOCS), Adam(0.02)
    targets = [np.eye(5, dtype="float32")[np.arange(len(doc)) % 5] for doc in DOCS]
    losses = []
    for _ in range(60):
        vectors, backprop = model.begin_update(DOCS)
        gradients = [vector - target for vector, target in zip(vectors, targets, strict=True)]
        losses.append(sum(float((gradient**2).sum()) for gradient in gradients))
        backprop(gradients)
        model.finish_update(optimizer)
    assert losses[-1] < 0.1 * losses[0]


def test_dropout_is_for_training_only():
    model = make_tok2vec(DOCS)
    clean = model.predict(DOCS)[0]
    set_dropout_rate(model, 0.5)
    assert np.array_equal(model.predict(DOCS)[0], clean)
    assert not np.array_equal(model.begin_update(DOCS)[0][0], clean)


def test_bytes():
    model = make_tok2vec(DOCS)
    loaded = make_tok2vec().from_bytes(model.to_bytes())
    for found, expected in zip(loaded.predict(DOCS), model.predict(DOCS), strict=True):
        assert np.array_equal(found, expected)


def test_before_initialization():
    model = make_tok2vec()
    assert model.get_dim("nO") == 5
    assert not model.shims[0].is_built
    with pytest.raises((KeyError, ValueError)):
        model.predict(DOCS)


def test_it_is_registered():
    assert spacy.registry.architectures.get("spacy-vaedie.ParseTok2Vec.v1") is build_parse_tok2vec
