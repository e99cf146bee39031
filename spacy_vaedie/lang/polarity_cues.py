"""Where the words stand in a batch that can change a polarity, and what they can change it of.

Reading a polarity takes a walk through the parse. Of most of what a text says, no word of the rules stands where the
walk would come by, and that can be seen for a whole batch at once. What is found here may be more than what the walk
makes use of, never less.
"""

from __future__ import annotations

from typing import List, NamedTuple, Pattern, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import DEP, HEAD, LEMMA, LOWER, POS, SENT_START, TAG
from spacy.strings import StringStore
from spacy.symbols import AUX, VERB  # type: ignore[attr-defined]
from spacy.tokens import Doc

from .known_strings import KnownStrings
from .polarity_rules import (
    ANCHOR,
    CHILD,
    GOVERNOR,
    GRANDCHILD,
    INFINITIVE,
    INVERTED,
    NEGATION,
    PURPOSE,
    VERDICT,
    WIDE,
    PolarityRules,
)

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Flags = NDArray[np.bool_]

# Columns of the table of a Doc.
LOWERS, LEMMAS, HEADS, STARTS, DEPS, POSES, TAGS = range(7)
_ATTRIBUTES = [LOWER, LEMMA, HEAD, SENT_START, DEP, POS, TAG]
RELATIVES = frozenset({"relcl", "acl:relcl"})
# Labels by how they begin, so that those of Universal Dependencies may have a subtype.
_PREDICATES = ("acomp", "attr", "oprd")
_ADVCL = ("advcl",)
_WITH_PURPOSE = ("advcl", "acl", "relcl", "ccomp")
_GOVERNED = ("ccomp", "xcomp", "csubj", "acl", "pcomp", "advcl", "relcl")
_BETWEEN, _SUBJECTS = ("prep", "agent"), ("nsubj", "csubj")
_WITHOUT_FINITE = ("xcomp", "pcomp")

_KNOWN = KnownStrings()
# Lemmas are compared in lower case, and labels without their subtypes, but for relative clauses.
_LOWERED = KnownStrings(str.lower)
_LABELS = KnownStrings(lambda dep: dep if dep in RELATIVES else dep.split(":")[0])


class Cues(NamedTuple):
    """The tokens of one Doc as read in a batch.

    table (Hashes): Attributes of the tokens, see `LOWERS` and so on. *Shape:* (n_tokens, n_attributes)
    strings (StringStore): Where the strings of the hashes are kept.
    heads (List[int]): Head of each token, itself for a root.
    sentences (List[int]): Number of each token's sentence.
    kinds (List[int]): Kinds of each word, as in `PolarityRules.cues`.
    touched (List[bool]): Whether a word stands where it can change what holds at the token, or between its head and it.
    near (List[bool]): Whether the token or one above it is touched.
    """

    table: Hashes
    strings: StringStore
    heads: List[int]
    sentences: List[int]
    kinds: List[int]
    touched: List[bool]
    near: List[bool]

    def read(self) -> Tuple[List[str], List[str], List[str]]:
        """RETURNS (Tuple[List[str], List[str], List[str]]): Of each token, the lower-case form, the lemma in lower case
        (the form where there is none) and the label, as far as its subtype tells nothing."""
        forms, lemmas, deps = self.table[:, [LOWERS, LEMMAS, DEPS]].T.tolist()
        lower = _KNOWN.read(forms, self.strings)
        lowered = _LOWERED.read(lemmas, self.strings)
        if "" in lowered:
            lowered = [lemma or form for lemma, form in zip(lowered, lower, strict=True)]
        return lower, lowered, _LABELS.read(deps, self.strings)


def read_cues(docs: Sequence[Doc], rules: PolarityRules) -> List[Cues]:
    """Find the words that matter to polarity in a batch.

    docs (Sequence[Doc]): Parsed Docs.
    rules (PolarityRules): The rules of their language.
    RETURNS (List[Cues]): The tokens of each Doc.
    """
    if not docs:
        return []
    tables = [doc.to_array(_ATTRIBUTES).reshape(len(doc), len(_ATTRIBUTES)) for doc in docs]
    # Docs of a batch may come from several vocabs.
    stores = [doc.vocab.strings for doc in docs]
    lengths = np.array([len(doc) for doc in docs], dtype="int64")
    ends = lengths.cumsum()
    batch = _Batch(np.concatenate(tables), np.repeat(np.arange(len(docs)), lengths), stores, rules)
    first = batch.table[:, STARTS].astype("int64") == 1
    first[(ends - lengths)[lengths > 0]] = True
    sentences = first.cumsum() - 1
    wide, touched = batch.find()
    wholly = np.zeros(int(first.sum()), dtype=bool)
    wholly[sentences[wide]] = True
    touched |= wholly[sentences]
    heads = batch.heads - np.repeat(ends - lengths, lengths)
    near = _below(touched, batch.heads)
    columns = [column.tolist() for column in (heads, sentences, batch.kinds, touched, near)]
    bounds = zip((ends - lengths).tolist(), ends.tolist(), strict=True)
    rows = ([column[start:end] for column in columns] for start, end in bounds)
    return [Cues(table, strings, *row) for table, strings, row in zip(tables, stores, rows, strict=True)]


def _below(tokens: Flags, heads: Ints) -> Flags:
    """These tokens and all below them. *Shape:* (n_tokens,)"""
    while True:
        found = tokens | tokens[heads]
        if np.array_equal(found, tokens):
            return tokens
        tokens = found


class _Batch:
    """The tokens of a batch, all in one row.

    table (Hashes): Their attributes. *Shape:* (n_tokens, n_attributes)
    docs (Ints): Number of each token's Doc. *Shape:* (n_tokens,)
    stores (Sequence[StringStore]): Strings of each Doc.
    rules (PolarityRules): The rules.
    """

    def __init__(self, table: Hashes, docs: Ints, stores: Sequence[StringStore], rules: PolarityRules) -> None:
        self.table = table
        self.docs = docs
        self.stores = stores
        self.rules = rules
        self.heads: Ints = np.arange(len(table)) + table[:, HEADS].astype("int64")
        self.kinds = self._look_up(table[:, LOWERS]) | self._look_up(table[:, LEMMAS])

    def find(self) -> Tuple[Flags, Flags]:
        """RETURNS (Tuple[Flags, Flags]): Words that matter to all of their sentence, and tokens that others touch.
        *Shape:* (n_tokens,) each"""
        heads, kinds = self.heads, self.kinds
        wide = (kinds & WIDE) > 0
        wide[self._phrases()] = True
        if self.rules.doubled is not None:
            wide |= self._doubled(self.rules.doubled)
        touched = np.zeros_like(wide)
        for kind, n_steps in ((CHILD, 1), (GRANDCHILD, 2), (NEGATION, 3)):
            self._touch(touched, np.flatnonzero(kinds & kind), n_steps)
        rows = np.flatnonzero(kinds & INVERTED)
        # It stands below the word with the label or, where a clause has no auxiliary, that word itself.
        self._touch(touched, rows[self._labelled(rows, _ADVCL) | self._labelled(heads[rows], _ADVCL)], 2)
        rows = heads[np.flatnonzero(kinds & PURPOSE)]
        touched[rows[self._labelled(rows, _WITH_PURPOSE)]] = True
        # "Not in Lima" need not be one phrase: the negation is before the first word of what it negates.
        behind = np.flatnonzero(kinds & NEGATION) + 1
        self._touch(touched, behind[behind < len(heads)], len(heads))
        touched[self._governed()] = True
        return wide, touched

    def _touch(self, touched: Flags, rows: Ints, n_steps: int) -> None:
        """Mark rows, and what is up to some steps above them."""
        touched[rows] = True
        for _ in range(n_steps):
            above = self.heads[rows]
            if np.array_equal(above, rows):
                break
            rows = above
            touched[rows] = True

    def _look_up(self, hashes: Hashes) -> Ints:
        keys, kinds = self.rules.cue_table
        places = np.minimum(np.searchsorted(keys, hashes), len(keys) - 1)
        return np.where(keys[places] == hashes, kinds[places], 0)

    def _texts(self, rows: Ints, column: int) -> List[str]:
        """An attribute of these rows as strings."""
        values, docs = self.table[rows, column].tolist(), self.docs[rows].tolist()
        return [
            _KNOWN[value] if value in _KNOWN else _KNOWN.read([value], self.stores[doc])[0]
            for value, doc in zip(values, docs, strict=True)
        ]

    def _labelled(self, rows: Ints, labels: Tuple[str, ...]) -> Flags:
        """Which rows have one of these labels. *Shape:* (n_rows,)"""
        return np.array([text.startswith(labels) for text in self._texts(rows, DEPS)], dtype=bool)

    def _phrases(self) -> List[int]:
        """Tokens that a phrase of several words has its longest word at."""
        found, lowers, lemmas = [], self.table[:, LOWERS], self.table[:, LEMMAS]
        for row in np.flatnonzero(self.kinds & ANCHOR).tolist():
            for place, phrase in self.rules.anchors.get(int(lowers[row]), ()):
                first = max(row - place, 0)
                words = lowers[first : first + len(phrase)].tolist()
                # The first word of a phrase may be a lemma.
                if words[1:] == phrase[1:] and phrase[0] in (words[0], lemmas[first]):
                    found.append(row)
        return found

    def _doubled(self, pattern: Pattern[str]) -> Flags:
        """Tokens of a verb around a negation, as in "买不买". *Shape:* (n_tokens,)"""
        forms, rows = np.unique(self.table[:, LOWERS], return_inverse=True)
        first = np.zeros(len(forms), dtype="int64")
        first[rows] = np.arange(len(rows))
        found = [pattern.fullmatch(text) is not None for text in self._texts(first, LOWERS)]
        return np.array(found, dtype=bool)[rows]

    def _governed(self) -> List[int]:
        """Complements and events that a word governs which says something about them."""
        heads, pos = self.heads, self.table[:, POSES]
        governors = self.kinds & (GOVERNOR | INFINITIVE | VERDICT)
        rows = np.flatnonzero(governors)
        rows = rows[self._labelled(rows, _PREDICATES)]
        # "It is likely that": what hangs on the verb is governed by the adjective.
        np.bitwise_or.at(governors, heads[rows], governors[rows])
        found = governors[heads]
        rows = np.flatnonzero(governors[heads[heads]])
        above = heads[rows]
        # A preposition may stand between, and the noun of "the claim that ... is false".
        for labels, kinds in ((_BETWEEN, GOVERNOR | INFINITIVE), (_SUBJECTS, VERDICT)):
            kept = self._labelled(above, labels)
            found[rows[kept]] |= governors[heads[above[kept]]] & kinds
        infinitive = (pos != VERB) & (pos != AUX)
        infinitive[heads[(self.kinds & PURPOSE) > 0]] = True
        rows = np.flatnonzero(found)
        governed = []
        columns = (self._texts(rows, column) for column in (DEPS, LEMMAS, LOWERS))
        for row, label, lemma, form in zip(rows.tolist(), *columns, strict=True):
            if not label.startswith(_GOVERNED):
                if not self.rules.is_event(lemma.lower() or form):
                    continue
            elif not (found[row] & (GOVERNOR | VERDICT) or infinitive[row] or label.startswith(_WITHOUT_FINITE)):
                continue
            governed.append(row)
        return governed
