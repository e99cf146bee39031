"""Pairs that nobody annotated, and the teacher."""

import numpy as np
import pytest
import spacy
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam

from spacy_vaedie.pipeline import unlabelled
from spacy_vaedie.training.examples import predicted_copy

from .extractors import OWN_TOK2VEC, alone, answers
from .helpers import SMALL_EXTRACTOR, SMALL_VAE, blank, relation_examples

SELF_TRAINING = {"self_training": {"@misc": "spacy-vaedie.SelfTraining.v1", "confidence": 0.5, "warmup_steps": 0}}
CONSISTENCY = {"consistency": {"@misc": "spacy-vaedie.Consistency.v1", "warmup_steps": 0}}
TERMS = {**SELF_TRAINING, **CONSISTENCY}


def unannotated(examples):
    """The same texts with entities and without relations."""
    found = []
    for example in examples:
        reference = predicted_copy(example.predicted)
        assert reference._.relations is None
        found.append(Example(predicted_copy(example.predicted), reference))
    return found


def start(nlp, examples):
    fix_random_seed(0)
    nlp.initialize(lambda: examples)
    return Adam(0.01, use_averages=True)


def train(nlp, optimizer, examples, steps):
    return [nlp.update(examples, sgd=optimizer)["extractor"] for _ in range(steps)]


@pytest.mark.parametrize("terms", [SELF_TRAINING, CONSISTENCY, TERMS], ids=["self", "consistency", "both"])
def test_what_is_not_annotated_changes_the_weights(en, terms):
    examples = relation_examples(en)
    labelled, raw = examples[:4], unannotated(examples[4:])
    found = []
    for config, batch in (({}, labelled), ({"unlabelled": terms}, labelled), ({"unlabelled": terms}, labelled + raw)):
        nlp = alone(en, **config)
        losses = train(nlp, start(nlp, examples), batch, 12)
        found.append((losses, answers(nlp, examples)))
        assert np.isfinite(losses).all()
    # Without such pairs the terms do nothing.
    assert found[0] == found[1]
    assert found[2][0] != found[0][0]


def test_the_teacher_is_the_average_of_the_weights(en):
    examples = relation_examples(en)
    nlp = alone(en, unlabelled=CONSISTENCY)
    optimizer = start(nlp, examples)
    pipe = nlp.get_pipe("extractor")
    train(nlp, optimizer, examples, 5)
    docs = [example.predicted for example in examples]
    candidates = [pipe.propose(doc) for doc in docs]
    inputs = (docs, candidates)
    asked = pipe.unlabelled.ask(pipe.model, inputs)
    now = pipe.model.predict(inputs)
    with pipe.model.use_params(optimizer.averages):
        expected = pipe.model.predict(inputs)
    assert np.array_equal(asked, expected)
    assert not np.allclose(asked, now)
    # The weights are put back.
    assert np.array_equal(pipe.model.predict(inputs), now)


def test_the_gradient_is_that_of_the_sum(en):
    """Of the logits, by differences: annotated pairs, and the terms for the others."""
    examples = relation_examples(en)
    batch = [*examples[:3], *unannotated(examples[3:])]
    nlp = alone(en, unlabelled=CONSISTENCY)
    start(nlp, examples)
    pipe = nlp.get_pipe("extractor")
    candidates = [pipe.propose(example.predicted) for example in batch]
    n_pairs = sum(len(item.pairs) for item in candidates)
    targets = pipe._read_targets(batch, candidates)
    logits = np.random.default_rng(0).normal(size=(1, n_pairs, len(pipe.labels) + 1))
    beliefs = pipe.labelling.probabilities(np.random.default_rng(1).normal(size=logits.shape[1:]))
    loss, gradient = pipe.unlabelled.loss(pipe.labelling, logits, beliefs, targets)
    annotated = (targets == 1).any(axis=1)
    assert 0 < annotated.sum() < n_pairs
    assert not gradient[:, annotated].any()
    direction = np.random.default_rng(2).normal(size=logits.shape)
    ahead, behind = (
        pipe.unlabelled.loss(pipe.labelling, logits + step * direction, beliefs, targets)[0] for step in (1e-5, -1e-5)
    )
    assert (gradient * direction).sum() == pytest.approx((ahead - behind) / 2e-5, rel=1e-5)
    assert loss > 0


def test_on_an_encoder_that_is_trained_too(en):
    """The teacher reads the means that stand on the Docs, the pupil samples."""
    examples = relation_examples(en)
    batch = [*examples[:4], *unannotated(examples[4:])]
    nlp = blank(en)
    reading = {"@architectures": "spacy-vaedie.NoisyReading.v1", "masked": 0.2}
    nlp.add_pipe("vae_encoder", config={**SMALL_VAE, "model": {**SMALL_VAE["model"], "reading": reading}})
    nlp.add_pipe("extractor", config={**SMALL_EXTRACTOR, "unlabelled": TERMS})
    optimizer = start(nlp, examples)
    for _ in range(3):
        losses = nlp.update(batch, sgd=optimizer, annotates=["vae_encoder"])
        assert np.isfinite(list(losses.values())).all()


def test_without_means_on_the_docs_it_is_said_what_to_do(en):
    examples = relation_examples(en)
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config={**SMALL_EXTRACTOR, "unlabelled": TERMS})
    with pytest.raises(ValueError, match=r"VE104.*annotating_components"):
        nlp.update(examples, sgd=start(nlp, examples))


def test_an_optimizer_without_averages_is_refused(en):
    examples = relation_examples(en)
    nlp = alone(en, unlabelled=TERMS)
    start(nlp, examples)
    optimizer = Adam(0.01, use_averages=False)
    with pytest.raises(ValueError, match=r"VE226.*use_averages"):
        nlp.update(examples, sgd=optimizer)


@pytest.mark.parametrize(("raw", "code"), [(False, "VW226"), (True, "VW227.*self_training")])
def test_terms_that_find_nothing_are_named_once(en, monkeypatch, raw, code):
    monkeypatch.setattr(unlabelled, "PATIENCE", 2)
    examples = relation_examples(en)
    batch = unannotated(examples) + examples if raw else examples
    unsure = {"self_training": {**SELF_TRAINING["self_training"], "confidence": 1.0}, **CONSISTENCY}
    nlp = alone(en, unlabelled=unsure)
    optimizer = start(nlp, examples)
    train(nlp, optimizer, batch, 1)
    with pytest.warns(UserWarning, match=code):
        train(nlp, optimizer, batch, 1)
    train(nlp, optimizer, batch, 3)


class Scripted:
    """A term that uses so many pairs in each update."""

    def __init__(self, *used):
        self.used = used

    def reset(self):
        pass

    def loss(self, labelling, logits, beliefs, step):
        return 0.0, np.zeros_like(logits), self.used[step]


def told(terms, open_pairs):
    """When what is told, by the number of unannotated pairs in each update."""
    learning = unlabelled.UnlabelledLearning("extractor", terms)
    optimizer = Adam(0.01, use_averages=True)
    found = []
    for step, n in enumerate(open_pairs, start=1):
        targets = np.full((n + 1, 3), -1, dtype="int8")
        targets[0] = [1, 0, 0]
        learning.loss(None, np.zeros((1, n + 1, 3)), np.zeros((n + 1, 3)), targets)
        learning.finish_update(optimizer, lambda message, key, step=step: found.append((step, key, message)))
    return found


def test_a_teacher_that_becomes_unsure_is_named_when_it_matters(monkeypatch):
    monkeypatch.setattr(unlabelled, "PATIENCE", 3)
    # Unsure at first, then sure, then never again; updates without such pairs say nothing.
    found = told({"mine": Scripted(0, 0, 1, 0, 0, 0, 0, 0)}, [5, 5, 5, 7, 0, 7, 7, 7])
    assert [(step, key) for step, key, _ in found] == [(7, "unsure"), (8, "unsure")]
    assert "VW227" in found[0][2]
    assert "21 pairs" in found[0][2]
    assert "mine" in found[0][2]
    assert told({"mine": Scripted(0, 0, 1, 0, 0, 1)}, [5] * 6) == []
    # It is not hidden by what was told before.
    keys = [key for _, key, _ in told({"mine": Scripted(*[0] * 6)}, [0, 0, 0, 5, 5, 5])]
    assert keys == ["unlabelled", "unsure"]
    found = told({"mine": Scripted(*[1] * 3), "other": Scripted(*[0] * 3)}, [5] * 3)
    assert [step for step, *_ in found] == [3]
    assert "other." in found[0][2]
    assert "mine" not in found[0][2]


def test_a_term_that_is_none_is_left_out(en):
    pipe = alone(en, unlabelled={**CONSISTENCY, "self_training": None}).get_pipe("extractor")
    assert list(pipe.unlabelled.terms) == ["consistency"]


def test_round_trip(en, tmp_path):
    examples = relation_examples(en)
    nlp = alone(en, unlabelled=TERMS)
    train(nlp, start(nlp, examples), examples, 2)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert set(loaded.get_pipe("extractor").unlabelled.terms) == set(TERMS)
    assert answers(loaded, examples) == answers(nlp, examples)


def test_a_block_that_is_no_term_is_refused(en):
    with pytest.raises(ValueError, match=r"VE107.*unlabelled\.typo.*SelfTraining"):
        alone(en, unlabelled={"typo": {"weight": 1.0}})


def test_a_generative_term_learns_from_unannotated_pairs_too(en):
    examples = relation_examples(en)
    model = {
        **SMALL_EXTRACTOR["model"],
        "tok2vec": OWN_TOK2VEC,
        "term": {"@architectures": "spacy-vaedie.LabelTerm.v1"},
    }
    nlp = blank(en)
    nlp.add_pipe("extractor", config={"model": model})
    optimizer = start(nlp, examples)
    batch = [*examples[:4], *unannotated(examples[4:])]
    losses = train(nlp, optimizer, batch, 25)
    assert losses[-1] < losses[0] / 2
    assert [[r.label for r in doc._.relations] for doc in nlp.pipe([examples[0].predicted])] == [["FOUNDED"]]


def test_a_generative_term_is_refused_where_labels_do_not_exclude_each_other(en):
    model = {
        **SMALL_EXTRACTOR["model"],
        "tok2vec": OWN_TOK2VEC,
        "term": {"@architectures": "spacy-vaedie.LabelTerm.v1"},
    }
    with pytest.raises(ValueError, match=r"VE107.*term.*multi_label"):
        blank(en).add_pipe("extractor", config={"model": model, "multi_label": True})
