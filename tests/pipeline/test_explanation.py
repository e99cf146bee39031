from dataclasses import replace

import numpy as np
import pytest
from spacy.lookups import Lookups
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_vaedie.pipeline.calibration import annotate_before
from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.examples import predicted_copy

from .helpers import SMALL_EXTRACTOR, SMALL_VAE, blank, copies, relation_examples

PARTS = {"arguments", "between", "path", "context", "lexical"}


@pytest.fixture(scope="module")
def trained(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    examples = relation_examples(en)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    return nlp, list(nlp.pipe(copies(example.x for example in examples)))


def test_a_share_for_each_part_of_each_relation(trained):
    nlp, docs = trained
    found = nlp.get_pipe("extractor").explain(docs)
    assert [len(records) for records in found] == [len(doc._.relations) for doc in docs]
    records = [record for of_doc in found for record in of_doc]
    assert len(records) > 3
    assert all(set(record) == PARTS | {"latents"} for record in records)
    shares = np.array([list(record.values()) for record in records])
    # No score falls below nothing, and something has to be lost.
    assert (shares <= 1.0).all()
    assert (shares.max(axis=1) > 0.0).all()


def test_what_a_part_says_is_what_is_left_out(trained):
    """A network that has forgotten a part loses nothing with it."""
    nlp, docs = trained
    pipe = nlp.get_pipe("extractor")
    network = pipe.model.shims[0].network
    place = network.names.index("path")
    start = sum(part.n_out for part in network.parts[:place])
    path = slice(start, start + network.parts[place].n_out)
    kept = network.hidden.data.clone()
    network.hidden.data[:, path] = 0.0
    try:
        records = [record for of_doc in pipe.explain(docs) for record in of_doc]
    finally:
        network.hidden.data = kept
    assert [record["path"] for record in records] == pytest.approx([0.0] * len(records), abs=1e-6)
    assert any(max(record.values()) > 1e-3 for record in records)


LABEL_TERM = {"@architectures": "spacy-vaedie.LabelTerm.v1"}


@pytest.mark.parametrize(("beside", "term"), [(False, None), (False, LABEL_TERM), (True, LABEL_TERM)])
def test_the_share_of_classes_of_words(en, monkeypatch, beside, term):
    """Alone and beside the other parts, also where a generative term is trained with them."""
    monkeypatch.setattr(en.vocab, "lookups", Lookups())
    lexicon = {"found": ["make"], "live": ["be"], "buy": ["get"], "belong": ["get"], "Works": ["firm"]}
    en.vocab.lookups.add_table("word_classes", lexicon)
    classes = {"@architectures": "spacy-vaedie.WordClasses.v1", "width": 16, "buckets": 100}
    others = SMALL_EXTRACTOR["model"]["parts"] if beside else dict.fromkeys(PARTS)
    parts = {**others, "classes": classes}
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config={"model": {**SMALL_EXTRACTOR["model"], "parts": parts, "term": term}})
    examples = relation_examples(en)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    # Half of them are not annotated, which a term learns from.
    batch = [*examples, *raw_pairs(examples)]
    losses = [nlp.update(batch, sgd=optimizer)["extractor"] for _ in range(40)]
    assert losses[-1] < losses[0] / 2
    docs = list(nlp.pipe(copies(example.x for example in examples)))
    records = {
        (doc[relation.head.start : relation.head.end].text, relation.label): record
        for doc, found in zip(docs, nlp.get_pipe("extractor").explain(docs), strict=True)
        for relation, record in zip(doc._.relations, found, strict=True)
    }
    record = records["Ada Quill", "FOUNDED"]
    assert set(record) == {"classes", "latents"} | (PARTS if beside else set())
    assert record["classes"] != 0.0
    if not beside:
        # Types say that it is FOUNDED or OWNS, and the class of the verb which of the two.
        assert record["classes"] > 0.1
        assert record["latents"] == pytest.approx(0.0, abs=1e-6)


def raw_pairs(examples):
    """The same texts, with entities and not annotated."""
    return [Example(predicted_copy(example.x), predicted_copy(example.x)) for example in examples]


def test_it_does_not_depend_on_the_batch_and_changes_nothing(trained):
    nlp, docs = trained
    pipe = nlp.get_pipe("extractor")
    before = [doc.to_bytes() for doc in docs]
    together = pipe.explain(docs)
    alone = [pipe.explain([doc])[0] for doc in reversed(docs)][::-1]
    assert together == alone
    assert [pipe.explain(doc) for doc in docs] == [[records] for records in together]
    assert [doc.to_bytes() for doc in docs] == before


def test_relations_of_others_get_an_empty_record(trained):
    nlp, docs = trained
    doc = next(doc for doc in docs if doc._.relations).copy()
    own = doc._.relations
    other = Relation(Argument(0, 1), Argument(1, 2), label=own[0].label)
    foreign = Relation(own[0].head, own[0].tail, label="UNHEARD_OF", provenance="model")
    ruled = replace(own[0], provenance="rule")
    elsewhere = replace(own[0], head=replace(own[0].head, label="UNHEARD_OF"))
    doc._.relations = [other, own[0], foreign, ruled, elsewhere]
    records = nlp.get_pipe("extractor").explain([doc])[0]
    assert [bool(record) for record in records] == [False, True, False, False, False]
    doc._.relations = None
    assert nlp.get_pipe("extractor").explain([doc]) == [[]]


def test_before_training(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    with pytest.raises(ValueError, match="VE101"):
        nlp.add_pipe("extractor", config=SMALL_EXTRACTOR).explain([])


# So few texts, known by heart, say nothing about a temperature.
@pytest.mark.filterwarnings(r"ignore:\[VW225\]")
@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("method", [None, "temperature", "isotonic"])
def test_the_score_that_is_explained_is_that_of_the_relation(en, monkeypatch, multi_label, method):
    """Where a part takes nothing away, the share is nothing; where it takes everything, it is one."""
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    pipe = nlp.add_pipe("extractor", config={**SMALL_EXTRACTOR, "multi_label": multi_label, "threshold": 0.2})
    examples = relation_examples(en)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(25):
        nlp.update(examples, sgd=optimizer)
    if method is not None:
        pipe.calibrate(annotate_before(nlp, pipe.name, examples), method=method)
    scores = []

    def spy(logits, candidates, judge=pipe._judge):
        scores.append(judge(logits, candidates))
        return scores[-1]

    monkeypatch.setattr(pipe, "_judge", spy)
    docs = [doc for doc in nlp.pipe(copies(example.x for example in examples)) if doc._.relations]
    for doc in docs:
        scores.clear()
        assert all(pipe.explain([doc])[0])
        labels = [pipe.labels.index(relation.label) + 1 for relation in doc._.relations]
        expected = [relation.score for relation in doc._.relations]
        assert scores[0][np.arange(len(labels)), labels] == pytest.approx(expected, abs=1e-5)
