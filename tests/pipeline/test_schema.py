"""An extractor with a schema, with several labels a pair, and with types that it learns."""

import warnings

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.examples import make_example

from .extractors import alone, answers, example_of, fit, predict, targets
from .helpers import FACTS, LABELS, relation_examples, triples

TYPES = {
    "FOUNDED": {"head": ["PER"], "tail": ["ORG"]},
    "LIVES_IN": {"head": ["PER"], "tail": ["LOC"]},
    "OWNS": {"head": ["PER"], "tail": ["ORG"]},
}
PAIR = ("Ada Quill", "Tam Reed")
ENTITY_PAIRS = {"@misc": "spacy-vaedie.EntityPairs.v2"}


def schema(**rules):
    return {"@misc": "spacy-vaedie.Schema.v1", **rules}


def met(en, relations, text="Ada Quill met Tam Reed by chance."):
    return example_of(en, text, [(PAIR[0], "PER"), (PAIR[1], "PER")], relations)


@pytest.fixture
def with_meetings(en, examples):
    """The facts, and a label that holds in both directions, annotated once in each of them."""
    others = [*examples[:6], examples[7]]
    return [*others, met(en, [(0, 1, "MET")]), met(en, [(1, 0, "MET")], "Ada Quill and Tam Reed met.")]


def test_a_schema_that_nothing_made(en):
    """A block without `@misc`."""
    for rules in ({"inverse": {"A": "B"}}, {}):
        with pytest.raises(ValueError, match=r"VE107.*'schema'.*spacy-vaedie.Schema.v1.*'extractor'"):
            alone(en, schema=rules)


# Types


def test_what_the_types_forbid_has_no_probability(en, examples):
    nlp = alone(en, schema=schema(types=TYPES), threshold=0.0)
    nlp.initialize(lambda: examples)
    pipe = nlp.get_pipe("extractor")
    ((candidates, probabilities),) = pipe.predict([examples[7].x])
    strings = nlp.vocab.strings
    for (head, tail), row in zip(candidates.labels[candidates.pairs], probabilities, strict=True):
        allowed = [
            strings[int(head)] in TYPES[label]["head"] and strings[int(tail)] in TYPES[label]["tail"]
            for label in LABELS
        ]
        assert [value > 0 for value in row[1:]] == allowed
        assert row.sum() == pytest.approx(1.0)
    # Not even a threshold of zero lets it through.
    assert {(r.head.label, r.tail.label) for doc in predict(nlp, examples) for r in doc._.relations} <= {
        ("PER", "ORG"),
        ("PER", "LOC"),
    }


def test_learns_within_the_schema(en, examples):
    nlp = alone(en, schema=schema(types=TYPES, functional=["LIVES_IN"], acyclic=["OWNS"]))
    _, losses = fit(nlp, examples, 30)
    assert losses[-1] < 0.1
    assert [set(triples(doc)) for doc in predict(nlp, examples)] == [set(facts) for _, facts in FACTS]


def test_annotation_that_contradicts_the_types(en, examples):
    """It is told at once, and is no example of "no relation"."""
    wrong = met(en, [(0, 1, "OWNS")])
    nlp = alone(en, schema=schema(types=TYPES))
    with pytest.warns(
        UserWarning, match=r"VW221.* 1 annotated.*'OWNS' from 'Ada Quill' \(PER\) to 'Tam Reed'.*`types`"
    ):
        nlp.initialize(lambda: [*examples, wrong])
    pipe = nlp.get_pipe("extractor")
    with pytest.warns(UserWarning, match="VW221"):
        assert targets_of(pipe, wrong, pipe._warn_once) == [[-1, -1, -1, -1], [1, 0, 0, 0]]


def test_types_that_no_annotation_keeps_to(en, examples):
    rules = {**TYPES, "LIVES_IN": {"head": ["PERSON"], "tail": ["GPE"]}}
    nlp = alone(en, schema=schema(types=rules))
    with pytest.raises(ValueError, match=r"VE224.*3 annotated.*'LIVES_IN'.*'extractor'.*'Tam Reed' \(PER\)"):
        nlp.initialize(lambda: examples)


@pytest.mark.parametrize(
    ("rules", "rule"), [({"functional": ["OWNS"]}, "functional"), ({"acyclic": ["OWNS"]}, "acyclic")]
)
def test_annotation_that_breaks_other_rules(en, examples, rules, rule):
    """It is told; nothing says which of the relations is wrong, so all are learned."""
    text = "Pell Mills, Oxhill and Larkton merged."
    names = [("Pell Mills", "ORG"), ("Oxhill", "ORG"), ("Larkton", "ORG")]
    wrong = example_of(en, text, names, [(0, 1, "OWNS"), (0, 2, "OWNS"), (1, 2, "OWNS"), (2, 0, "OWNS")])
    nlp = alone(en, schema=schema(**rules))
    with pytest.warns(UserWarning, match=f"VW221.*1 annotated relation.*{rule}"):
        nlp.initialize(lambda: [*examples, wrong])
    assert [*targets(nlp.get_pipe("extractor"), wrong).values()].count("OWNS") == 4


def test_labels_that_nobody_predicts(en, examples):
    nlp = alone(en, schema=schema(types={"LIVESIN": {"head": ["PER"]}}))
    with pytest.warns(UserWarning, match=r"VW222.*schema of 'extractor'.*LIVESIN.*FOUNDED, LIVES_IN, OWNS"):
        nlp.initialize(lambda: examples)


# Predictions that break a rule


def test_the_better_score_wins(en, trained_bytes, examples):
    nlp = alone(en, schema=schema(functional=["OWNS"], acyclic=["FOUNDED"]))
    nlp.from_bytes(trained_bytes, exclude=["vocab"])
    pipe = nlp.get_pipe("extractor")
    doc = examples[7].x
    candidates = pipe.candidates(doc)
    rows = {pair: i for i, pair in enumerate(map(tuple, candidates.pairs.tolist()))}
    probabilities = np.zeros((6, 4), dtype="float32")
    for pair, label, score in [((0, 1), 3, 0.7), ((0, 2), 3, 0.8), ((1, 2), 1, 0.9), ((2, 1), 1, 0.6)]:
        probabilities[rows[pair], label] = score
    pipe.set_annotations([doc], [(candidates, probabilities)])
    assert [(*triple, pytest.approx(r.score)) for triple, r in zip(triples(doc), doc._.relations, strict=True)] == [
        ("Ida Moss", "Oxhill", "OWNS", 0.8),
        ("Sandbar Press", "Oxhill", "FOUNDED", 0.9),
    ]


# Symmetric labels and inverses


def test_a_symmetric_label_beside_directed_ones(en, with_meetings):
    nlp = alone(en, schema=schema(symmetric=["MET"]))
    fit(nlp, with_meetings, 40)
    pipe = nlp.get_pipe("extractor")
    # Gold in either direction is one fact, with the span that comes first as its head.
    for example in with_meetings[-2:]:
        assert targets(pipe, example) == {PAIR: "MET", PAIR[::-1]: ""}
    docs = predict(nlp, with_meetings)
    for doc in docs[-2:]:
        assert triples(doc) == [(*PAIR, "MET")]
    assert triples(docs[1]) == [("Ada Quill", "Bluefin Works", "FOUNDED")]
    scores = nlp.evaluate(with_meetings)
    assert scores["rels_f"] == scores["rels_candidate_recall"] == 1.0
    assert scores["rels_per_type"]["MET"] == {"p": 1.0, "r": 1.0, "f": 1.0}
    for _, probabilities in pipe.predict([with_meetings[-1].x]):
        assert probabilities[1, pipe.labels.index("MET") + 1] == 0.0


def test_symmetric_labels_alone_have_each_pair_once(en, with_meetings):
    for candidates in (ENTITY_PAIRS, {"@misc": "spacy-vaedie.EntityPairs.v1"}):
        nlp = alone(en, schema=schema(symmetric=["MET"]), candidates=candidates)
        fit(nlp, with_meetings[-2:], 5)
        pipe = nlp.get_pipe("extractor")
        ((found, _),) = pipe.predict([with_meetings[-1].x])
        assert found.pairs.tolist() == [[0, 1]]
        assert targets_of(pipe, with_meetings[-1]) == [[0, 1]]
        assert nlp.evaluate(with_meetings[-2:])["rels_candidate_recall"] == 1.0


def targets_of(pipe, example, tell=lambda *_: None):
    return pipe._target_reader().read(example, pipe.propose(example.x), tell).tolist()


def test_inverse_labels_are_one(en, examples):
    other = example_of(
        en, "Pell Mills belongs to Bo Hart.", [("Pell Mills", "ORG"), ("Bo Hart", "PER")], [(0, 1, "OWNED_BY")]
    )
    nlp = alone(en, schema=schema(inverse={"OWNED_BY": "OWNS"}))
    data = [*examples[:5], other, *examples[6:]]
    fit(nlp, data, 40)
    pipe = nlp.get_pipe("extractor")
    assert pipe.labels == LABELS
    assert targets(pipe, other)[("Bo Hart", "Pell Mills")] == "OWNS"
    (doc,) = predict(nlp, [other])
    assert triples(doc) == [("Bo Hart", "Pell Mills", "OWNS")]
    assert nlp.evaluate(data)["rels_f"] == 1.0
    with pytest.raises(ValueError, match=r"VE223.*'OWNED_BY'.*'extractor'.*'OWNS'"):
        pipe.add_label("OWNED_BY")
    with pytest.raises(ValueError, match="VE223"):
        alone(en, schema=schema(inverse={"OWNED_BY": "OWNS"})).get_pipe("extractor").initialize(
            lambda: examples, labels=["OWNS", "OWNED_BY"]
        )


def test_a_schema_is_loaded_with_the_pipeline(en, with_meetings, tmp_path):
    nlp = alone(en, schema=schema(symmetric=["MET"], types=TYPES), multi_label=True)
    fit(nlp, with_meetings, 5)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("extractor").schema == nlp.get_pipe("extractor").schema
    assert answers(loaded, with_meetings) == answers(nlp, with_meetings)


# Several labels a pair


@pytest.fixture
def twice(en, examples):
    """A pair with two labels at once."""
    names = [("Bo Hart", "PER"), ("Pell Mills", "ORG")]
    return [
        *examples,
        example_of(en, "Bo Hart set up and runs Pell Mills.", names, [(0, 1, "OWNS"), (0, 1, "FOUNDED")]),
    ]


@pytest.mark.filterwarnings(r"ignore:\[VW225\]")
def test_two_relations_between_the_same_pair(en, twice, tmp_path):
    nlp = alone(en, multi_label=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, losses = fit(nlp, twice, 60)
    assert losses[-1] < 0.1 < losses[0]
    docs = predict(nlp, twice)
    assert set(triples(docs[-1])) == {("Bo Hart", "Pell Mills", "OWNS"), ("Bo Hart", "Pell Mills", "FOUNDED")}
    assert [set(triples(doc)) for doc in docs[:-1]] == [set(facts) for _, facts in FACTS]
    assert nlp.evaluate(twice)["rels_f"] == 1.0
    nlp.to_disk(tmp_path)
    assert nlp.get_pipe("extractor").calibration_error(twice) < 0.1
    assert nlp.get_pipe("extractor").calibrate(twice)["calibration_error"][1] < 0.1
    assert nlp.get_pipe("extractor").tune_thresholds(twice * 3)["rare"] == []
    assert set(triples(predict(spacy.load(tmp_path), twice)[-1])) == set(triples(docs[-1]))


def test_targets_of_several_labels(en, twice):
    nlp = alone(en, multi_label=True)
    nlp.initialize(lambda: twice)
    pipe = nlp.get_pipe("extractor")
    assert targets_of(pipe, twice[-1]) == [[0, 1, 0, 1], [1, 0, 0, 0]]
    unannotated = make_example(twice[0].x, relations=None)
    assert targets_of(pipe, unannotated) == [[-1] * 4] * 2
    # An unknown label says nothing about the others, and nothing against them.
    names = [("Bo Hart", "PER"), ("Pell Mills", "ORG")]
    example = example_of(en, "Bo Hart runs Pell Mills.", names, [(0, 1, "RUNS"), (0, 1, "OWNS")])
    assert targets_of(pipe, example) == [[0, 0, 0, 1], [1, 0, 0, 0]]
    example = example_of(en, "Bo Hart runs Pell Mills.", names, [(0, 1, "RUNS")])
    assert targets_of(pipe, example) == [[0, 0, 0, 0], [1, 0, 0, 0]]


def test_nested_entities(en):
    """A span inside of another one, and a relation between the two."""
    doc = en("The Larkton harbour board met.")
    examples = []
    for _ in range(2):
        predicted, reference = (
            doc.copy(),
            Doc(en.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc]),
        )
        for copy in (predicted, reference):
            copy.spans["sc"] = [Span(copy, 1, 2, "LOC"), Span(copy, 1, 3, "PLACE"), Span(copy, 1, 4, "ORG")]
        reference._.relations = [
            Relation(Argument(1, 2, "LOC"), Argument(1, 3, "PLACE"), "PART_OF"),
            Relation(Argument(1, 4, "ORG"), Argument(1, 3, "PLACE"), "RUNS"),
        ]
        examples.append(Example(predicted, reference))
    nlp = alone(en, candidates={"@misc": "spacy-vaedie.SpanPairs.v2", "spans_key": "sc"})
    fit(nlp, examples, 30)
    assert nlp.evaluate(examples)["rels_f"] == 1.0


# Types that are learned


def test_learned_types(en, examples, tmp_path):
    nlp = alone(en, candidates={**ENTITY_PAIRS, "types": "learned"})
    fit(nlp, examples, 30)
    pipe = nlp.get_pipe("extractor")
    assert pipe.cfg["type_pairs"] == [["PER", "LOC"], ["PER", "ORG"]]
    assert len(pipe.propose(examples[7].x).pairs) == 2
    assert len(pipe.propose(examples[6].x).pairs) == 0
    assert nlp.evaluate(examples)["rels_candidate_recall"] == 1.0
    nlp.to_disk(tmp_path)
    for other in (spacy.load(tmp_path), alone(en, candidates={**ENTITY_PAIRS, "types": "learned"})):
        other.from_bytes(nlp.to_bytes())
        assert len(other.get_pipe("extractor").propose(examples[7].x).pairs) == 2
    # Initialized again, it learns from the new data alone.
    pipe.initialize(lambda: examples[:1], nlp=nlp)
    assert pipe.cfg["type_pairs"] == [["PER", "ORG"]]


def test_learned_types_of_symmetric_labels(en):
    names = [("Ada Quill", "PER"), ("Bluefin Works", "ORG")]
    example = example_of(en, "Ada Quill met Bluefin Works.", names, [(0, 1, "MET"), (0, 1, "SAW")])
    nlp = alone(en, candidates={**ENTITY_PAIRS, "types": "learned"}, schema=schema(symmetric=["MET"]), multi_label=True)
    nlp.initialize(lambda: [example])
    assert nlp.get_pipe("extractor").cfg["type_pairs"] == [["ORG", "PER"], ["PER", "ORG"]]


def test_candidate_recall_tells_what_the_gates_miss(en):
    data = relation_examples(en)
    nlp = alone(en, candidates={**ENTITY_PAIRS, "types": [["PER", "ORG"]]})
    with pytest.warns(UserWarning, match="VW202"):
        fit(nlp, data, 3)
    assert nlp.evaluate(data)["rels_candidate_recall"] == pytest.approx(5 / 8)


def test_five_hundred_entities_in_one_doc(en):
    """The cap bounds what is scored, and says once what it drops."""
    doc = Doc(
        en.vocab, words=["word"] * 1000, heads=[max(i - 1, 0) if i % 7 else i for i in range(1000)], deps=["dep"] * 1000
    )
    doc.ents = [Span(doc, i, i + 1, "PER") for i in range(0, 1000, 2)]
    nlp = alone(en, candidates={**ENTITY_PAIRS, "max_sentences": 1000, "max_pairs": 3000})
    nlp.initialize(lambda: relation_examples(en))
    dropped = r"VW204.* 249500 candidate pairs.*'extractor': 3000 are kept, the 246500 most distant.*'word word"
    with pytest.warns(UserWarning, match=dropped):
        nlp(doc)
    # Told once, counted each time.
    example = Example(doc.copy(), doc)
    assert nlp.evaluate([example, example])["rels_dropped_pairs"] == 2 * 246500
    assert isinstance(doc._.relations, list)
    candidates = nlp.get_pipe("extractor").propose(doc)
    assert (len(candidates.pairs), candidates.dropped) == (3000, 246500)
    assert nlp.evaluate(relation_examples(en))["rels_dropped_pairs"] == 0
