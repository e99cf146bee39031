"""The words that polarity is read from, one file a language."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Optional, Pattern, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.strings import get_string_id

# How a state is written in the files: what is said to be so, said not to be so, and left open.
ASSERTED, NEGATED, OPEN = "+", "-", "?"

Phrase = Tuple[str, ...]
Phrases = FrozenSet[Phrase]
# What a word that can change a state has to do with what it changes: anything in its sentence (alone, or as the longest
# word of a phrase); it hangs on it, or on what hangs on it; it negates it; it governs it, or governs it where it is an
# infinitive; it is said of the noun that it hangs on; it brings in a purpose, or a condition by standing before its
# subject. And what begins a phrase.
WIDE, ANCHOR, CHILD, GRANDCHILD, NEGATION, GOVERNOR = 1, 2, 4, 8, 16, 32
INFINITIVE, VERDICT, PURPOSE, INVERTED, START = 64, 128, 256, 512, 1024
# Signatures that leave what is asserted asserted.
_NEUTRAL = frozenset({"+", "++", "+-", "+?"})

# The fields that hold phrases.
PHRASES = ("negations", "not_negations", "negative_links", "conditions", "not_conditions")
Signatures = Mapping[str, str]


@dataclass(frozen=True)
class PolarityRules:
    """What the words of a language do to polarity. Words are lower-case lemmas or forms; phrases are sequences of
    lower-case forms. A signature has two signs: what holds of a complement below an asserted and below a negated
    governor (Nairn, Condoravdi and Karttunen 2006, "Computing relative polarity for textual inference").

    negations (Phrases): What negates the word that it depends on, e.g. "not", "no longer".
    not_negations (Phrases): What looks like it and negates nothing, e.g. "not only".
    negative_links (Phrases): Prepositions and conjunctions that negate what they bring in, e.g. "without".
    negative_predicates (FrozenSet[str]): Verbs that negate themselves.
    cancels_negation (FrozenSet[str]): What turns "not" into a "when", e.g. "not until".
    negative_coordinators (FrozenSet[str]): Conjunctions that negate the second part, e.g. "nor".
    shared_coordinators (FrozenSet[str]): Conjunctions that carry a negation on to the second part, e.g. "or".
    contrast_coordinators (FrozenSet[str]): Those that never do, e.g. "but".
    disjunctive_coordinators (FrozenSet[str]): Those that leave open which of the parts is meant, e.g. "or".
    modals (Signatures): Modal verbs and their signatures.
    possible (FrozenSet[str]): Adverbs that leave open, e.g. "perhaps".
    conditions (Phrases): What brings in a condition or a question, e.g. "if".
    not_conditions (Phrases): What looks like one, or like a doubled verb, e.g. "even if".
    doubled_around (Tuple[str, ...]): Negations that ask where the verb stands on both sides of them, e.g. "买不买".
    inverted (FrozenSet[str]): Auxiliaries that stand before the subject in a condition, e.g. "had he known".
    question_marks (FrozenSet[str]): Marks and particles of a question.
    presupposing (FrozenSet[str]): Question words that take for granted what they ask about, e.g. "when".
    purpose (FrozenSet[str]): What brings in a purpose, e.g. "to".
    governed (FrozenSet[str]): Prepositions of a complement in Universal Dependencies, e.g. "from" of "prevent".
    fulfilled (FrozenSet[str]): What makes a purpose a fact, e.g. "the first to ...".
    modifiers (Signatures): Adjectives of nouns, e.g. "alleged", with the one sign that they set.
    event_nouns (FrozenSet[str]): Nouns that name events.
    event_suffixes (Tuple[str, ...]): Endings of such nouns.
    any_form, clauses, infinitives (Signatures): Governors of complements: of all kinds, of clauses and of infinitives
        and gerunds. The narrower table is asked first.
    gerunds (Signatures): Governors of gerunds alone, asked before these: "cannot help buying".
    verdicts (Signatures): What is said of a noun and decides on its clause: "the rumour that ... is false".
    """

    negations: Phrases
    not_negations: Phrases
    negative_links: Phrases
    negative_predicates: FrozenSet[str]
    cancels_negation: FrozenSet[str]
    negative_coordinators: FrozenSet[str]
    shared_coordinators: FrozenSet[str]
    contrast_coordinators: FrozenSet[str]
    disjunctive_coordinators: FrozenSet[str]
    modals: Signatures
    possible: FrozenSet[str]
    conditions: Phrases
    not_conditions: Phrases
    doubled_around: Tuple[str, ...]
    inverted: FrozenSet[str]
    question_marks: FrozenSet[str]
    presupposing: FrozenSet[str]
    purpose: FrozenSet[str]
    governed: FrozenSet[str]
    fulfilled: FrozenSet[str]
    modifiers: Signatures
    event_nouns: FrozenSet[str]
    event_suffixes: Tuple[str, ...]
    any_form: Signatures
    clauses: Signatures
    infinitives: Signatures
    gerunds: Signatures
    verdicts: Signatures

    @cached_property
    def phrases(self) -> Mapping[str, List[Tuple[str, Phrase]]]:
        """All phrases by their first words, with the names of their fields."""
        found: Dict[str, List[Tuple[str, Phrase]]] = {}
        for name in PHRASES:
            for phrase in getattr(self, name):
                found.setdefault(phrase[0], []).append((name, phrase))
        return found

    @cached_property
    def cues(self) -> Mapping[str, int]:
        """Every word that can change a state or begins a phrase, with its kinds."""
        links = self.negative_links | self.conditions
        coordinators = self.negative_coordinators | self.disjunctive_coordinators
        broad = (self.any_form, self.clauses)
        kinds: Dict[int, Iterable[str]] = {
            # A choice reaches through a whole enumeration.
            WIDE: coordinators,
            NEGATION: {phrase[0] for phrase in self.negations if len(phrase) == 1},
            ANCHOR: {max(phrase, key=len) for phrase in self.negations | links if len(phrase) > 1},
            CHILD: {*self.negative_predicates, *self.possible, *self.question_marks}.union(
                *map(_changing, (self.modals, self.modifiers))
            ),
            GRANDCHILD: {phrase[0] for phrase in links if len(phrase) == 1},
            INVERTED: self.inverted,
            GOVERNOR: {word for table in broad for word in _changing(table)},
            INFINITIVE: _changing(self.infinitives),
            VERDICT: _changing(self.verdicts),
            PURPOSE: self.purpose,
            START: self.phrases,
        }
        found: Dict[str, int] = {}
        for kind, words in kinds.items():
            for word in words:
                found[word] = found.get(word, 0) | kind
        return found

    @cached_property
    def anchors(self) -> Mapping[int, List[Tuple[int, List[int]]]]:
        """The phrases of several words by their longest word, which is the rarest: its place, and the hashes of all."""
        found: Dict[int, List[Tuple[int, List[int]]]] = {}
        for phrase in self.negations | self.negative_links | self.conditions:
            if len(phrase) > 1:
                longest = max(phrase, key=len)
                found.setdefault(get_string_id(longest), []).append(
                    (phrase.index(longest), [get_string_id(word) for word in phrase])
                )
        return found

    @cached_property
    def cue_table(self) -> Tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """The hashes of these words, sorted, and their kinds. *Shape:* (n_words,) each"""
        found = sorted((get_string_id(word), kind) for word, kind in self.cues.items())
        keys, kinds = zip(*found, strict=True)
        return np.array(keys, dtype="uint64"), np.array(kinds, dtype="int64")

    @cached_property
    def doubled(self) -> Optional[Pattern[str]]:
        """What a verb looks like that asks by being doubled around a negation, None in languages without."""
        if not self.doubled_around:
            return None
        negation = f"(?:{'|'.join(map(re.escape, self.doubled_around))})"
        # Of a longer verb, the first part may stand for the whole: "喜不喜欢".
        return re.compile(rf"(.+){negation}\1|(.){negation}\2.")

    def is_event(self, word: str) -> bool:
        """RETURNS (bool): Whether a noun names an event."""
        return word in self.event_nouns or (bool(self.event_suffixes) and word.endswith(self.event_suffixes))

    def signature(self, word: str, infinitive: bool, gerund: bool = False) -> Optional[str]:
        """What a governor says about its complement.

        word (str): Its lemma or form.
        infinitive (bool): Whether the complement is an infinitive or a gerund.
        gerund (bool): Whether it is a gerund.
        RETURNS (Optional[str]): The two signs, None for a word that is in no table.
        """
        narrow = self.infinitives if infinitive else self.clauses
        found = self.gerunds.get(word) if gerund else None
        return found or narrow.get(word) or self.any_form.get(word)


@cache
def load_polarity_rules(lang: str) -> Optional[PolarityRules]:
    """Load the rules that the package brings.

    lang (str): Language code, e.g. "en".
    RETURNS (Optional[PolarityRules]): The rules, None for a language without.
    """
    path = files(__package__) / "data" / f"polarity_{lang}.json"
    return make_polarity_rules(json.loads(path.read_text(encoding="utf8"))) if path.is_file() else None


def make_polarity_rules(data: Mapping[str, Any]) -> PolarityRules:
    """Make rules from what a file of rules holds.

    data (Mapping[str, Any]): Lists of words under the names of the fields; tables have lists of words under signs.
    RETURNS (PolarityRules): The rules.
    """
    coordinators, signatures = data["coordinators"], data["signatures"]
    return PolarityRules(
        negations=_phrases(data["negations"]),
        not_negations=_phrases(data["not_negations"]),
        negative_links=_phrases(data["negative_links"]),
        negative_predicates=frozenset(data["negative_predicates"]),
        cancels_negation=frozenset(data["cancels_negation"]),
        negative_coordinators=frozenset(coordinators["negative"]),
        shared_coordinators=frozenset(coordinators["shared"]),
        contrast_coordinators=frozenset(coordinators["contrast"]),
        disjunctive_coordinators=frozenset(coordinators["disjunctive"]),
        modals=_table(data["modals"]),
        possible=frozenset(data["possible"]),
        conditions=_phrases(data["conditions"]),
        not_conditions=_phrases(data["not_conditions"]),
        doubled_around=tuple(data["doubled_around"]),
        inverted=frozenset(data["inverted"]),
        question_marks=frozenset(data["question_marks"]),
        presupposing=frozenset(data["presupposing"]),
        purpose=frozenset(data["purpose"]),
        governed=frozenset(data["governed"]),
        fulfilled=frozenset(data["fulfilled"]),
        modifiers=_table(data["modifiers"]),
        event_nouns=frozenset(data["event_nouns"]),
        event_suffixes=tuple(data["event_suffixes"]),
        any_form=_table(signatures["any"]),
        clauses=_table(signatures["clauses"]),
        infinitives=_table(signatures["infinitives"]),
        gerunds=_table(signatures["gerunds"]),
        verdicts=_table(signatures["verdicts"]),
    )


def _changing(table: Signatures) -> Set[str]:
    return {word for word, signs in table.items() if signs not in _NEUTRAL}


def _phrases(values: List[str]) -> Phrases:
    return frozenset(tuple(value.split()) for value in values)


def _table(values: Mapping[str, List[str]]) -> Dict[str, str]:
    return {word: signs for signs, words in values.items() for word in words}
