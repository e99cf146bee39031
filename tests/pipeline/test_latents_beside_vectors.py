"""An extractor that reads the latents and the word vectors side by side, as `configs/few_labels.cfg` has it."""

import numpy as np
import pytest
import spacy
from spacy.vectors import Vectors
from thinc.api import fix_random_seed

from .helpers import SMALL_VAE, TEXTS, blank, copies, relation_examples, triples

PARTS = {
    "context": None,
    "path": {"@architectures": "spacy-vaedie.PathAverage.v1"},
    "lexical": {"@architectures": "spacy-vaedie.LexicalWeights.v1", "buckets": 500},
}
TOKENS = {
    "@layers": "concatenate.v1",
    "*": {
        "latents": {"@architectures": "spacy-vaedie.LatentListener.v1", "upstream": "vae_encoder"},
        "words": {"@architectures": "spacy-vaedie.WordVectors.v1"},
    },
}


@pytest.fixture
def trained(en):
    examples = relation_examples(en)
    nlp = blank(en)
    words = sorted({word for text in TEXTS for word in text.split()})
    random = np.random.default_rng(0)
    before = nlp.vocab.vectors
    nlp.vocab.vectors = Vectors(data=random.normal(size=(len(words), 4)).astype("float32"), keys=words)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config={"model": {"width": 16, "parts": PARTS, "tok2vec": TOKENS}, "threshold": 0.3})
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(25):
        nlp.update(examples, sgd=optimizer)
    yield nlp, [example.x for example in examples]
    # The vocabulary is that of all tests.
    nlp.vocab.vectors = before


def answers(nlp, docs):
    return [(triples(doc), [r.score for r in doc._.relations]) for doc in nlp.pipe(copies(docs))]


def assert_same(found, expected):
    assert [item[0] for item in found] == [item[0] for item in expected]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a[1], b[1], atol=1e-5)


def test_it_learns_and_is_saved(trained, tmp_path):
    nlp, docs = trained
    before = answers(nlp, docs)
    assert sum(len(item[0]) for item in before) > 4
    nlp.to_disk(tmp_path)
    assert_same(answers(spacy.load(tmp_path), docs), before)


def test_both_are_read(trained):
    nlp, docs = trained
    annotated = list(nlp.get_pipe("vae_encoder").pipe(copies(docs)))
    extractor = nlp.get_pipe("extractor")
    before = extractor.predict(annotated)[0][1]
    nlp.vocab.vectors.data[:] *= -1
    assert not np.allclose(extractor.predict(annotated)[0][1], before, atol=1e-3)
    nlp.vocab.vectors.data[:] *= -1
    # Without latents, it says so.
    with pytest.raises(ValueError, match="VE104"):
        extractor.predict(copies(docs))


def test_the_listener_is_replaced_where_it_stands(trained, tmp_path):
    nlp, docs = trained
    before = answers(nlp, docs)
    nlp.replace_listeners("vae_encoder", "extractor", ["model.tok2vec.*.latents"])
    assert nlp.get_pipe("vae_encoder").listeners == []
    nlp.remove_pipe("vae_encoder")
    nlp.to_disk(tmp_path)
    assert_same(answers(spacy.load(tmp_path), docs), before)
