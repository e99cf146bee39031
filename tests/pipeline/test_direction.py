"""An extractor that knows that a relation goes one way."""

import warnings

import numpy as np
import pytest
import spacy

from .extractors import alone, answers, assert_same_answers, example_of, fit, predict


@pytest.fixture
def tied(en, examples):
    nlp = alone(en, directions="one", threshold=0.05)
    fit(nlp, examples)
    return nlp


def test_of_two_spans_one_relation_at_most(tied, examples):
    for doc in predict(tied, examples):
        places = [frozenset([(r.head.start, r.head.end), (r.tail.start, r.tail.end)]) for r in doc._.relations]
        assert len(places) == len(set(places))
    assert any(doc._.relations for doc in predict(tied, examples))


def test_probabilities_of_both_orders_fit_together(tied, examples):
    pipe = tied.get_pipe("extractor")
    (candidates, probabilities), *_ = pipe.predict([examples[0].x])
    pairs = candidates.pairs.tolist()
    for row, (head, tail) in enumerate(pairs):
        other = pairs.index([tail, head])
        labels = probabilities[[row, other], 1:].sum()
        assert labels <= 1.0 + 1e-6
        # "No relation" in one order is all that is not a label in it.
        assert probabilities[row, 0] == pytest.approx(1.0 - probabilities[row, 1:].sum(), abs=1e-6)
        assert probabilities[row, 0] >= probabilities[other, 1:].sum() - 1e-6


def test_the_gradient_is_that_of_the_loss(tied, examples):
    pipe = tied.get_pipe("extractor")
    example = next(example for example in examples if example.y._.relations)
    candidates = [pipe.candidates(example.x)]
    shape = (1, len(candidates[0].pairs), len(pipe.labels) + 1)
    logits = np.random.default_rng(0).normal(size=shape)
    _, gradient = pipe.get_loss([example], (candidates, logits))
    for place in np.ndindex(*shape):
        step = np.zeros(shape)
        step[place] = 1e-5
        ahead, behind = (pipe.get_loss([example], (candidates, logits + sign * step))[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((ahead - behind) / 2e-5, abs=1e-6)


def test_the_setting_is_saved(tied, examples, tmp_path):
    tied.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("extractor").directions == "one"
    assert_same_answers(answers(loaded, examples), answers(tied, examples))


def test_only_one_or_both(en):
    with pytest.raises(ValueError, match=r"VE107.*directions"):
        alone(en, directions="one", multi_label=True)


def test_pairs_that_are_related_in_both_orders_are_told(en, examples):
    people = [("Ada Quill", "PER"), ("Tam Reed", "PER")]
    both = example_of(en, "Ada Quill met Tam Reed by chance.", people, [(0, 1, "MET"), (1, 0, "MET")])
    with pytest.warns(UserWarning, match=r"VW208.*1 pair.*'Ada Quill' and 'Tam Reed'"):
        alone(en, directions="one").initialize(lambda: [*examples, both])
    schema = {"@misc": "spacy-vaedie.Schema.v1", "symmetric": ["MET"]}
    for settings in ({"directions": "both"}, {"directions": "one", "schema": schema}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            alone(en, **settings).initialize(lambda: [*examples, both])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone(en, directions="one").initialize(lambda: examples)
