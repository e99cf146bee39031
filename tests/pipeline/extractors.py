"""What the tests of the extractor share: a small one, training it, and reading what it says."""

import numpy as np
from spacy.util import fix_random_seed

from spacy_vaedie.training.examples import make_example

from .helpers import EMBED, SMALL_ENCODER, SMALL_EXTRACTOR, blank, copies, triples

OWN_TOK2VEC = {"@architectures": "spacy-vaedie.ParseTok2Vec.v1", **SMALL_ENCODER, "embed": EMBED}
SPAN_PAIRS = {"@misc": "spacy-vaedie.SpanPairs.v1", "spans_key": "sc", "max_sentences": 0, "max_pairs": 100}


def alone(en, **config):
    """An extractor with token vectors of its own."""
    nlp = blank(en)
    model = {**SMALL_EXTRACTOR["model"], "tok2vec": OWN_TOK2VEC}
    nlp.add_pipe("extractor", config={"model": model, **config})
    return nlp


def fit(nlp, examples, steps=25):
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    return optimizer, [nlp.update(examples, sgd=optimizer)["extractor"] for _ in range(steps)]


def predict(nlp, examples):
    return list(nlp.pipe(copies(example.x for example in examples)))


def answers(nlp, examples):
    """Triples and scores of each text."""
    return [scored(doc) for doc in predict(nlp, examples)]


def scored(doc):
    return [(*triple, relation.score) for triple, relation in zip(triples(doc), doc._.relations, strict=True)]


def assert_same_answers(found, expected):
    assert [[item[:3] for item in doc] for doc in found] == [[item[:3] for item in doc] for doc in expected]
    np.testing.assert_allclose(
        [item[3] for doc in found for item in doc], [item[3] for doc in expected for item in doc], atol=1e-5
    )


def example_of(en, text, entities, relations):
    """An Example with entities given by their words."""
    doc = en(text)
    offsets = [(text.index(words), text.index(words) + len(words), label) for words, label in entities]
    return make_example(doc, entities=offsets, relations=relations)


def targets(pipe, example):
    """The target of each candidate pair, by the words of head and tail, as a label, "" or None for one that is left
    out of the loss. Read from the gradient, which is negative at the target."""
    candidates = [pipe.candidates(example.x)]
    logits = np.zeros((1, len(candidates[0].pairs), len(pipe.labels) + 1), dtype="float32")
    _, gradient = pipe.get_loss([example], (candidates, logits))
    found = {}
    for row, (head_start, head_end, tail_start, tail_end) in enumerate(candidates[0].offsets()):
        key = str(example.x[head_start:head_end]), str(example.x[tail_start:tail_end])
        found[key] = ["", *pipe.labels][gradient[0, row].argmin()] if gradient[0, row].any() else None
    return found
