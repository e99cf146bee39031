import dataclasses
import pickle
import warnings

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_vaedie.tokens.similarity import build_latent_similarity, latent_similarity, set_similarity_hooks

from . import round_trips
from .test_latents import make_doc, make_latents

WORDS = ["Rain", "fell", "."]


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@Language.component("test_similar_latents")
def similar_latents(doc):
    doc._.latents = make_latents(len(doc), seed=len(doc))
    set_similarity_hooks(doc)
    return doc


def pieces(vocab):
    """Texts, spans and tokens, of one Doc and of two."""
    doc, other = make_doc(vocab, 1), make_doc(vocab, 2, WORDS)
    return [doc, other, doc[1:4], doc[4:6], other[0:2], doc[3], other[1]]


def test_docs_are_compared_by_their_own_latents(vocab):
    doc, other = make_doc(vocab, 1), make_doc(vocab, 2, WORDS)
    expected = cosine(make_latents(6, 1).doc_mean, make_latents(3, 2).doc_mean)
    assert doc._.latent_similarity(other) == pytest.approx(expected, abs=1e-6)
    assert isinstance(doc._.latent_similarity(other), float)


@pytest.mark.parametrize("pooling", ["mean", "product"])
def test_all_else_is_compared_by_the_tokens(vocab, pooling):
    doc, other = (make_doc(vocab, 1, span_pooling=pooling), make_doc(vocab, 2, WORDS, span_pooling=pooling))
    pooled = other[0:2]._.latent
    assert doc[1:4]._.latent_similarity(other[0:2]) == pytest.approx(cosine(doc[1:4]._.latent, pooled), abs=1e-6)
    assert doc[3]._.latent_similarity(other[0:2]) == pytest.approx(cosine(doc[3]._.latent, pooled), abs=1e-6)
    assert doc._.latent_similarity(other[0:2]) == pytest.approx(cosine(doc[:]._.latent, pooled), abs=1e-6)


def test_symmetric_bounded_and_one_for_itself(vocab):
    found = pieces(vocab)
    for piece in found:
        assert piece._.latent_similarity(piece) == 1.0
        for other in found:
            similarity = piece._.latent_similarity(other)
            assert similarity == other._.latent_similarity(piece)
            assert -1.0 <= similarity <= 1.0
    assert found[0]._.latent_similarity(found[1]) < 0.99
    # Equal latents, not equal words.
    assert found[0]._.latent_similarity(make_doc(vocab, 1, ["It", "rained", "on", "us", "all", "."])) == 1.0


def test_vectors_of_length_zero(vocab):
    doc, other = make_doc(vocab, 1), make_doc(vocab, 2)
    latents = doc._.latents
    doc._.latents = dataclasses.replace(latents, doc_mean=np.zeros_like(latents.doc_mean))
    assert doc._.latent_similarity(other) == other._.latent_similarity(doc) == 0.0
    assert doc._.latent_similarity(doc) == 1.0
    assert doc[0:2]._.latent_similarity(doc[2:2]) == 0.0
    empty = make_doc(vocab, 3, [])
    assert -1.0 <= empty._.latent_similarity(other) <= 1.0


def test_without_latents(vocab):
    doc, other = make_doc(vocab, 1), make_doc(vocab)
    for piece, second in ((doc, other), (other, doc), (doc[0:2], other[0:2]), (doc[0], other[0]), (doc, other[0])):
        with pytest.raises(ValueError, match=r"VE010.*'Ada Quill founded.*no latents.*vae_encoder"):
            piece._.latent_similarity(second)
    set_similarity_hooks(doc)
    with pytest.raises(ValueError, match="VE010"):
        doc.similarity(other)


def test_latents_of_another_width(vocab):
    doc, other = make_doc(vocab, 1), make_doc(vocab, 2)
    latents = other._.latents
    other._.latents = dataclasses.replace(latents, doc_mean=np.ones(5), doc_log_variance=np.ones(5))
    with pytest.raises(ValueError, match="VE010.*2 dimensions.*5"):
        doc._.latent_similarity(other)


def test_tokens_without_latents(vocab):
    """As with a decoder of whole texts. Two rows without numbers are equal, and were called alike."""
    doc, other = make_doc(vocab, 1), make_doc(vocab, 2, WORDS)
    for item in (doc, other):
        nothing = np.zeros((len(item), 0), dtype="float32")
        item._.latents = dataclasses.replace(item._.latents, mean=nothing, log_variance=nothing)
    set_similarity_hooks(doc)
    for piece, second in ((doc[0], other[1]), (doc[0:2], other[0:2]), (doc[0], doc[0]), (doc, other[0:2])):
        with pytest.raises(ValueError, match="VE011.*none of tokens"):
            piece._.latent_similarity(second)
    with pytest.raises(ValueError, match="VE011"):
        doc[0].similarity(other[1])
    assert doc._.latent_similarity(other) < 0.99


@pytest.mark.parametrize("other", [None, "text", np.zeros(2)])
def test_only_pieces_of_a_doc(vocab, other):
    with pytest.raises(ValueError, match="VE010.*neither Doc nor Span nor Token"):
        make_doc(vocab, 1)._.latent_similarity(other)
    with pytest.raises(ValueError, match="VE010.*Lexeme"):
        make_doc(vocab, 1)._.latent_similarity(vocab["rain"])


def test_hooks(vocab):
    set_hooks = build_latent_similarity()
    found = pieces(vocab)
    expected = [[latent_similarity(piece, other) for other in found] for piece in found]
    for piece in found:
        doc = piece if isinstance(piece, Doc) else piece.doc
        set_hooks(doc)
        assert doc.tensor.size == 0
        assert not doc.has_vector
    with warnings.catch_warnings():
        # spaCy warns where it would compare empty vectors.
        warnings.simplefilter("error")
        assert [[piece.similarity(other) for other in found] for piece in found] == expected


@pytest.mark.parametrize("carry", [pickle.dumps, None])
def test_hooks_are_kept(vocab, carry):
    doc, other = make_doc(vocab, 1), make_doc(vocab, 2, WORDS)
    set_similarity_hooks(doc)
    carried = pickle.loads(carry(doc)) if carry else doc.copy()
    assert carried.similarity(other) == latent_similarity(doc, other)
    assert carried[0:2].similarity(other[0:2]) == latent_similarity(doc[0:2], other[0:2])
    assert carried[0].similarity(other[1]) == latent_similarity(doc[0], other[1])


@pytest.mark.filterwarnings("ignore:.*W109")
@pytest.mark.parametrize("carry", round_trips.ALL)
def test_the_method_works_wherever_the_latents_are(vocab, tmp_path, carry):
    doc, other = make_doc(vocab, 1), make_doc(vocab, 2, WORDS)
    set_similarity_hooks(doc)
    carried = carry(doc, tmp_path)
    assert carried._.latent_similarity(other) == pytest.approx(latent_similarity(doc, other), abs=1e-6)
    assert carried[1:3]._.latent_similarity(other[0]) == pytest.approx(latent_similarity(doc[1:3], other[0]), abs=1e-6)


@pytest.mark.filterwarnings("ignore:.*W109", "ignore:.*W007", "ignore:.*W008")
def test_workers_drop_the_hooks_and_keep_the_method():
    nlp = spacy.blank("en")
    nlp.add_pipe("test_similar_latents")
    docs = list(nlp.pipe(["one two", "one two three"], n_process=2, batch_size=1))
    expected = cosine(make_latents(2, 2).doc_mean, make_latents(3, 3).doc_mean)
    assert docs[0]._.latent_similarity(docs[1]) == pytest.approx(expected, abs=1e-6)
    assert docs[0].user_hooks == {}
    assert docs[0].similarity(docs[1]) == 0.0
    for doc in docs:
        set_similarity_hooks(doc)
    assert docs[0].similarity(docs[1]) == pytest.approx(expected, abs=1e-6)
