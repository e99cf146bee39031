import ast
from pathlib import Path

import pytest
import srsly
from spacy.strings import get_string_id

from spacy_vaedie import lang, pipeline
from spacy_vaedie.lang.triples import get_rules, languages

DATA = Path(lang.__file__).parent / "data"
# What the code asks the rules for.
SOURCE = "\n".join(
    (Path(pipeline.__file__).parent / name).read_text(encoding="utf8")
    for name in ("tree.py", "clauses.py", "tuples.py")
)
NAMES = {node.value for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Constant)}
# What says what a word is, and is read nowhere: these are cut off, or kept inside, as all others are.
UNREAD = {"expletive", "determiner", "adjective", "compound", "relative_marker", "modal_marker", "localiser"}


def read(name):
    return srsly.read_json(DATA / f"triples_{name}.json")


def test_languages():
    assert languages() == ["en", "zh"]


def test_unknown_language():
    with pytest.raises(ValueError, match=r"VE005.*'xx'.*en, zh"):
        get_rules("xx")


@pytest.mark.parametrize("name", ["en", "zh"])
def test_no_label_means_two_things(name):
    """So that the scheme need not be known."""
    seen = {}
    for roles in read(name)["schemes"].values():
        for role, labels in roles.items():
            for label in labels:
                assert seen.setdefault(label, role) == role


@pytest.mark.parametrize("name", ["en", "zh"])
def test_every_role_and_word_class_is_read(name):
    data = read(name)
    roles = {role for scheme in data["schemes"].values() for role in scheme}
    assert roles - UNREAD <= NAMES
    assert set(data["words"]) - {"negation"} <= NAMES
    # a nominal predicate is a complement without a label of its own
    assert set(data["arguments"]) <= roles | {"complement"}


@pytest.mark.parametrize("name", ["en", "zh"])
def test_rules_are_hashes(name):
    rules = get_rules(name)
    assert rules is get_rules(name)
    assert rules.roles[get_string_id("nsubj")] == "subject"
    assert all(0 < value <= 1 for value in rules.confidence.values())
    assert rules.leads_before is (name == "zh")
