"""A parse with the words marked that polarity is read from."""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, List, Optional, Set, Tuple

from spacy.strings import get_string_id
from spacy.symbols import AUX, VERB  # type: ignore[attr-defined]

from .polarity_cues import POSES, RELATIVES, TAGS, Cues
from .polarity_rules import PHRASES, START, WIDE, PolarityRules

# Dependency labels of both schemes, CLEAR and Universal Dependencies, as `Cues.read` gives them.
SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass"})
PARTICIPANTS = frozenset({"nsubj", "nsubjpass", "dobj", "obj", "iobj", "dative", "attr"})
COMPLEMENTS = frozenset({"ccomp", "xcomp", "csubj", "csubjpass", "acl", "pcomp"})
# What holds of the word above holds of these.
CARRIERS = frozenset({"acomp", "attr", "prep", "oprd", "agent", "prt", "aux", "auxpass", "cop", "dep", "parataxis"})
# Children that do not speak about the word that they hang on.
ASIDE = frozenset({"intj", "discourse", "cc", "conj", "punct", "advcl", "ccomp", "parataxis"}) | RELATIVES
LINKS = frozenset({"mark", "case", "prep", "advmod", "cc"})
PREDICATES = frozenset({"acomp", "attr", "oprd"})
_GERUND = get_string_id("VBG")
_VERBS = frozenset({VERB, AUX})
_CLAUSE_SIGNS = SUBJECTS | {"cop"}
_MARK, _PURPOSE_LINKS = frozenset({"mark"}), frozenset({"aux", "mark"})
# Tokens that a verb and its negation and the verb once more may be.
_MAX_DOUBLED = 3


class MarkedParse:
    """The parse of one Doc as lists, one item a token, and where its words stand that matter to polarity.

    cues (Cues): The tokens of the Doc.
    rules (PolarityRules): The rules of its language.
    """

    def __init__(self, cues: Cues, rules: PolarityRules) -> None:
        self.rules = rules
        self.heads, self.touched, self.near = cues.heads, cues.touched, cues.near
        self._cues = cues
        self._is_one_sentence = not cues.sentences or cues.sentences[0] == cues.sentences[-1]
        self.children: List[List[int]] = []
        # What was asked of words before. It is the same for all paths.
        self.opened: Dict[int, Tuple[bool, bool]] = {}
        self.local: Dict[int, Tuple[bool, bool]] = {}
        self._signatures: Dict[Tuple[int, int], Optional[str]] = {}

    def in_one_sentence(self, tokens: Iterable[int]) -> bool:
        """RETURNS (bool): Whether none of these tokens is in another sentence than the others."""
        return self._is_one_sentence or len({self._cues.sentences[i] for i in tokens}) < 2

    def read(self) -> None:
        """Read words and labels and find the marked words, where that was not done before."""
        if self.children:
            return
        children: List[List[int]] = [[] for _ in self.heads]
        for i, head in enumerate(self.heads):
            if head != i:
                children[head].append(i)
        self.children = children
        self.lower, self.lemmas, self.deps = self._cues.read()
        if "relcl" in self.deps:
            for i in [i for i, dep in enumerate(self.deps) if dep == "relcl"]:
                # English parsers call "the claim that Ada left" a relative clause now and then; those have no "mark".
                # "Money to buy the mill" is none, either: it takes nothing for granted.
                if self.of(i, _MARK) or self._is_bare_purpose(i):
                    self.deps[i] = "acl"
        self.pos: List[int] = self._cues.table[:, POSES].tolist()
        self.tags: List[int] = self._cues.table[:, TAGS].tolist()
        found = self._find_phrases()
        self.exempt = found["not_negations"]
        self.doubled = self._find_doubled() - found["not_conditions"]
        self.negations = found["negations"] - self.exempt - self.doubled
        self.links = found["negative_links"] - self.exempt
        self.alternatives = self._find_alternatives()
        self.conditions = found["conditions"] - found["not_conditions"]

    def has(self, i: int, words: FrozenSet[str]) -> bool:
        """RETURNS (bool): Whether a token's form or lemma is among the words."""
        return self.lower[i] in words or self.lemmas[i] in words

    def has_any(self, tokens: Iterable[int], words: FrozenSet[str]) -> bool:
        """RETURNS (bool): Whether the form or lemma of one of these tokens is among the words."""
        return True in [self.lower[i] in words or self.lemmas[i] in words for i in tokens]

    def of(self, i: int, deps: FrozenSet[str]) -> List[int]:
        """RETURNS (List[int]): The children of a token that have one of these labels."""
        labels = self.deps
        return [child for child in self.children[i] if labels[child] in deps]

    def is_clause(self, i: int) -> bool:
        """RETURNS (bool): Whether a token is the predicate of a clause."""
        return self.pos[i] in _VERBS or bool(self.of(i, _CLAUSE_SIGNS))

    def is_infinitive(self, i: int) -> bool:
        """RETURNS (bool): Whether a predicate is an infinitive or a gerund."""
        return self.deps[i] in ("xcomp", "pcomp") or self.has_purpose(i)

    def has_purpose(self, i: int) -> bool:
        """RETURNS (bool): Whether a predicate is an infinitive with "to"."""
        return any(self.has(child, self.rules.purpose) for child in self.of(i, _PURPOSE_LINKS))

    def _is_bare_purpose(self, i: int) -> bool:
        return self.has_purpose(i) and not self.of(i, SUBJECTS)

    def signature(self, governor: int, complement: int) -> Optional[str]:
        """What a word says about a complement.

        governor (int): The word, or the preposition between it and the complement.
        complement (int): The complement.
        RETURNS (Optional[str]): Two signs, None where no rule names the word.
        """
        key = governor, complement
        if key not in self._signatures:
            self._signatures[key] = self._read_signature(*key)
        return self._signatures[key]

    def _read_signature(self, governor: int, complement: int) -> Optional[str]:
        if self.deps[governor] in ("prep", "agent"):
            governor = self.heads[governor]
        infinitive = self.is_infinitive(complement) or not self.is_clause(complement)
        gerund = self.deps[complement] == "xcomp" and self.tags[complement] == _GERUND
        for word in (*self.of(governor, PREDICATES), governor):
            for form in (self.lemmas[word], self.lower[word]):
                found = self.rules.signature(form, infinitive, gerund)
                if found is not None and word != complement:
                    return found
        return None

    def left_edge(self, i: int) -> int:
        """RETURNS (int): The first token of the phrase of a token, as far as it goes without a gap to the left."""
        for _ in self.heads:
            if not self.children[i] or self.children[i][0] > i:
                break
            i = self.children[i][0]
        return i

    def verdict(self, noun: int) -> Optional[str]:
        """What the predicate of a noun decides on the clause of the noun: "the rumour that ... is false".

        noun (int): The noun.
        RETURNS (Optional[str]): Two signs, None where it decides nothing.
        """
        if self.deps[noun] not in SUBJECTS:
            return None
        head = self.heads[noun]
        found = (self.rules.verdicts.get(self.lemmas[word]) for word in (head, *self.of(head, PREDICATES)))
        return next((signs for signs in found if signs is not None), None)

    def _find_alternatives(self) -> Set[int]:
        """The tokens that are coordinated with others by a word like "or"."""
        conj, words = frozenset({"conj"}), self.rules.disjunctive_coordinators
        choices = [i for i, kind in enumerate(self._cues.kinds) if kind & WIDE]
        queue = [self.heads[i] for i in choices if self.deps[i] == "cc" and self.has(i, words)]
        found: Set[int] = set()
        while queue:
            i = queue.pop()
            if i not in found:
                found.add(i)
                queue.extend([*self.of(i, conj), *([self.heads[i]] if self.deps[i] in conj else [])])
        # A lone part, as in "Or Bo came", is no choice.
        return {i for i in found if self.of(i, conj) or self.deps[i] in conj}

    def _find_doubled(self) -> Set[int]:
        """The tokens of verbs that ask by being doubled around a negation, in one token or apart."""
        pattern, found, lower = self.rules.doubled, set[int](), self.lower
        if pattern is None:
            return found
        for size in range(1, _MAX_DOUBLED + 1):
            for start in range(len(lower) - size + 1):
                window = range(start, start + size)
                if found.isdisjoint(window) and pattern.fullmatch("".join(lower[start : start + size])):
                    found.update(window)
        return found

    def _find_phrases(self) -> Dict[str, Set[int]]:
        """The tokens that are part of a phrase, by the field of the rules that the phrase stands in."""
        found: Dict[str, Set[int]] = {name: set() for name in PHRASES}
        starts = self.rules.phrases
        for i in (i for i, kind in enumerate(self._cues.kinds) if kind & START):
            for word in {self.lower[i], self.lemmas[i]}:
                for name, phrase in starts.get(word, ()):
                    if len(phrase) == 1 or tuple(self.lower[i + 1 : i + len(phrase)]) == phrase[1:]:
                        found[name].update(range(i, i + len(phrase)))
        return found
