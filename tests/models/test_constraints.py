"""What a schema says, and relations that are made to keep to it."""

import random
from itertools import permutations

import numpy as np
import pytest
import spacy

from spacy_vaedie.models.candidates import Candidates
from spacy_vaedie.models.constraints import LabelSchema, allowed_labels, build_schema, resolve, swap
from spacy_vaedie.tokens import Argument, Evidence, Relation

ADA, BO, CY = Argument(0, 1, "PER"), Argument(2, 3, "PER"), Argument(4, 5, "PER")
ACME, OSLO, BERN = Argument(6, 8, "ORG"), Argument(9, 10, "LOC"), Argument(11, 12, "LOC")


def relate(head, label, tail, score=1.0, polarity=None):
    return Relation(head, tail, label, score, "model", polarity=polarity)


def kept(relations, **rules):
    return [(r.head, r.label, r.tail) for r in resolve(relations, build_schema(**rules)).kept]


def dropped(relations, **rules):
    return [rule for _, rule in resolve(relations, build_schema(**rules)).dropped]


def test_without_a_schema_everything_stays():
    relations = [relate(ADA, "X", BO, 0.2), relate(BO, "X", ADA, 0.9), relate(ADA, "Y", BO)]
    found = resolve(relations, LabelSchema())
    assert found.kept == relations
    assert found.dropped == []
    assert LabelSchema().labels == set()


def test_one_fact_once():
    relations = [relate(ADA, "X", BO, 0.2), relate(ADA, "X", BO, 0.9)]
    assert resolve(relations, LabelSchema()).kept == relations[1:]
    assert dropped(relations) == ["duplicate"]


def test_types():
    rules = {"types": {"LIVES_IN": {"head": ["PER"], "tail": ["LOC"]}, "OWNS": {"tail": ["ORG"]}}}
    relations = [
        relate(ADA, "LIVES_IN", OSLO),
        relate(ACME, "LIVES_IN", OSLO),
        relate(ADA, "LIVES_IN", ACME),
        relate(ACME, "OWNS", ACME),
        relate(ADA, "OWNS", BO),
        relate(OSLO, "NEAR", BERN),
    ]
    assert kept(relations, **rules) == [(ADA, "LIVES_IN", OSLO), (ACME, "OWNS", ACME), (OSLO, "NEAR", BERN)]
    assert dropped(relations, **rules) == ["types"] * 3


def test_symmetric():
    """Both directions are one fact, told with the span that comes first as its head, with the better score."""
    found = resolve(
        [relate(BO, "MET", ADA, 0.9), relate(ADA, "MET", BO, 0.6), relate(BO, "SAW", ADA, 0.5)],
        build_schema(symmetric=["MET"]),
    )
    assert found.kept == [relate(ADA, "MET", BO, 0.9), relate(BO, "SAW", ADA, 0.5)]
    assert found.dropped == [(relate(ADA, "MET", BO, 0.6), "duplicate")]
    # Types count in either direction.
    rules = {"symmetric": ["TIED"], "types": {"TIED": {"head": ["ORG"], "tail": ["PER"]}}}
    relations = [relate(ADA, "TIED", ACME), relate(ACME, "TIED", BO), relate(ADA, "TIED", BO)]
    assert kept(relations, **rules) == [(ADA, "TIED", ACME), (BO, "TIED", ACME)]


def test_inverse():
    rules = {"inverse": {"CHILD_OF": "PARENT_OF"}, "types": {"CHILD_OF": {"head": ["PER"], "tail": ["PER"]}}}
    relations = [relate(ADA, "CHILD_OF", BO, 0.7), relate(BO, "PARENT_OF", ADA, 0.4), relate(OSLO, "CHILD_OF", BO)]
    found = resolve(relations, build_schema(**rules))
    assert found.kept == [relate(BO, "PARENT_OF", ADA, 0.7)]
    assert [rule for _, rule in found.dropped] == ["duplicate", "types"]


def test_functional():
    relations = [relate(ADA, "BORN_IN", OSLO, 0.6), relate(ADA, "BORN_IN", BERN, 0.8), relate(BO, "BORN_IN", BERN, 0.1)]
    assert kept(relations, functional=["BORN_IN"]) == [(ADA, "BORN_IN", BERN), (BO, "BORN_IN", BERN)]
    assert dropped(relations, functional=["BORN_IN"]) == ["functional"]
    # What is symmetric has at most one at either end.
    relations = [relate(ADA, "WED", BO, 0.6), relate(CY, "WED", BO, 0.8)]
    assert kept(relations, functional=["WED"], symmetric=["WED"]) == [(BO, "WED", CY)]
    # Of equal scores, the first.
    relations = [relate(ADA, "BORN_IN", OSLO), relate(ADA, "BORN_IN", BERN)]
    assert kept(relations, functional=["BORN_IN"]) == [(ADA, "BORN_IN", OSLO)]


def test_what_is_dropped_takes_no_place():
    """A relation between wrong types keeps no other one out."""
    rules = {"functional": ["BORN_IN"], "types": {"BORN_IN": {"tail": ["LOC"]}}}
    relations = [relate(ADA, "BORN_IN", ACME, 0.9), relate(ADA, "BORN_IN", OSLO, 0.5)]
    assert kept(relations, **rules) == [(ADA, "BORN_IN", OSLO)]


def test_acyclic():
    relations = [relate(ADA, "UNDER", BO, 0.9), relate(BO, "UNDER", CY, 0.5), relate(CY, "UNDER", ADA, 0.7)]
    assert kept(relations, acyclic=["UNDER"]) == [(ADA, "UNDER", BO), (CY, "UNDER", ADA)]
    assert dropped([relate(ADA, "UNDER", ADA)], acyclic=["UNDER"]) == ["acyclic"]
    # The inverse counts.
    rules = {"acyclic": ["UNDER"], "inverse": {"ABOVE": "UNDER"}}
    assert dropped([relate(ADA, "UNDER", BO), relate(ADA, "ABOVE", BO)], **rules) == ["acyclic"]
    # Other labels don't lead anywhere.
    assert dropped([relate(ADA, "UNDER", BO), relate(BO, "ABOVE", ADA)], acyclic=["UNDER", "ABOVE"]) == []


@pytest.mark.parametrize("seed", range(10))
def test_acyclic_against_every_order(seed):
    """What is kept has an order in which every relation points forward; and what was dropped would break it."""
    chance = random.Random(seed)
    people = [Argument(i, i + 1, "PER") for i in range(5)]
    relations = [
        relate(*chance.sample(people, 1), "UNDER", *chance.sample(people, 1), chance.random()) for _ in "12345678"
    ]
    found = resolve(relations, build_schema(acyclic=["UNDER"]))

    def sound(edges):
        orders = permutations(people)
        return any(all(order.index(r.head) < order.index(r.tail) for r in edges) for order in orders)

    assert sound(found.kept)
    for relation, rule in found.dropped:
        better = [other for other in found.kept if other.score >= relation.score]
        assert rule == "duplicate" or not sound([*better, relation])


@pytest.mark.parametrize("polarity", ["negated", "hypothetical"])
@pytest.mark.parametrize("score", [0.3, 0.9])
def test_what_is_not_so_contradicts_nothing(polarity, score):
    """Mira was not born in Oslo but in Bern."""
    rules = {"functional": ["BORN_IN"], "acyclic": ["UNDER"], "types": {"BORN_IN": {"tail": ["LOC"]}}}
    relations = [
        relate(ADA, "BORN_IN", OSLO, score, polarity),
        relate(ADA, "BORN_IN", BERN, 0.6, "asserted"),
        relate(ADA, "UNDER", BO, score, polarity),
        relate(BO, "UNDER", ADA, 0.6),
        relate(CY, "UNDER", CY, score, polarity),
    ]
    assert resolve(relations, build_schema(**rules)).kept == relations
    # What is asserted or not known still does, and the other rules hold for all.
    others = [relate(ADA, "BORN_IN", CY, score, polarity), relations[0], relate(ADA, "BORN_IN", OSLO, 0.1)]
    assert dropped([*relations, *others], **rules) == ["types", "duplicate", "duplicate"]
    assert dropped([*relations, relate(ADA, "BORN_IN", ACME, 0.5)], functional=["BORN_IN"]) == ["functional"]


def test_the_given_order_does_not_matter_where_scores_differ():
    chance = random.Random(0)
    people = [Argument(i, i + 1, "PER") for i in range(4)]
    rules = {"acyclic": ["A"], "functional": ["A", "B"], "symmetric": ["B"]}
    relations = [
        relate(chance.choice(people), chance.choice("AB"), chance.choice(people), chance.random()) for _ in range(30)
    ]
    expected = set(resolve(relations, build_schema(**rules)).kept)
    for _ in range(5):
        chance.shuffle(relations)
        assert set(resolve(relations, build_schema(**rules)).kept) == expected


def test_swapped_evidence(en):
    from spacy_vaedie.tokens.dependency import read_evidence

    doc = en("The firm that Mira Holt founded was sold to Brightwell in spring.")
    for head, tail in (((3, 5), (9, 10)), ((1, 2), (11, 12)), ((5, 6), (1, 2))):
        relation = Relation(Argument(*head), Argument(*tail), "X", evidence=read_evidence(doc, head, tail))
        assert swap(relation).evidence == read_evidence(doc, tail, head)
        assert swap(swap(relation)) == relation
    assert swap(relate(ADA, "X", BO)) == relate(BO, "X", ADA)
    assert Evidence((0,), (), "x") == swap(Relation(ADA, ADA, "X", evidence=Evidence((0,), (), "x"))).evidence


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"inverse": {"A": "A"}}, "own inverse"),
        ({"inverse": {"A": "B", "B": "C"}}, "'B' is both"),
        ({"inverse": {"A": "B"}, "symmetric": ["B"]}, "one of them is symmetric"),
        ({"inverse": {"A": "B"}, "functional": ["A"]}, "let 'B' be the inverse"),
        ({"symmetric": ["A"], "acyclic": ["A"]}, "'A' is symmetric"),
        ({"types": {"A": {"from": ["X"]}}}, "`types.A` has 'from'"),
        ({"types": {"A": {"head": ["X"]}, "B": {"head": ["X"]}}, "inverse": {"B": "A"}}, "do not fit together"),
    ],
)
def test_a_schema_that_contradicts_itself(rules, reason):
    with pytest.raises(ValueError, match=f"VE221.*Schema.v1.*{reason}"):
        build_schema(**rules)


@pytest.mark.parametrize(
    ("rules", "setting"),
    [
        *(({name: value}, name) for name in ("symmetric", "functional", "acyclic") for value in ("MET", 5)),
        ({"types": {"A": "PER"}}, "types.A"),
        ({"types": {"A": ["PER"]}}, "types.A"),
        ({"types": {"A": {"head": "PER"}}}, "types.A.head"),
        ({"types": {"A": {"tail": 5}}}, "types.A.tail"),
    ],
)
def test_a_string_is_no_list_of_labels(rules, setting):
    with pytest.raises(ValueError, match=f"VE107.*'{setting}' is .*list.* of labels.*Schema.v1"):
        build_schema(**rules)


def test_any_collection_of_labels():
    assert build_schema(symmetric=("A",), functional={"B"}, acyclic=frozenset("C")).labels == {"A", "B", "C"}


def test_from_a_config():
    config = """
    [schema]
    @misc = "spacy-vaedie.Schema.v1"
    symmetric = ["MET"]
    inverse = {"CHILD_OF": "PARENT_OF"}
    acyclic = ["CHILD_OF"]

    [schema.types]

    [schema.types.MET]
    head = ["PER"]
    """
    schema = spacy.registry.resolve(spacy.util.Config().from_str(config))["schema"]
    assert schema.labels == {"MET", "CHILD_OF", "PARENT_OF"}
    assert schema.acyclic == {"PARENT_OF"}
    assert not schema.allows(relate(OSLO, "MET", BERN))
    assert schema.allows(relate(ADA, "MET", OSLO))


def test_allowed_labels(en):
    strings = en.vocab.strings
    spans = np.array([[0, 1], [2, 3], [4, 5]])
    labels = np.array([strings.add(name) for name in ("PER", "ORG", "LOC")], dtype="uint64")
    pairs = np.array([(i, j) for i in range(3) for j in range(3) if i != j])
    candidates = Candidates(spans, labels, pairs)
    schema = build_schema(
        types={"LIVES_IN": {"head": ["PER"], "tail": ["LOC"]}, "TIED": {"head": ["LOC"]}}, symmetric=["TIED", "MET"]
    )
    found = allowed_labels(schema, ["FREE", "LIVES_IN", "MET", "TIED"], candidates)
    assert found.dtype == bool
    assert found[:, :2].all()
    assert [tuple(pair) for pair in pairs[found[:, 2]]] == [(0, 2)]
    assert [tuple(pair) for pair in pairs[found[:, 3]]] == [(0, 1), (0, 2), (1, 2)]
    assert [tuple(pair) for pair in pairs[found[:, 4]]] == [(0, 2), (1, 2)]
    assert allowed_labels(schema, ["FREE"], candidates) is None
    nothing = Candidates(spans, labels, pairs[:0])
    assert allowed_labels(schema, ["MET"], nothing).shape == (0, 2)
