"""Relations of rules as a prior of the extractor."""

import warnings
from math import exp

import numpy as np
import pytest

from spacy_vaedie.models.candidates import build_entity_pairs
from spacy_vaedie.pipeline.prior import rule_prior
from spacy_vaedie.tokens import Argument, Relation

from .helpers import LABELS, SMALL_EXTRACTOR, SMALL_VAE, blank, copies, triples

LABEL = "OWNS"


@pytest.fixture
def nlp(en, examples):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config={"model": {**SMALL_EXTRACTOR["model"], "n_heads": 1}})
    nlp.initialize(lambda: examples)
    return nlp


@pytest.fixture
def doc(examples):
    """Ada Quill founded Bluefin Works."""
    (doc,) = copies([examples[0].x])
    return doc


def say(doc, label=LABEL, provenance="rule", score=1.0, head=None):
    first, second = (Argument(ent.start, ent.end, ent.label_) for ent in doc.ents)
    doc._.relations = [Relation(head or first, second, label, score, provenance)]
    return doc


def probabilities(nlp, doc):
    nlp.get_pipe("vae_encoder")(doc)
    ((_, found),) = nlp.get_pipe("extractor").predict([doc])
    return found


@pytest.mark.parametrize(("weight", "score"), [(2.0, 1.0), (3.0, 0.5), (0.0, 1.0)])
def test_the_log_odds_rise_by_the_weight(nlp, doc, weight, score):
    extractor = nlp.get_pipe("extractor")
    before = probabilities(nlp, doc)
    extractor.rule_weight = weight
    after = probabilities(nlp, say(doc, score=score))
    column = extractor.labels.index(LABEL) + 1
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)
    odds = [p[0, column] / (1 - p[0, column]) for p in (before, after)]
    assert odds[1] / odds[0] == pytest.approx(exp(weight * score), rel=1e-3)


def test_a_prior_can_decide(nlp, doc):
    extractor = nlp.get_pipe("extractor")
    assert triples(nlp(say(doc))) == []
    extractor.rule_weight = 20.0
    assert triples(nlp(say(doc))) == [("Ada Quill", "Bluefin Works", LABEL)]
    assert [relation.provenance for relation in doc._.relations] == ["model"]


@pytest.mark.parametrize("provenance", ["gold", "model"])
def test_other_relations_are_no_prior(nlp, doc, provenance):
    nlp.get_pipe("extractor").rule_weight = 20.0
    assert triples(nlp(say(doc, provenance=provenance))) == []


def test_the_network_learns_what_the_rules_leave_to_say(nlp, examples):
    """A rule that is right makes the loss smaller before anything is learned."""
    extractor = nlp.get_pipe("extractor")
    losses = []
    for weight in (0.0, 4.0):
        extractor.rule_weight = weight
        for example in examples:
            example.predicted._.relations = [
                Relation(r.head, r.tail, r.label, 1.0, "rule") for r in example.reference._.relations
            ]
        with nlp.select_pipes(enable=["vae_encoder", "extractor"]):
            losses.append(nlp.update(examples, sgd=False, drop=0.0)["extractor"])
    assert losses[1] < 0.8 * losses[0]


@pytest.mark.parametrize("annotates", [True, False])
def test_the_ruler_runs_in_training(en, examples, monkeypatch, annotates):
    """As an annotating component it writes the prior on the Docs that the extractor is trained on."""
    nlp = blank(en)
    ruler = nlp.add_pipe("relation_ruler")
    ruler.add_patterns(
        [
            {
                "label": "FOUNDED",
                "pattern": [
                    {"RIGHT_ID": "verb", "RIGHT_ATTRS": {"LEMMA": "found"}},
                    {"LEFT_ID": "verb", "REL_OP": ">", "RIGHT_ID": "head", "RIGHT_ATTRS": {"DEP": "nsubj"}},
                    {"LEFT_ID": "verb", "REL_OP": ">", "RIGHT_ID": "tail", "RIGHT_ATTRS": {"DEP": "dobj"}},
                ],
                "head": "head",
                "tail": "tail",
            }
        ]
    )
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config={**SMALL_EXTRACTOR, "rule_weight": 2.0})
    optimizer = nlp.initialize(lambda: examples)
    seen = []
    monkeypatch.setattr(
        "spacy_vaedie.pipeline.extractor.rule_prior", lambda *args: seen.append(rule_prior(*args)) or seen[-1]
    )
    nlp.update(examples, sgd=optimizer, annotates=["relation_ruler"] if annotates else [])
    assert [int(prior.sum()) for prior in seen] == [2 if annotates else 0]


def test_a_rule_that_cannot_serve_is_told_once(nlp, doc):
    nlp.get_pipe("extractor").rule_weight = 2.0
    with pytest.warns(UserWarning, match="VW206.*'LIKES'"):
        nlp(say(doc, label="LIKES"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp(say(doc, label="LIKES"))
    with pytest.warns(UserWarning, match="VW206.*'Quill' and 'Bluefin Works' are no candidates"):
        nlp(say(doc, head=Argument(1, 2)))


def test_rows_of_a_batch(examples):
    docs = copies([examples[0].x, examples[6].x, examples[7].x])
    candidates = [build_entity_pairs()(doc) for doc in docs]
    say(docs[0], score=0.5)
    docs[2]._.relations = [Relation(Argument(0, 2), Argument(3, 5), LABELS[0], 1.0, "rule")]
    prior = rule_prior(docs, candidates, LABELS, lambda *_: pytest.fail("all fit"))
    assert prior.shape == (2 + 2 + 6, 4)
    assert {(row, column): prior[row, column] for row, column in zip(*prior.nonzero(), strict=True)} == {
        (0, 3): 0.5,
        (4, 1): 1.0,
    }


def test_a_weight_below_zero(en):
    with pytest.raises(ValueError, match="VE107.*rule_weight"):
        blank(en).add_pipe("extractor", config={**SMALL_EXTRACTOR, "rule_weight": -1.0})
