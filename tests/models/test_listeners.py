import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from thinc.api import chain, fix_random_seed

from spacy_vaedie.models.listeners import (
    LatentListener,
    build_latent_listener,
    build_latent_tok2vec,
    make_replaceable,
)
from spacy_vaedie.models.vae import VAEBatch, token_vectors
from spacy_vaedie.tokens import Latents

from . import parsed
from .layers import hash_embeddings, make_tok2vec, make_vae


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def annotate(doc, seed=0):
    random = np.random.default_rng(seed)

    def draw(*shape):
        return random.normal(size=shape).astype("float32")

    doc._.latents = Latents(draw(len(doc), 3), draw(len(doc), 3), draw(len(doc), 4), draw(2), draw(2))
    return doc


@pytest.fixture
def docs():
    return [annotate(doc, seed) for seed, doc in enumerate(parsed.batch())]


class Upstream:
    """What an encoder hands to a listener, and what comes back."""

    def __init__(self, listener, docs):
        self.outputs = [np.full((len(doc), 7), i, dtype="float32") for i, doc in enumerate(docs)]
        self.received = []
        listener.receive(listener.get_batch_id(docs), self.outputs, self.received.append)


def assert_latents(vectors, docs):
    assert len(vectors) == len(docs)
    for array, doc in zip(vectors, docs, strict=True):
        assert array.shape == (len(doc), 7)
        assert np.array_equal(array, doc._.latents.vectors)


def test_prediction_reads_the_docs(docs):
    listener = build_latent_listener("encoder")
    assert isinstance(listener, LatentListener)
    assert listener.upstream_name == "encoder"
    assert_latents(listener.predict(docs), docs)


def test_prediction_reads_the_docs_also_after_an_update(docs):
    listener = build_latent_listener()
    Upstream(listener, docs)
    assert_latents(listener.predict(docs), docs)
    assert_latents(listener.predict(docs[1:3]), docs[1:3])


def test_training_takes_what_the_encoder_computed(docs):
    listener = build_latent_listener()
    upstream = Upstream(listener, docs)
    vectors, backprop = listener.begin_update(docs)
    assert all(np.array_equal(found, sent) for found, sent in zip(vectors, upstream.outputs, strict=True))
    gradient = [vector + 1.0 for vector in vectors]
    assert backprop(gradient) == []
    assert upstream.received == [gradient]


def test_training_with_a_frozen_encoder_reads_the_docs(docs):
    listener = build_latent_listener()
    vectors, backprop = listener.begin_update(docs)
    assert_latents(vectors, docs)
    assert backprop(vectors) == []


def test_forget(docs):
    listener = build_latent_listener()
    upstream = Upstream(listener, docs)
    listener.forget()
    vectors, backprop = listener.begin_update(docs)
    assert_latents(vectors, docs)
    backprop(vectors)
    assert upstream.received == []


@pytest.mark.parametrize("other", ["fewer", "order", "words"])
def test_training_on_another_batch(docs, other):
    listener = build_latent_listener("encoder")
    Upstream(listener, docs)
    batch = {"fewer": docs[:-2], "order": [docs[4], *docs[1:4], docs[1]], "words": [annotate(parsed.random_doc(1))]}
    with pytest.raises(ValueError, match="VE103.*'encoder'"):
        listener.begin_update(batch[other])


def test_a_batch_is_told_by_words_and_order(docs):
    identify = LatentListener.get_batch_id
    assert identify(docs) == identify(parsed.batch())
    assert identify(docs) == identify(iter(docs))
    assert identify([docs[1], docs[4]]) != identify([docs[4], docs[1]])
    assert identify([docs[1]]) != identify([docs[1], docs[0]])
    a_b, ab, b_a = (
        [Doc(parsed.VOCAB, words=words) for words in batch] for batch in ([["a"], ["b"]], [["a", "b"]], [["b"], ["a"]])
    )
    assert len({identify(a_b), identify(ab), identify(b_a)}) == 3


@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize("make", [parsed.rained, parsed.empty])
def test_docs_without_latents(docs, make, is_train):
    listener = build_latent_listener("encoder")
    with pytest.raises(ValueError, match="VE104.*'encoder'"):
        listener([docs[0], make()], is_train)


def test_retokenized_docs_are_refused(docs):
    with docs[1].retokenize() as retokenizer:
        retokenizer.merge(docs[1][0:2])
    with pytest.raises(ValueError, match="VE003"):
        build_latent_listener().predict(docs)


def test_no_docs():
    assert build_latent_listener().predict([]) == []


def test_a_model_finds_its_listener(docs):
    model = chain(build_latent_listener("encoder"), make_tok2vec())
    assert [node.upstream_name for node in model.walk() if isinstance(node, LatentListener)] == ["encoder"]


def test_own_encoder_in_the_place_of_a_listener():
    docs = parsed.batch()
    vae = make_vae([parsed.founded(), parsed.rained()])
    model = build_latent_tok2vec(vae)
    assert model.get_dim("nO") == vae.get_dim("nO") == 10
    expected = token_vectors(vae, vae.predict(VAEBatch(docs)), docs)
    for found, vectors in zip(model.predict(docs), expected, strict=True):
        assert np.array_equal(found, vectors)
    vectors, backprop = model.begin_update(docs)
    assert [array.shape for array in vectors] == [(len(doc), 10) for doc in docs]
    backprop(vectors)
    assert all(np.abs(node.get_grad("E")).sum() > 0 for node in hash_embeddings(model))


def test_own_encoder_can_be_initialized():
    docs = parsed.batch()
    model = build_latent_tok2vec(make_vae())
    model.initialize(X=[doc for doc in docs if len(doc)])
    assert [array.shape for array in model.predict(docs)] == [(len(doc), 10) for doc in docs]


def test_what_replaces_a_listener():
    vae = make_replaceable(make_vae([parsed.founded()]))
    copied = vae.copy()
    replacement = copied.attrs["replace_listener"](copied)
    assert [array.shape for array in replacement.predict([parsed.founded()])] == [(8, 10)]
    config = vae.attrs["replace_listener_cfg"]({"@architectures": "spacy-vaedie.VAE.v1", "width": 6}, {"upstream": "x"})
    assert config == {
        "@architectures": "spacy-vaedie.LatentTok2Vec.v1",
        "vae": {"@architectures": "spacy-vaedie.VAE.v1", "width": 6},
    }
    # The functions do not stand in the way of saving.
    loaded = make_replaceable(make_vae()).from_bytes(vae.to_bytes())
    assert loaded.attrs["replace_listener"] is build_latent_tok2vec


def test_they_are_registered():
    for name, function in (("LatentListener", build_latent_listener), ("LatentTok2Vec", build_latent_tok2vec)):
        assert spacy.registry.architectures.get(f"spacy-vaedie.{name}.v1") is function
