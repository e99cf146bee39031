"""The parse of a Doc as plain lists, read through the rules of its language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from spacy.strings import StringStore, get_string_id
from spacy.symbols import AUX, CCONJ, VERB  # type: ignore[attr-defined]
from spacy.tokens import Doc

from ..lang.triples import TripleRules
from ..tokens.dependency import read_parse, subtree_edges

VERBS = frozenset((VERB, AUX))
COORDINATED = frozenset(("conjunct", "coordinator"))
# What is cut off an argument: it says something of its own, or belongs to another argument.
APART = COORDINATED | frozenset(("relative", "apposition", "side_clause"))
# What an argument does not end with.
_ENDS = frozenset(("punctuation", "coordinator"))

Span = Tuple[int, int]


@dataclass(slots=True)
class Tree:
    """The parse of one Doc, an item a token.

    heads (List[int]): Head of each token, itself for a root.
    roles (List[str]): Role of its dependency label, empty for a label without one.
    pos (List[int]): Coarse part of speech.
    words (List[str]): Class of the word, empty for a word of no class.
    voices (List[str]): Voice that its tag tells, empty for none.
    left (List[int]): First token of its subtree.
    right (List[int]): Last token of its subtree.
    children (List[List[int]]): The tokens below it, in text order.
    """

    heads: List[int]
    roles: List[str]
    pos: List[int]
    words: List[str]
    voices: List[str]
    left: List[int]
    right: List[int]
    children: List[List[int]] = field(init=False)

    def __post_init__(self) -> None:
        children: List[List[int]] = [[] for _ in self.heads]
        for token, head in enumerate(self.heads):
            if head != token:
                children[head].append(token)
        self.children = children

    def first(self, token: int, role: str) -> Optional[int]:
        """RETURNS (Optional[int]): The first child with a role."""
        roles = self.roles
        for child in self.children[token]:
            if roles[child] == role:
                return child
        return None

    def conjuncts(self, token: int) -> List[int]:
        """RETURNS (List[int]): The token, and what is coordinated with it, verbs left out, in text order."""
        if "conjunct" not in [self.roles[child] for child in self.children[token]]:
            return [token]
        found, queue = {token}, [token]
        while queue:
            for child in self.children[queue.pop()]:
                if self.roles[child] == "conjunct" and self.pos[child] not in VERBS and child not in found:
                    found.add(child)
                    queue.append(child)
        return sorted(found)

    def span(self, token: int, apart: frozenset[str] = APART, beside: Optional[int] = None) -> Span:
        """The words of an argument.

        token (int): Its head.
        apart (frozenset[str]): Roles of children that are cut off, with what stands outside of them.
        beside (Optional[int]): Token that the argument must not reach, i.e. its predicate.
        RETURNS (Span): First and last token, exclusive, without punctuation at the ends.
        """
        start, end, roles = self.left[token], self.right[token] + 1, self.roles
        for child in self.children[token]:
            if roles[child] in apart:
                if child > token:
                    end = min(end, max(self.left[child], token + 1))
                else:
                    start = max(start, min(self.right[child] + 1, token))
        if beside is not None:
            # In crossing trees and cycles, a subtree can hold its own predicate.
            if start <= beside < token:
                start = beside + 1
            elif token < beside < end:
                end = beside
        return self._strip(start, end, token)

    def trim(self, span: Span, token: int) -> Span:
        """Cut off what joins or denies an argument, as "not" and "both": the polarity tells it, too.

        span (Span): The argument.
        token (int): Its head.
        RETURNS (Span): First and last token, exclusive. What denies no more than a part, as in "not all", stays.
        """
        start, end = span
        while start < token and self.heads[start] == token and self._joins_or_denies(start):
            start += 1
        while end - 1 > token and self.heads[end - 1] == token and self.is_negation(end - 1):
            end -= 1
        return span if (start, end) == span else self._strip(start, end, token)

    def is_negation(self, token: int) -> bool:
        """RETURNS (bool): Whether a token is a negation beside its head: "not", but not the "no" of "no tea"."""
        role = self.roles[token]
        return role == "negation" or (role == "adverb" and self.words[token] == "negation")

    def _joins_or_denies(self, token: int) -> bool:
        # The small English parser calls the "both" of "both Ada and Bo" a determiner.
        if self.roles[token] == "coordinator" or self.pos[token] == CCONJ:
            return True
        following = token + 1
        part = self.words[following] == "scope" or self.roles[following] == "adverb"
        return self.is_negation(token) and not part

    def _strip(self, start: int, end: int, token: int) -> Span:
        words, roles, before = self.words, self.roles, (-1, -1)
        # Behind a quotation mark that goes, there may be a comma.
        while (start, end) != before:
            before = start, end
            while start < token and roles[start] == "punctuation" and words[start] != "quote":
                start += 1
            while end - 1 > token and roles[end - 1] in _ENDS and words[end - 1] != "quote":
                end -= 1
            # A quotation mark that stands alone belongs to the text around it, unless its partner is just outside.
            if words[start] == "quote" and "quote" not in words[start + 1 : end]:
                if end < len(words) and words[end] == "quote":
                    return start, end + 1
                if start < token:
                    start += 1
            elif end - 1 > token and words[end - 1] == "quote" and words[start:end].count("quote") % 2:
                end -= 1
        return start, end


class TreeReader:
    """Reads trees off Docs. It remembers what labels mean, also those with a subtype of their own.

    rules (TripleRules): What labels, words and tags mean.
    """

    def __init__(self, rules: TripleRules) -> None:
        self._rules = rules
        self._roles: Dict[int, str] = dict(rules.roles)

    def read(self, docs: Sequence[Doc]) -> Iterator[Tree]:
        """YIELDS (Tree): The tree of each Doc of a batch."""
        parse = read_parse(docs)
        starts = np.repeat(parse.starts, parse.lengths)
        heads, left, right = ((rows - starts).tolist() for rows in (parse.heads, *subtree_edges(parse)))
        word, tag = self._rules.words.get, self._rules.tags.get
        words = [word(key, "") for key in parse.words.tolist()]
        voices = [tag(key, "") for key in parse.tags.tolist()]
        labels, pos = parse.deps.tolist(), parse.pos.tolist()
        for doc, start, length in zip(docs, parse.starts.tolist(), parse.lengths.tolist(), strict=True):
            rows = slice(start, start + length)
            # Not the strings of the pipe: a Doc may come from another vocab.
            roles = self._read_roles(labels[rows], doc.vocab.strings)
            yield Tree(heads[rows], roles, pos[rows], words[rows], voices[rows], left[rows], right[rows])

    def _read_roles(self, labels: List[int], strings: StringStore) -> List[str]:
        known = self._roles
        try:
            return [known[label] for label in labels]
        except KeyError:
            for label in set(labels) - known.keys():
                # A subtype that no rule names counts as its type.
                base = get_string_id(strings[label].split(":")[0])
                known[label] = self._rules.roles.get(base, "")
            return [known[label] for label in labels]
