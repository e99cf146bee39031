"""The patterns of `relation_ruler`: what a user writes, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NoReturn, Tuple

from spacy.errors import MatchPatternError
from spacy.matcher import DependencyMatcher
from spacy.vocab import Vocab

from ..errors import Errors
from ..training.files import read_jsonl

PatternDict = Dict[str, Any]


@dataclass(frozen=True)
class RelationPattern:
    """One pattern.

    source (PatternDict): The pattern as the user wrote it. Fields beyond those below are comments.
    label (str): Label of the relations.
    head (int): Place of the node that becomes the head.
    tail (int): Place of the node that becomes the tail.
    score (float): Score of the relations.
    where (str): Where the pattern was read, for messages: file and line, or its number among others.
    """

    source: PatternDict
    label: str
    head: int
    tail: int
    score: float
    where: str


def read_patterns(path: Path) -> Iterator[Tuple[str, Any]]:
    """Read a file with a pattern a line.

    path (Path): A .jsonl file.
    YIELDS (Tuple[str, Any]): Where the pattern stands, for messages, and the pattern.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE303 for a line that is no JSON.
    """
    for line, value in read_jsonl(path):
        yield f"{path}, line {line}", value


def number_patterns(patterns: Iterable[Any]) -> Iterator[Tuple[str, Any]]:
    """The same for patterns in memory.

    patterns (Iterable[Any]): The patterns. One object is one pattern.
    YIELDS (Tuple[str, Any]): Where each one stands, counted from 1, and the pattern.
    RAISES (ValueError): VE231 for anything else.
    """
    if isinstance(patterns, dict):
        patterns = [patterns]
    if not isinstance(patterns, Iterable):
        reason = f"expected a list of patterns, one, or the path of a file, found {type(patterns).__name__}"
        raise ValueError(Errors.VE231.format(where="patterns", reason=reason))
    for number, pattern in enumerate(patterns, start=1):
        yield f"pattern {number}", pattern


def check_pattern(where: str, value: Any, vocab: Vocab) -> RelationPattern:
    """Check a pattern.

    where (str): Where it stands, for messages.
    value (Any): The pattern.
    vocab (Vocab): The vocabulary.
    RETURNS (RelationPattern): The pattern.
    RAISES (ValueError): VE231 for one that is malformed.
    """

    def fail(reason: str) -> NoReturn:
        raise ValueError(Errors.VE231.format(where=where, reason=reason))

    if not isinstance(value, dict):
        fail(f"expected an object, found {type(value).__name__}")
    for field in ("label", "head", "tail"):
        if not isinstance(value.get(field), str) or not value[field]:
            fail(f"the field '{field}' must be a text that is not empty")
    score = value.get("score", 1.0)
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0.0 < score <= 1.0:
        fail("the field 'score' must be a number above 0 and at most 1")
    nodes = value.get("pattern")
    if not isinstance(nodes, list) or not nodes:
        fail("the field 'pattern' must be a list of nodes, as spaCy's DependencyMatcher takes it")
    names = _check_nodes(nodes, fail)
    for field in ("head", "tail"):
        if value[field] not in names:
            fail(f"the {field} is '{value[field]}', but the nodes (RIGHT_ID) are: {', '.join(names)}")
    if value["head"] == value["tail"]:
        fail("head and tail are the same node")
    try:
        DependencyMatcher(vocab, validate=True).add("check", [nodes])
    except MatchPatternError as error:
        problems = [line[2:] for line in str(error).splitlines() if line.startswith("- ")]
        fail(f"a RIGHT_ATTRS is no token pattern: {'; '.join(problems)}")
    # A broken regular expression raises an error of the module that reads it.
    except Exception as error:
        fail(str(error).rstrip(". \n"))
    places = {name: place for place, name in enumerate(names)}
    return RelationPattern(value, value["label"], places[value["head"]], places[value["tail"]], float(score), where)


def _check_nodes(nodes: List[Any], fail: Any) -> List[str]:
    """The names of the nodes, in their order."""
    names: List[str] = []
    for number, node in enumerate(nodes, start=1):
        keys = ("RIGHT_ID", "RIGHT_ATTRS", *(("LEFT_ID", "REL_OP") if number > 1 else ()))
        if not isinstance(node, dict):
            fail(f"node {number} is no object")
        missing = [key for key in keys if key not in node]
        if missing:
            fail(f"node {number} has no {', '.join(missing)}")
        if not isinstance(node["RIGHT_ID"], str) or not isinstance(node["RIGHT_ATTRS"], dict):
            fail(f"RIGHT_ID of node {number} must be a text, and RIGHT_ATTRS an object")
        if number > 1 and node["LEFT_ID"] not in names:
            fail(f"LEFT_ID of node {number} is '{node['LEFT_ID']}', but the nodes before it are: {', '.join(names)}")
        if node["RIGHT_ID"] in names:
            fail(f"there are two nodes '{node['RIGHT_ID']}'")
        names.append(node["RIGHT_ID"])
    return names
