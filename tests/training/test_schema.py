from dataclasses import replace

import pytest
import srsly

from spacy_vaedie.training.converters import Annotation
from spacy_vaedie.training.schema import RelationType, find_overlaps, find_problems, read_schema

VALUE = {
    "entities": {"PERSON": "a name", "ORG": "a firm", "GPE": "a place"},
    "relations": {
        "FOUNDED": {"head": ["PERSON"], "tail": ["ORG"], "description": "started it"},
        "SEAT": {"head": ["ORG"], "tail": ["GPE"]},
        "PARTNERS": {"head": ["ORG", "PERSON"], "tail": ["ORG"], "symmetric": True},
    },
}
TEXT = "Ada Quill founded Bluefin Ltd in Oslo."
SPANS = [(0, 9, "PERSON"), (18, 29, "ORG"), (33, 37, "GPE")]
GOOD = Annotation("7", TEXT, SPANS, [(0, 1, "FOUNDED"), (1, 2, "SEAT")])


def write(path, value):
    srsly.write_json(path, value)
    return path


@pytest.fixture
def schema(tmp_path):
    return read_schema(write(tmp_path / "schema.json", VALUE))


def change(**relation):
    """The schema with another FOUNDED."""
    value = {**VALUE["relations"]["FOUNDED"], **relation}
    return {**VALUE, "relations": {"FOUNDED": {key: item for key, item in value.items() if item is not ...}}}


def problems(schema, *annotations):
    return list(find_problems(annotations, schema))


def test_read_schema(schema):
    assert schema.entities == {"PERSON", "ORG", "GPE"}
    assert schema.relations == {
        "FOUNDED": RelationType(frozenset({"PERSON"}), frozenset({"ORG"})),
        "SEAT": RelationType(frozenset({"ORG"}), frozenset({"GPE"})),
        "PARTNERS": RelationType(frozenset({"ORG", "PERSON"}), frozenset({"ORG"}), symmetric=True),
    }


def test_allows_in_one_order(schema):
    assert schema.allows("PERSON", "ORG")
    assert not schema.allows("ORG", "PERSON")
    assert schema.allows("ORG", "GPE")
    assert not schema.allows("PERSON", "GPE")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "'entities' and 'relations'"),
        ({"entities": {}}, "'entities' and 'relations'"),
        ({**VALUE, "entities": ["PERSON"]}, "'entities' and 'relations'"),
        ({**VALUE, "relations": ["FOUNDED"]}, "'entities' and 'relations'"),
        ({**VALUE, "relations": {"FOUNDED": "PERSON"}}, r"'relations\.FOUNDED\.head'"),
        (change(head=...), r"'relations\.FOUNDED\.head'"),
        (change(tail=...), r"'relations\.FOUNDED\.tail'"),
        (change(tail=[]), r"'relations\.FOUNDED\.tail'"),
        (change(tail="ORG"), r"'relations\.FOUNDED\.tail'"),
        (change(tail=["ORG", "FIRM"]), r"'relations\.FOUNDED\.tail'"),
        (change(tail=[["ORG"]]), r"'relations\.FOUNDED\.tail'"),
    ],
)
def test_no_schema(tmp_path, value, reason):
    with pytest.raises(ValueError, match=rf"VE313.*schema\.json.*{reason}"):
        read_schema(write(tmp_path / "schema.json", value))


@pytest.mark.parametrize("content", [b"", b"{", b'{"entities": "\xe9"}'])
def test_no_json(tmp_path, content):
    (tmp_path / "schema.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"VE313.*schema\.json.*no valid JSON"):
        read_schema(tmp_path / "schema.json")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"VE301.*gone\.json"):
        read_schema(tmp_path / "gone.json")


def test_nothing_wrong(schema):
    unlabelled = Annotation("8", "Nobody came.")
    assert problems(schema, GOOD, unlabelled) == []
    assert problems(None, replace(GOOD, spans=[(0, 9, "X"), (18, 29, "Y")], relations=[(0, 1, "Z")]), unlabelled) == []


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 39, "PERSON")], "field 'spans[0]': characters 0 to 39 do not fit a text of 38 characters"),
        ([(-1, 9, "PERSON")], "field 'spans[0]': characters -1 to 9 do not fit"),
        ([(9, 9, "PERSON")], "field 'spans[0]': characters 9 to 9 do not fit"),
        ([(9, 0, "PERSON")], "field 'spans[0]': characters 9 to 0 do not fit"),
        ([(0, 10, "PERSON")], "field 'spans[0]': 'Ada Quill ' starts or ends with a space"),
        ([(0, 9, "PERSON"), (17, 29, "ORG")], "field 'spans[1]': ' Bluefin Ltd' starts or ends with a space"),
        ([(0, 9, "FIRM")], "field 'spans[0].label': 'FIRM' is not in the schema (GPE, ORG, PERSON)"),
        ([(18, 29, "ORG"), (0, 19, "PERSON")], "fields 'spans[1]' and 'spans[0]' overlap"),
        ([(0, 9, "PERSON"), (0, 9, "ORG")], "fields 'spans[0]' and 'spans[1]' overlap"),
    ],
)
def test_spans(schema, spans, expected):
    ((doc_id, problem),) = problems(schema, Annotation("7", TEXT, spans))
    assert doc_id == "7"
    assert problem.startswith(expected)


def test_spans_may_touch(schema):
    assert problems(schema, Annotation("7", "Ada'Quill", [(0, 3, "PERSON"), (3, 9, "PERSON")])) == []


@pytest.mark.parametrize(
    ("relations", "expected"),
    [
        ([(0, 1, "MADE")], "field 'relations[0].label': 'MADE' is not in the schema (FOUNDED, PARTNERS, SEAT)"),
        ([(1, 2, "SEAT"), (1, 0, "FOUNDED")], "field 'relations[1]': FOUNDED cannot join ORG with PERSON"),
        ([(0, 2, "FOUNDED")], "field 'relations[0]': FOUNDED cannot join PERSON with GPE"),
        (
            [(0, 1, "FOUNDED"), (0, 1, "PARTNERS")],
            "field 'relations[1]': this pair of spans is joined by 'relations[0]'",
        ),
    ],
)
def test_relations(schema, relations, expected):
    ((doc_id, problem),) = problems(schema, replace(GOOD, relations=relations))
    assert doc_id == "7"
    assert problem.startswith(expected)


def test_pairs_are_joined_once_in_either_order(schema):
    partners = Annotation("7", "Pell and Moss", [(0, 4, "ORG"), (9, 13, "ORG")], [(0, 1, "PARTNERS")] * 2)
    ((_, problem),) = problems(schema, partners)
    assert problem == "field 'relations[1]': this pair of spans is joined by 'relations[0]' already"
    assert not problems(None, partners)
    assert not problems(None, replace(partners, relations=[(0, 1, "A"), (1, 0, "B")]))


def test_a_span_is_not_related_to_itself():
    ((_, problem),) = problems(None, replace(GOOD, relations=[(1, 1, "A")]))
    assert problem == "field 'relations[0]': head and child are the same span"


def test_symmetric_relations_start_at_the_first_span(schema):
    text = "Pell and Moss agreed."
    spans = [(9, 13, "ORG"), (0, 4, "ORG")]
    assert problems(schema, Annotation("7", text, spans, [(1, 0, "PARTNERS")])) == []
    ((_, problem),) = problems(schema, Annotation("7", text, spans, [(0, 1, "PARTNERS")]))
    assert problem == "field 'relations[0]': PARTNERS is symmetric, so its head is the span that comes first"


def test_a_text_that_is_there_twice(schema):
    found = problems(schema, GOOD, replace(GOOD, doc_id="9"), replace(GOOD, doc_id="12"))
    assert found == [
        ("9", "field 'text': the same text as in 7"),
        ("12", "field 'text': the same text as in 7"),
    ]


def test_all_problems_are_named(schema):
    found = problems(schema, Annotation("7", TEXT, [(0, 99, "X"), (18, 29, "FIRM")], [(0, 0, "MADE")]))
    assert [problem.split(":")[0] for _, problem in found] == [
        "field 'spans[0]'",
        "field 'spans[1].label'",
        "field 'relations[0]'",
        "field 'relations[0].label'",
    ]


def overlap(schema, first, second):
    return list(find_overlaps({"train": [GOOD, first], "test": [second]}, schema))


def test_parts_that_share_a_pair(schema):
    first = Annotation("8", "Pell by Bo.", [(0, 4, "ORG"), (8, 10, "PERSON")], [])
    second = Annotation("9", "BO sold Pell.", [(0, 2, "PERSON"), (8, 12, "ORG")], [])
    found = overlap(schema, first, second)
    # in the order that a label allows, however the names are written
    assert found == [("9", "field 'spans': the pair 'bo' and 'pell' stands in train too")]
    assert list(find_overlaps({"train": [first, second], "test": []}, schema)) == []


def test_parts_may_share_names_and_pairs_that_nothing_joins(schema):
    first = Annotation("8", "Bo left Pell for Oslo.", [(0, 2, "PERSON"), (8, 12, "ORG"), (17, 21, "GPE")], [])
    names = Annotation("9", "Bo met Moss.", [(0, 2, "PERSON"), (7, 11, "ORG")], [])
    assert overlap(schema, first, names) == []
    unjoined = Annotation("9", "Bo saw Oslo.", [(0, 2, "PERSON"), (7, 11, "GPE")], [])
    assert overlap(schema, first, unjoined) == []
    joined = Annotation("9", "Oslo's Pell.", [(0, 4, "GPE"), (7, 11, "ORG")], [])
    assert [doc_id for doc_id, _ in overlap(schema, first, joined)] == ["9"]
