import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.vectors import Vectors
from thinc.api import concatenate

from spacy_vaedie.models.word_vectors import build_word_vectors

from .layers import make_tok2vec


def vocab_with_vectors():
    vocab = spacy.blank("en").vocab
    vocab.vectors = Vectors(data=np.array([[1.0, 2.0], [3.0, 4.0]], dtype="float32"), keys=["rain", "storm"])
    return vocab


def test_each_word_has_its_vector_and_an_unknown_one_zeros():
    vocab = vocab_with_vectors()
    docs = [Doc(vocab, words=["storm", "and", "rain"]), Doc(vocab), Doc(vocab, words=["and"])]
    model = build_word_vectors()
    model.initialize(X=docs)
    assert model.get_dim("nO") == 2
    found = model.predict(docs)
    assert [rows.tolist() for rows in found] == [[[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]], [], [[0.0, 0.0]]]
    # The table is none of the model's own.
    found[0][:] = 7.0
    assert vocab["storm"].vector.tolist() == [3.0, 4.0]
    assert model.predict([]) == []


def test_floret_vectors_are_those_of_the_tokens():
    vocab = spacy.blank("en").vocab
    data = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    vocab.vectors = Vectors(mode="floret", data=data, hash_count=2, minn=3, maxn=4)
    doc = Doc(vocab, words=["storm", "rain"])
    model = build_word_vectors()
    model.initialize(X=[doc])
    assert np.allclose(model.predict([doc])[0], [token.vector for token in doc])


def test_beside_another_encoder():
    vocab = vocab_with_vectors()
    docs = [Doc(vocab, words=["storm", "and", "rain"], heads=[0, 0, 0], deps=["ROOT", "cc", "conj"])]
    model = concatenate(make_tok2vec(), build_word_vectors())
    model.initialize(X=docs)
    (rows,), backprop = model.begin_update(docs)
    assert rows.shape == (3, 7)
    assert rows[:, 5:].tolist() == [[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]]
    backprop([np.ones_like(rows)])


def test_no_vectors_are_told():
    docs = [Doc(spacy.blank("en").vocab, words=["rain"], heads=[0], deps=["ROOT"])]
    model = concatenate(make_tok2vec(), build_word_vectors())
    with pytest.warns(UserWarning, match="VW104"):
        model.initialize(X=docs)
    (rows,), backprop = model.begin_update(docs)
    assert rows.shape == (1, 5)
    backprop([np.ones_like(rows)])
