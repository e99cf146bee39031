"""Entities and relations learned at once, below them one encoder."""

import pytest
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_vaedie.training.examples import predicted_copy

from .extractors import SPAN_PAIRS, alone, example_of, fit
from .helpers import FACTS, SMALL_EXTRACTOR, SMALL_VAE, STOCK_LISTENER, blank, copies, relation_examples, triples


def proposed(pipe, example):
    """The pairs that the extractor would learn from, by words and labels."""
    (found,) = pipe._propose_for([example])
    doc = example.predicted

    def name(row):
        start, end = found.spans[row].tolist()
        return f"{doc[start:end]}/{doc.vocab.strings[int(found.labels[row])]}"

    return [(name(head), name(tail)) for head, tail in found.pairs.tolist()]


@pytest.fixture
def example(en):
    """Of three entities, one was predicted right, one with a wrong type, and one with a wrong end."""
    text = "Ada Quill met Tam Reed in Oxhill."
    found = example_of(en, text, [("Ada Quill", "PER"), ("Tam Reed", "PER"), ("Oxhill", "LOC")], [(0, 1, "MET")])
    doc = found.predicted
    doc.ents = [Span(doc, 0, 2, "PER"), Span(doc, 4, 5, "PER"), Span(doc, 6, 7, "PER")]
    return found


def test_pairs_of_both_are_learned_from(en, example):
    nlp = alone(en, gold_candidates=True)
    pipe = nlp.get_pipe("extractor")
    assert set(proposed(pipe, example)) == {
        pair
        for names in (["Ada Quill/PER", "Reed/PER", "Oxhill/PER"], ["Ada Quill/PER", "Tam Reed/PER", "Oxhill/LOC"])
        for pair in ((a, b) for a in names for b in names if a != b)
    }
    plain = alone(en).get_pipe("extractor")
    assert ("Ada Quill/PER", "Tam Reed/PER") not in proposed(plain, example)
    # The predicted Doc is not touched.
    assert [str(ent) for ent in example.predicted.ents] == ["Ada Quill", "Reed", "Oxhill"]


def test_targets_of_both(en, example):
    nlp = alone(en, gold_candidates=True)
    pipe = nlp.get_pipe("extractor")
    pipe.add_label("MET")
    candidates = pipe._propose_for([example])
    targets = pipe._target_reader().read(example, candidates[0], lambda *_: None)
    related = [pair for pair, row in zip(proposed(pipe, example), targets, strict=True) if row[1] == 1]
    assert related == [("Ada Quill/PER", "Tam Reed/PER")]
    # What was predicted beside it is an example of "no relation".
    assert (targets[:, 0] == 1).sum() == len(targets) - 1


def test_a_text_that_is_not_annotated_keeps_its_own_pairs(en, example):
    example.reference._.relations = None
    pipes = [alone(en, gold_candidates=flag).get_pipe("extractor") for flag in (True, False)]
    assert proposed(pipes[0], example) == proposed(pipes[1], example)


def test_span_groups_work_the_same(en, example):
    doc, reference = example.predicted, example.reference
    doc.spans["sc"] = [Span(doc, 0, 2, "PER"), Span(doc, 0, 1, "PER")]
    reference.spans["sc"] = [Span(reference, 0, 2, "PER"), Span(reference, 3, 5, "PER")]
    pipe = alone(en, gold_candidates=True, candidates=SPAN_PAIRS).get_pipe("extractor")
    assert set(proposed(pipe, example)) == {
        ("Ada Quill/PER", "Ada/PER"),
        ("Ada/PER", "Ada Quill/PER"),
        ("Ada Quill/PER", "Tam Reed/PER"),
        ("Tam Reed/PER", "Ada Quill/PER"),
    }


def joint(en, recognizer="ner", factor=1.0):
    listener = {"@architectures": "spacy-vaedie.ScaledGradient.v1", "factor": factor, "tok2vec": STOCK_LISTENER}
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    if recognizer == "ner":
        model = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "hidden_width": 16}
        model |= {"extra_state_tokens": False, "maxout_pieces": 2, "use_upper": True, "tok2vec": listener}
        nlp.add_pipe("ner", config={"model": model})
        candidates = {"@misc": "spacy-vaedie.EntityPairs.v2"}
    else:
        nlp.add_pipe("spancat", config={"model": {"tok2vec": listener}, "spans_key": "sc"})
        candidates = {"@misc": "spacy-vaedie.SpanPairs.v2", "spans_key": "sc"}
    nlp.add_pipe("extractor", config={**SMALL_EXTRACTOR, "gold_candidates": True, "candidates": candidates})
    return nlp


def bare(examples):
    """Examples whose predicted Docs have the parse only."""
    found = []
    for example in examples:
        example.reference.spans["sc"] = list(example.reference.ents)
        found.append(Example(predicted_copy(example.predicted, entities=False), example.reference))
    return found


def train(nlp, examples, steps):
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    annotates = nlp.pipe_names[:2]
    return [nlp.update(examples, sgd=optimizer, annotates=annotates) for _ in range(steps)]


@pytest.mark.parametrize("recognizer", ["ner", "spancat"])
def test_entities_and_relations_are_learned_at_once(en, recognizer, tmp_path):
    examples = bare(relation_examples(en))
    nlp = joint(en, recognizer, factor=0.1)
    losses = train(nlp, examples, 60)
    # From the first step on, although nothing is predicted there yet.
    assert losses[0]["extractor"] > 0
    assert losses[-1]["extractor"] < 0.3 * losses[0]["extractor"]
    docs = list(nlp.pipe(copies((example.x for example in examples), entities=False)))
    found = [set(triples(doc)) for doc in docs]
    assert sum(a == set(b) for a, (_, b) in zip(found, FACTS, strict=True)) >= 7
    nlp.to_disk(tmp_path)
    again = joint(en, recognizer, factor=0.1).from_disk(tmp_path)
    docs = list(again.pipe(copies((example.x for example in examples), entities=False)))
    assert [set(triples(doc)) for doc in docs] == found


def test_without_gold_candidates_the_first_steps_miss_relations(en):
    examples = bare(relation_examples(en))
    nlp = joint(en)
    nlp.get_pipe("extractor").gold_candidates = False
    with pytest.warns(UserWarning, match="VW202"):
        train(nlp, examples, 1)


def test_a_factor_of_zero_keeps_the_recognizer_from_the_encoder(en):
    """The encoder then learns as if there were none."""

    def encoder_after(factor, frozen=()):
        nlp = joint(en, factor=factor)
        nlp.remove_pipe("extractor")
        examples = bare(relation_examples(en))
        fix_random_seed(0)
        optimizer = nlp.initialize(lambda: examples)
        # spaCy's recognizer starts with an upper layer of zeros, which sends nothing back.
        for _ in range(3):
            fix_random_seed(0)
            nlp.update(examples, sgd=optimizer, exclude=frozen)
        return nlp.get_pipe("vae_encoder").model.to_bytes()

    assert encoder_after(0.0) == encoder_after(1.0, frozen=["ner"])
    assert encoder_after(1.0) != encoder_after(0.0)


def test_empty_docs(en):
    nlp = alone(en, gold_candidates=True)
    examples = relation_examples(en)
    optimizer, _ = fit(nlp, examples, 1)
    empty = Example(Doc(en.vocab), Doc(en.vocab))
    empty.reference._.relations = []
    losses = nlp.update([empty, examples[0]], sgd=optimizer)
    assert losses["extractor"] > 0
