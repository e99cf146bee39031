"""Relations of rules as a bonus on the logits of the extractor."""

import warnings
from math import exp

import numpy as np
import pytest

from spacy_vaedie.models.candidates import build_entity_pairs
from spacy_vaedie.models.constraints import LabelSchema, build_schema
from spacy_vaedie.pipeline.rule_bonus import rule_bonus
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


def test_a_bonus_can_decide(nlp, doc):
    extractor = nlp.get_pipe("extractor")
    extractor.rule_weight = 1e-6
    assert triples(nlp(say(doc))) == []
    extractor.rule_weight = 20.0
    assert triples(nlp(say(doc))) == [("Ada Quill", "Bluefin Works", LABEL)]
    assert [relation.provenance for relation in doc._.relations] == ["model"]


@pytest.mark.parametrize("provenance", ["gold", "model"])
def test_other_relations_give_no_bonus(nlp, doc, provenance):
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
    """As an annotating component it writes what the bonus comes from on the Docs that the extractor is trained on."""
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
        "spacy_vaedie.pipeline.rule_bonus.rule_bonus", lambda *args: seen.append(rule_bonus(*args)) or seen[-1]
    )
    nlp.update(examples, sgd=optimizer, annotates=["relation_ruler"] if annotates else [])
    assert [int(bonus.sum()) for bonus in seen] == [2 if annotates else 0]


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
    bonus = rule_bonus(docs, candidates, LABELS, LabelSchema(), lambda *_: pytest.fail("all fit"))
    assert bonus.shape == (2 + 2 + 6, 4)
    assert {(row, column): bonus[row, column] for row, column in zip(*bonus.nonzero(), strict=True)} == {
        (0, 3): 0.5,
        (4, 1): 1.0,
    }


def test_a_rule_may_say_a_fact_the_other_way_round(examples):
    """Only the pair that the schema allows has the label, so the bonus belongs there."""
    (doc,) = copies([examples[0].x])
    ada, works = (Argument(ent.start, ent.end, ent.label_) for ent in doc.ents)
    both_ways, one_way = build_entity_pairs()(doc), build_entity_pairs()(doc).one_way()
    schema = build_schema(symmetric=["MET"], inverse={"OWNED_BY": "OWNS"})
    for label, column in (("MET", 2), ("OWNED_BY", 1)):
        doc._.relations = [Relation(works, ada, label, 0.5, "rule")]
        for candidates in (both_ways, one_way):
            bonus = rule_bonus([doc], [candidates], ["OWNS", "MET"], schema, lambda *_: pytest.fail("it fits"))
            assert {tuple(place): bonus[tuple(place)] for place in np.argwhere(bonus)} == {(0, column): 0.5}


def test_a_rule_with_an_inverse_label_counts(en, examples, doc):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    schema = {"@misc": "spacy-vaedie.Schema.v1", "inverse": {"OWNED_BY": "OWNS"}}
    nlp.add_pipe("extractor", config={**SMALL_EXTRACTOR, "schema": schema, "rule_weight": 20.0})
    nlp.initialize(lambda: examples)
    ada, works = (Argument(ent.start, ent.end, ent.label_) for ent in doc.ents)
    doc._.relations = [Relation(works, ada, "OWNED_BY", 1.0, "rule")]
    assert triples(nlp(doc)) == [("Ada Quill", "Bluefin Works", "OWNS")]


def test_rules_that_nothing_listens_to_are_told_once(nlp, doc):
    """They are overwritten, and with the default weight they add nothing."""
    with pytest.warns(UserWarning, match="VW207.*'extractor'.*rule_weight.*existing"):
        nlp(say(doc))
    assert triples(doc) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp(say(doc))


@pytest.mark.parametrize(("provenance", "weight"), [("rule", 2.0), ("gold", 0.0), ("model", 0.0)])
def test_nothing_is_told_where_rules_count_or_there_are_none(nlp, doc, provenance, weight):
    nlp.get_pipe("extractor").rule_weight = weight
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp(say(doc, provenance=provenance))


def test_a_weight_below_zero(en):
    with pytest.raises(ValueError, match="VE107.*rule_weight"):
        blank(en).add_pipe("extractor", config={**SMALL_EXTRACTOR, "rule_weight": -1.0})


@pytest.mark.parametrize("value", ["2", None, True, -1.0])
def test_a_weight_in_python_is_checked(nlp, value):
    with pytest.raises(ValueError, match="VE107.*rule_weight"):
        nlp.get_pipe("extractor").rule_weight = value
    assert nlp.get_pipe("extractor").rule_weight == 0.0
