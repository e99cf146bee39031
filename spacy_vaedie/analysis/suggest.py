"""Patterns for `relation_ruler`, proposed from annotated Docs, for a person to edit."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from spacy.matcher import DependencyMatcher
from spacy.tokens import Doc, Token

from ..errors import Errors
from ..tokens import Relation, annotated_regions
from ..tokens.dependency import has_parse, read_evidence, read_parse

Pattern = Dict[str, Any]
Span = Tuple[int, int]
# A document and the two spans of a relation in it.
Found = Tuple[int, Span, Span]

TOO_LONG, NO_PATH, RARE, IMPRECISE = "path too long", "no path in one sentence", "path too rare", "path too imprecise"


@dataclass(frozen=True)
class Suggestions:
    """Proposed patterns, and what they come to on the data that they were found in.

    patterns (List[Pattern]): What `relation_ruler` reads, with comments that it does not read: `precision` (share of
        the pairs that the pattern matches which carry the label), `support` (how many do), `matches` and `example`.
    relations (Dict[str, int]): Annotated relations of each label.
    covered (Dict[str, int]): How many of them some pattern finds.
    left_out (Dict[str, int]): Annotated relations without a pattern, by the reason.
    """

    patterns: List[Pattern]
    relations: Dict[str, int]
    covered: Dict[str, int]
    left_out: Dict[str, int]


def suggest_patterns(
    docs: Iterable[Doc], *, min_support: int = 2, min_precision: float = 0.5, max_length: int = 5
) -> Suggestions:
    """Propose patterns: the frequent dependency paths between heads and tails of each label, with the lemmas on them
    and the types of the arguments. Docs that are not annotated with relations are passed over.

    docs (Iterable[Doc]): Annotated and parsed Docs.
    min_support (int): Relations that a pattern must find, at least.
    min_precision (float): Share of the pairs matched by a pattern that must carry its label, at least.
    max_length (int): Tokens on a path, both arguments counted, at most.
    RETURNS (Suggestions): The patterns, by label, the most frequent first.
    RAISES (ValueError): VE504 for a Doc with relations and no parse, VE505 where no path is good enough.
    """
    docs = [doc for doc in docs if doc._.relations is not None]
    gold: Dict[str, Set[Found]] = defaultdict(set)
    proposed: Dict[str, Pattern] = {}
    paths: Dict[Tuple[str, Found], str] = {}
    left_out: Counter[str] = Counter()
    for number, doc in enumerate(docs):
        for relation, pattern in _paths(doc, max_length):
            found = (number, *_spans(relation))
            gold[relation.label].add(found)
            if isinstance(pattern, str):
                left_out[pattern] += 1
                continue
            key = json.dumps(pattern)
            proposed.setdefault(key, {**pattern, "example": _sentence(doc, relation)})
            paths[relation.label, found] = key
    counts = Counter(paths.values())
    frequent = {key: pattern for key, pattern in proposed.items() if counts[key] >= min_support}
    matches = _match(docs, frequent)
    kept: List[Pattern] = []
    covered: Dict[str, Set[Found]] = defaultdict(set)
    for key, pattern in frequent.items():
        label, right = pattern["label"], matches[key] & gold[pattern["label"]]
        precision = len(right) / max(len(matches[key]), 1)
        if len(right) >= min_support and precision >= min_precision:
            figures = {"precision": round(precision, 3), "support": len(right), "matches": len(matches[key])}
            kept.append({"label": label, **figures, **pattern})
            covered[label] |= right
    for (label, found), key in paths.items():
        if found not in covered[label]:
            left_out[IMPRECISE if key in frequent else RARE] += 1
    if not kept:
        raise ValueError(Errors.VE505.format(n=sum(map(len, gold.values())), reasons=_list(left_out)))
    kept.sort(key=lambda pattern: (pattern["label"], -pattern["support"], -pattern["precision"]))
    return Suggestions(
        patterns=kept,
        relations={label: len(gold[label]) for label in sorted(gold)},
        covered={label: len(covered[label]) for label in sorted(gold)},
        left_out=dict(left_out),
    )


def _list(counts: Dict[str, int]) -> str:
    return ", ".join(f"{reason}: {n}" for reason, n in counts.items()) or "no relation at all"


def _spans(relation: Relation) -> Tuple[Span, Span]:
    return (relation.head.start, relation.head.end), (relation.tail.start, relation.tail.end)


def _sentence(doc: Doc, relation: Relation) -> str:
    return str(doc[relation.head.start].sent.text.strip())


def _paths(doc: Doc, max_length: int) -> Iterator[Tuple[Relation, Any]]:
    """Each relation with its pattern, or with the reason why there is none."""
    if doc._.relations and not has_parse(doc):
        raise ValueError(Errors.VE504.format(text=doc.text[:60]))
    parse = read_parse([doc])
    for relation in doc._.relations:
        tokens = [doc[i] for i in read_evidence(doc, *_spans(relation), parse).tokens]
        steps = zip(tokens, tokens[1:], strict=False)
        if len(tokens) < 2 or any(first.head != second and second.head != first for first, second in steps):
            yield relation, NO_PATH
        elif len(tokens) > max_length:
            yield relation, TOO_LONG
        else:
            yield relation, _make_pattern(relation, tokens) or NO_PATH


def _make_pattern(relation: Relation, path: Sequence[Token]) -> Optional[Pattern]:
    """The nodes of a path from its topmost token down, first on the side of the head. None for a path in a circle."""
    on_path = set(path)
    top = next((i for i, token in enumerate(path) if token.head not in on_path or token.head == token), None)
    if top is None:
        return None
    names = [f"node{i}" for i in range(len(path))]
    names[top] = "trigger"
    names[0], names[-1] = "head", "tail"
    attrs = [_describe(token) for token in path]
    for place, argument in ((0, relation.head), (-1, relation.tail)):
        token = path[place]
        is_entity = argument.label and argument.label == token.ent_type_
        attrs[place] = {"ENT_TYPE": argument.label} if is_entity else {"POS": token.pos_}
        attrs[place] = {name: value for name, value in attrs[place].items() if value}
    # A node without attributes would match any word.
    nodes: List[Pattern] = [{"RIGHT_ID": names[top], "RIGHT_ATTRS": attrs[top] or {"DEP": path[top].dep_}}]
    for places in (range(top - 1, -1, -1), range(top + 1, len(path))):
        above = names[top]
        for i in places:
            described = {"DEP": path[i].dep_, **attrs[i]}
            nodes.append({"LEFT_ID": above, "REL_OP": ">", "RIGHT_ID": names[i], "RIGHT_ATTRS": described})
            above = names[i]
    return {"label": relation.label, "head": "head", "tail": "tail", "pattern": nodes}


def _describe(token: Token) -> Dict[str, str]:
    """What a token on the path, between the arguments, must be like. Names and numbers are not learned by heart."""
    if token.ent_type_:
        return {"ENT_TYPE": token.ent_type_}
    if token.pos_ in ("PROPN", "NUM"):
        return {"POS": token.pos_}
    return {"LEMMA": token.lemma_} if token.lemma_ else {"LOWER": token.lower_}


def _match(docs: Sequence[Doc], patterns: Dict[str, Pattern]) -> Dict[str, Set[Found]]:
    """The pairs of spans that each pattern matches in the annotated parts of the Docs."""
    found: Dict[str, Set[Found]] = {key: set() for key in patterns}
    if not patterns:
        return found
    matcher = DependencyMatcher(docs[0].vocab)
    keys = {}
    for number, (key, pattern) in enumerate(patterns.items()):
        keys[matcher.vocab.strings.add(f"suggestion:{number}")] = key
        matcher.add(f"suggestion:{number}", [pattern["pattern"]])
    for number, doc in enumerate(docs):
        if not has_parse(doc):
            continue
        regions = annotated_regions(doc)
        spans = _known_spans(doc)
        for match, tokens in matcher(doc):
            names = [node["RIGHT_ID"] for node in patterns[keys[match]]["pattern"]]
            ends = [tokens[names.index(name)] for name in ("head", "tail")]
            if any(start <= min(ends) and max(ends) < end for start, end in regions):
                head, tail = (_span_of(end, spans) or (end, end + 1) for end in ends)
                if head != tail:
                    found[keys[match]].add((number, head, tail))
    return found


def _known_spans(doc: Doc) -> List[Span]:
    """The spans of a Doc that relations may join, the shortest first."""
    spans = {(ent.start, ent.end) for ent in doc.ents}
    spans.update(span for relation in doc._.relations for span in _spans(relation))
    return sorted(spans, key=lambda span: (span[1] - span[0], span))


def _span_of(token: int, spans: Sequence[Span]) -> Optional[Span]:
    return next((span for span in spans if span[0] <= token < span[1]), None)
