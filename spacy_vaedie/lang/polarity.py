"""Polarity of what a text says: asserted, negated or hypothetical, read from the parse."""

from __future__ import annotations

from typing import FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Set

from spacy.symbols import AUX  # type: ignore[attr-defined]
from spacy.tokens import Doc

from .polarity_cues import read_cues
from .polarity_parse import ASIDE, CARRIERS, COMPLEMENTS, LINKS, PARTICIPANTS, RELATIVES, SUBJECTS, MarkedParse
from .polarity_rules import ASSERTED, NEGATED, OPEN, PolarityRules, load_polarity_rules

_NAMES = {ASSERTED: "asserted", NEGATED: "negated", OPEN: "hypothetical"}
_CC, _CONJ, _AUX, _ADVCL = frozenset({"cc"}), frozenset({"conj"}), frozenset({"aux", "cop"}), frozenset({"advcl"})
_CASE, _MARKS, _AUXILIARIES = frozenset({"case"}), frozenset({"mark", "case"}), frozenset({"aux", "auxpass", "cop"})
_ADVERBS = frozenset({"advmod", "aux", "parataxis", "dep"})
# A question in one of these is not asked about the clause above.
_APART = (ASIDE | COMPLEMENTS | PARTICIPANTS) - {"discourse"}
_DOWN = COMPLEMENTS | CARRIERS | _ADVCL | _CONJ
_OWN, _CONDITION_LINKS = SUBJECTS | _AUX, LINKS | _AUX
_MODIFIERS = frozenset({"amod", "compound", "nmod", "acl", "advmod"})
# Without a rule for the governor: what somebody does is done where he does, what he does not say is left open.
_DEFAULTS = {"ccomp": "+?", "xcomp": "+-"}


class _State(NamedTuple):
    """What holds at a word before its own negations and the like, and after them."""

    before: str
    after: str


def read_polarity(doc: Doc, tokens: Iterable[int]) -> Optional[str]:
    """Say whether what a relation rests on is asserted, negated or hypothetical.

    * asserted: the text says that it is, was or will be so, be it in somebody's mouth ("Bo said that ...").
    * negated: the text says that it is not so ("never", "failed to", "denied that").
    * hypothetical: the text leaves it open: possible, wished, planned, asked, doubted or conditional, negated or not.

    doc (Doc): A parsed Doc, with the labels of English CLEAR or of Universal Dependencies.
    tokens (Iterable[int]): The tokens that the relation rests on: the dependency path between its arguments, both ends
        counted (`Evidence.tokens`), or a verb with the heads of its arguments, in any order.
    RETURNS (Optional[str]): `asserted`, `negated` or `hypothetical`. None where nobody can say: no token, no parse, a
        path that runs over the roots of two sentences, or a language without rules.
    """
    return PolarityReader(doc).read(tokens)


class PolarityReader:
    """Reads the polarity of many relations of one Doc, which must not change in between.

    doc (Doc): The Doc.
    rules (Optional[PolarityRules]): The rules, those of the Doc's language where none are given.
    """

    def __init__(self, doc: Doc, rules: Optional[PolarityRules] = None) -> None:
        self._clauses: Optional[MarkedParse] = None
        rules = rules or load_polarity_rules(doc.lang_)
        if rules is not None and doc.has_annotation("DEP"):
            self._clauses = MarkedParse(read_cues([doc], rules)[0], rules)

    @classmethod
    def of_batch(cls, docs: Sequence[Doc], rules: Optional[PolarityRules]) -> List[PolarityReader]:
        """Make the readers of a batch, which takes less time than one by one.

        docs (Sequence[Doc]): The Docs.
        rules (Optional[PolarityRules]): The rules, those of each Doc's language where none are given.
        RETURNS (List[PolarityReader]): One for each Doc.
        """
        if rules is None:
            return [cls(doc) for doc in docs]
        are_parsed = [doc.has_annotation("DEP") for doc in docs]
        cues = iter(read_cues([doc for doc, is_parsed in zip(docs, are_parsed, strict=True) if is_parsed], rules))
        return [cls._of(MarkedParse(next(cues), rules) if is_parsed else None) for is_parsed in are_parsed]

    @classmethod
    def _of(cls, clauses: Optional[MarkedParse]) -> PolarityReader:
        reader = cls.__new__(cls)
        reader._clauses = clauses
        return reader

    def has_cues(self, tokens: Iterable[int]) -> bool:
        """RETURNS (bool): Whether a word stands where it can change the polarity of these tokens or of those above."""
        return self._clauses is not None and True in [self._clauses.near[i] for i in tokens]

    def read(self, tokens: Iterable[int]) -> Optional[str]:
        """The same as `read_polarity`.

        tokens (Iterable[int]): The tokens that the relation rests on.
        RETURNS (Optional[str]): The polarity.
        """
        path = frozenset(tokens)
        clauses = self._clauses
        if clauses is None or not path:
            return None
        near = self.has_cues(path)
        if not near and clauses.in_one_sentence(path):
            return _NAMES[ASSERTED]
        tops = [i for i in sorted(path) if clauses.heads[i] not in path or clauses.heads[i] == i]
        # No parse says which of two sentences a relation between them rests on.
        if not clauses.in_one_sentence(tops):
            return None
        # Most paths have no word of the rules anywhere near.
        if not near:
            return _NAMES[ASSERTED]
        clauses.read()
        walk = _Walk(clauses, path)
        # A path that runs in a circle has no top.
        states = [walk.read(top) for top in tops or [min(path)]]
        return _NAMES[OPEN if OPEN in states else NEGATED if NEGATED in states else ASSERTED]


class _Walk:
    """Goes from the root of the sentence down to the top of a path, and from there to its ends, and keeps what holds.

    clauses (MarkedParse): The parse.
    path (FrozenSet[int]): The tokens of the path.
    """

    def __init__(self, clauses: MarkedParse, path: FrozenSet[int]) -> None:
        self.clauses = clauses
        self.rules = clauses.rules
        self.path = path
        self.used: Set[int] = set()

    def read(self, top: int) -> str:
        """RETURNS (str): What holds of the part of the path below its topmost token."""
        clauses = self.clauses
        states: List[str] = []
        context = self._context(top)
        if context == ASSERTED and True not in [clauses.touched[i] for i in self.path]:
            return ASSERTED
        stack = [(top, context)]
        at_top = None
        seen = set()
        while stack:
            word, before = stack.pop()
            seen.add(word)
            below = [child for child in clauses.children[word] if child in self.path and child not in seen]
            after = self._local(word, before, is_end=len(below) + (word != top) < 2)
            if after == ASSERTED and word in clauses.alternatives:
                # "Ada or Bo came" says of neither that he came.
                after = OPEN
            at_top = after if at_top is None else at_top
            if not below:
                states.append(after)
            for child in reversed(below):
                stack.append((child, self._enter(_State(before, after), word, child)))
        changed = [state for state in states if state != at_top]
        return OPEN if OPEN in changed else changed[0] if changed else states[0]

    def _context(self, top: int) -> str:
        """What holds at the top of the path because of the words above it."""
        clauses, chain = self.clauses, [top]
        # Nothing is above a root.
        if clauses.heads[top] == top:
            return ASSERTED
        together = len(self.path) > 1 and all(clauses.deps[i] in _CONJ or i == top for i in self.path)
        # Above a word that is not near any other, nothing changes what holds.
        while clauses.near[chain[-1]]:
            head = clauses.heads[chain[-1]]
            if head in chain or not self._reaches(chain[-1], together):
                break
            chain.append(head)
        before = ASSERTED
        while len(chain) > 1:
            word = chain.pop()
            state = _State(before, self._local(word, before, is_end=False))
            before = self._enter(state, word, chain[-1])
        return before

    def _reaches(self, word: int, together: bool) -> bool:
        """Whether what is said about the head of a word is said about the word. It is not for what a name takes for
        granted: "the owner of Bluefin did not come" still has an owner.

        word (int): The word.
        together (bool): Whether the path joins two parts of one coordination, as in "no link between Ada and Bo".
        """
        clauses, dep = self.clauses, self.clauses.deps[word]
        if dep in RELATIVES:
            return False
        if dep in _DOWN or together or clauses.is_clause(word):
            return True
        return self._is_event(word) and clauses.signature(clauses.heads[word], word) is not None

    def _is_event(self, word: int) -> bool:
        return self.rules.is_event(self.clauses.lemmas[word])

    def _enter(self, state: _State, parent: int, child: int) -> str:
        """What a word hands down to a child."""
        if state.before == state.after == ASSERTED and not self.clauses.touched[child]:
            return ASSERTED
        clauses, dep = self.clauses, self.clauses.deps[child]
        # Of an adjunct or a modifier, the negation of the main clause says nothing, unless the relation joins both.
        adjunct = state.after if parent in self.path else ASSERTED
        if dep in _CONJ:
            return self._coordinate(state, parent, child)
        # The Chinese treebank calls a clause with a preposition, such as "because", a complement.
        if dep in _ADVCL or (dep == "ccomp" and clauses.of(child, _CASE)):
            governed = any(clauses.has(mark, self.rules.governed) for mark in clauses.of(child, LINKS))
            signature = clauses.signature(parent, child) if governed else None
            if signature is None:
                return OPEN if clauses.has_purpose(child) else adjunct
            return _complement(state.after, signature)
        if dep == "parataxis":
            return state.before
        if dep == "prep":
            part = not clauses.is_clause(parent) or clauses.signature(parent, child) is not None
            return state.after if part else adjunct
        if dep in COMPLEMENTS:
            asked = any(clauses.has(i, self.rules.presupposing) for i in clauses.of(child, LINKS))
            if asked and not clauses.has_purpose(child):
                return ASSERTED
            verdict = None if clauses.is_infinitive(child) else clauses.verdict(parent)
            if verdict is not None:
                return _complement(self._local_clause(clauses.heads[parent], ASSERTED), verdict)
            signature = clauses.signature(parent, child)
            if signature is None and dep == "acl":
                return OPEN if clauses.has_purpose(child) and not self._is_fulfilled(parent) else adjunct
            return _complement(state.after, signature or _DEFAULTS.get(dep, "+-"))
        if self._is_event(child) and dep not in CARRIERS and self._goes_on(child):
            return _complement(state.after, clauses.signature(parent, child) or "+-")
        return state.after

    def _goes_on(self, word: int) -> bool:
        """Whether the path goes on below a word, or below what is coordinated with it: in "he rejected the deal and the
        bid", neither is what the path leads to the ends of. All paths go on below a word that lies above them."""
        if word not in self.path:
            return bool(self.clauses.children[word])
        found = [word]
        for i in found:
            below = [child for child in self.clauses.children[i] if child in self.path and child not in found]
            if any(self.clauses.deps[child] not in _CONJ for child in below):
                return True
            found.extend(below)
        return False

    def _is_fulfilled(self, word: int) -> bool:
        clauses = self.clauses
        return any(clauses.has(i, self.rules.fulfilled) for i in (word, *clauses.of(word, _MODIFIERS)))

    def _coordinate(self, state: _State, first: int, second: int) -> str:
        """What the second part of a coordination takes over from the first."""
        clauses, rules = self.clauses, self.rules
        between = [i for i in clauses.of(first, _CC) if first < i < second][-1:]
        words = [*between, *clauses.of(second, _CC)]
        if any(clauses.has(i, rules.negative_coordinators) for i in words):
            return NEGATED if state.after == ASSERTED else state.after
        if any(clauses.has(i, rules.shared_coordinators) for i in words):
            return state.after
        if any(clauses.has(i, rules.contrast_coordinators) for i in words):
            # "Not in Lima but in Quito".
            return state.before if clauses.is_clause(first) or state.before == OPEN else ASSERTED
        # "did not buy or rent", but "did not buy and so rented".
        alike = clauses.is_clause(first) and clauses.tags[first] == clauses.tags[second]
        return state.after if alike and not clauses.of(second, _OWN) else state.before

    def _local(self, word: int, before: str, is_end: bool) -> str:
        """What holds at a word after its own negations, modals and conditions."""
        if not self.clauses.touched[word]:
            return before
        clauses, rules = self.clauses, self.rules
        if word not in clauses.local:
            adverbs = [i for i in clauses.of(word, _ADVERBS) if i not in clauses.exempt]
            clauses.local[word] = clauses.has_any(adverbs, rules.possible), clauses.is_clause(word)
        is_possible, is_clause = clauses.local[word]
        state = OPEN if is_possible else before
        if is_clause:
            return self._local_clause(word, state)
        if self._is_denied(word):
            state = _flip(state)
        if not is_end:
            for i in clauses.of(word, _MODIFIERS):
                sign = rules.modifiers.get(clauses.lower[i]) or rules.modifiers.get(clauses.lemmas[i], ASSERTED)
                state = OPEN if sign == OPEN else _flip(state) if sign == NEGATED else state
        return state

    def _local_clause(self, word: int, state: str) -> str:
        negated = self._is_negated(word)
        opened = self.clauses.opened.get(word)
        if opened is None:
            # The same for all paths over the word.
            always = self._is_left_open(word)
            opened = always or self._is_open_by_modal(word, False), always or self._is_open_by_modal(word, True)
            self.clauses.opened[word] = opened
        if opened[negated]:
            return OPEN
        return _flip(state) if negated else state

    def _is_open_by_modal(self, word: int, negated: bool) -> bool:
        clauses, modals = self.clauses, self.rules.modals
        for i in clauses.of(word, _ADVERBS):
            signs = modals.get(clauses.lemmas[i]) or modals.get(clauses.lower[i])
            if signs is not None and signs[negated] == OPEN and i not in clauses.exempt:
                return True
        return False

    def _is_left_open(self, word: int) -> bool:
        """Whether a clause is a condition, has one, or asks."""
        clauses, rules, children = self.clauses, self.rules, self.clauses.children[word]
        if word in clauses.doubled or any(
            child in clauses.doubled and clauses.deps[child] not in _APART for child in children
        ):
            return True
        if self._is_condition(word) or any(self._is_condition(child) for child in clauses.of(word, _ADVCL)):
            return True
        asked = clauses.has_any(children, rules.question_marks)
        return asked and not clauses.has_any(children, rules.presupposing)

    def _is_condition(self, word: int) -> bool:
        clauses, children = self.clauses, self.clauses.children[word]
        if any(child in clauses.conditions and clauses.deps[child] in _CONDITION_LINKS for child in children):
            return True
        if clauses.deps[word] != "advcl":
            return False
        # "Had Ada known".
        subject = min(clauses.of(word, SUBJECTS), default=-1)
        first = next(iter(clauses.of(word, _AUXILIARIES)), word)
        return first < subject and clauses.lower[first] in self.rules.inverted

    def _is_negated(self, word: int) -> bool:
        """Whether a clause is negated, by whatever number of words."""
        clauses, rules = self.clauses, self.rules
        found = clauses.has(word, rules.negative_predicates) and self._use(word, {word})
        if not clauses.negations and not clauses.links:
            return found and not self._is_cancelled(word)
        # In "Never has Ada left", the negation hangs on the auxiliary.
        below = [i for auxiliary in clauses.of(word, _AUXILIARIES) for i in clauses.children[auxiliary]]
        for child in (*clauses.children[word], *below):
            dep = clauses.deps[child]
            if dep in PARTICIPANTS:
                found |= self._is_negative_participant(child)
            elif child in clauses.links and dep in _MARKS:
                found |= self._use(child, clauses.links)
            elif child in clauses.negations and dep not in ASIDE and self._speaks_of(child, word):
                found |= self._use(child, clauses.negations)
        return found and not self._is_cancelled(word)

    def _speaks_of(self, negation: int, word: int) -> bool:
        """Behind its word, a negation speaks of what follows, but for verbs like "is": "he came, not she"."""
        after_verb = self.clauses.pos[word] == AUX and self.clauses.lower[negation - 1] != ","
        return negation < word or after_verb

    def _is_cancelled(self, word: int) -> bool:
        clauses, words = self.clauses, self.rules.cancels_negation
        for child in clauses.children[word]:
            if clauses.has(child, words) or any(clauses.has(i, words) for i in clauses.of(child, LINKS)):
                return True
        return False

    def _is_negative_participant(self, word: int) -> bool:
        clauses = self.clauses
        if word in clauses.negations:
            return self._use(word, clauses.negations)
        # In "not Ada but Bo came", what is said of Ada is not said of Bo.
        conjuncts = [i for i in clauses.of(word, _CONJ) if i in self.path]
        if any(self._coordinate(_State(ASSERTED, NEGATED), word, i) == ASSERTED for i in conjuncts):
            return False
        for child in clauses.children[word]:
            if child in clauses.negations and child < word and clauses.deps[child] not in ASIDE:
                return self._use(child, clauses.negations)
        return False

    def _is_denied(self, word: int) -> bool:
        """Whether a word that is no clause is negated: "no link", "not in Lima", "without Bo"."""
        clauses = self.clauses
        if not (clauses.negations or clauses.links):
            return False
        if word in clauses.links and clauses.deps[word] in LINKS and self._use(word, clauses.links):
            return True
        for child in clauses.children[word]:
            if child < word and child in clauses.links and clauses.deps[child] in LINKS:
                return self._use(child, clauses.links)
            if child < word and child in clauses.negations and clauses.deps[child] not in ASIDE:
                return self._use(child, clauses.negations)
        previous = clauses.left_edge(word) - 1
        return previous in clauses.negations and self._use(previous, clauses.negations)

    def _use(self, word: int, group: Set[int]) -> bool:
        """Whether a negation was not counted before; it counts once, with all words of its phrase."""
        fresh = word not in self.used
        while word - 1 in group:
            word -= 1
        while word in group:
            self.used.add(word)
            word += 1
        return fresh


def _complement(context: str, signature: str) -> str:
    """What holds of a complement, by what holds of its governor and by the governor's signature."""
    if context == OPEN:
        return signature[0] if signature in ("++", "--") else OPEN
    return signature[context == NEGATED]


def _flip(state: str) -> str:
    return {ASSERTED: NEGATED, NEGATED: ASSERTED}.get(state, OPEN)
