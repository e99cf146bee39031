"""From clauses and noun phrases to triples."""

from __future__ import annotations

from typing import FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from spacy.symbols import ADJ, NOUN, NUM, PROPN  # type: ignore[attr-defined]

from ..lang.polarity import PolarityReader
from ..lang.triples import TripleRules
from ..tokens import Argument, Triple
from .clauses import IN_PHRASE, SUBJECT_ROLES, Clause, ClauseReader
from .tree import APART, COORDINATED, Span, Tree

# Role and head of an argument, and what is cut off it.
First = Tuple[str, int, FrozenSet[str]]

# Pairs of a coordinated subject and a coordinated object that are told apart; more of them stay together.
MAX_PAIRS = 100

_PREDICATED = ("copula", "subject", "passive_subject")
_LEADS = frozenset(("preposition", "oblique", "agent"))
_NOUNS = frozenset((NOUN, PROPN))
# What a triple of a noun phrase can begin at.
_OF_NOUNS = frozenset(("apposition", "possessor", "nominal", "preposition", "case"))
_SUBJECT_APART = APART | {"participle", "case"}
# What belongs to the clause, not to a nominal predicate.
_NOMINAL_APART = APART | SUBJECT_ROLES | IN_PHRASE | {"marker", "expletive", "adverbial_clause"}
_WITHOUT_CASE = APART | {"case"}
_EXTRA_APART = frozenset(("relative",))
_CLAUSE_APART = frozenset(("marker",))
# What governs such an argument says something about it, not about the clause around it.
_CLAUSAL = frozenset(("clause", "open_clause"))


class _Part(NamedTuple):
    """A subject or an object: its head, its role and its words."""

    token: int
    role: str
    span: Span


class TripleMaker:
    """Makes the triples of a Doc.

    tree (Tree): Its parse.
    rules (TripleRules): The rules of its language.
    polarity (PolarityReader): Tells the polarity of what some of its tokens say.
    """

    def __init__(self, tree: Tree, rules: TripleRules, polarity: PolarityReader) -> None:
        self.tree = tree
        self.rules = rules
        self.polarity = polarity
        self._roles = rules.arguments
        self._clauses = ClauseReader(tree, rules)

    def make(self) -> List[Triple]:
        """RETURNS (List[Triple]): The triples of clauses in text order, then those of noun phrases."""
        found: List[Triple] = []
        for clause in self._clauses.read():
            self._add_clause(found, clause)
        found.extend(self._from_nouns())
        return found

    def _add_clause(self, found: List[Triple], clause: Clause) -> None:
        kind, phrase, first, rest = self._choose(clause)
        tree, verb, known = self.tree, clause.verb, self.rules.confidence
        others = [Argument(*self._extra_span(role, token, verb), role) for role, token in rest if role in self._roles]
        place = known.get(clause.pattern, known["other"])
        subjects, firsts = self._split(clause, first)
        predicate = [verb, *phrase]
        # Where no word can change it, it is the same for all arguments.
        heads = [part.token for part in (*subjects, *firsts) if part is not None]
        has_cues = self.polarity.has_cues([*predicate, *heads])
        polarity = None if has_cues else self.polarity.read(predicate)
        is_negated = has_cues and any(map(tree.is_negation, phrase))
        targets = [others if part is None else [Argument(*part.span, part.role), *others] for part in firsts]
        for subject in subjects:
            said_of = Argument(*subject.span, "subject")
            start, end = subject.span
            for part, arguments in zip(firsts, targets, strict=True):
                objects = tuple([item for item in arguments if item.start != start or item.end != end])
                if has_cues:
                    polarity = self.polarity.read(self._said(predicate, subject, part))
                relation = phrase
                if is_negated and polarity == "asserted" and part is not None and part is not firsts[0]:
                    # "Did not buy the mill but the farm": of the farm, the negation does not hold.
                    denied = self.polarity.read(self._said(predicate, subject, firsts[0])) == "negated"
                    relation = [i for i in phrase if not (denied and tree.is_negation(i))]
                pattern, confidence = f"{clause.pattern}_{kind}", place * known[kind if objects else "no_object"]
                words = tuple(relation)
                found.append(Triple(said_of, words, objects, clause.implied, pattern, polarity, confidence))

    def _said(self, predicate: List[int], *parts: Optional[_Part]) -> List[int]:
        """A predicate with the heads of its arguments: in "bought tea but no milk", one is negated."""
        arguments = [part.token for part in parts if part is not None]
        return [*predicate, *(i for token in arguments for i in self._way(token, predicate))]

    def _way(self, token: int, predicate: List[int]) -> List[int]:
        """An argument with what it is coordinated with, up to the predicate. Nothing for what hangs elsewhere, and for
        a clause: "denied that" negates the clause that follows, not the denial."""
        tree, way = self.tree, [token]
        while tree.roles[way[-1]] == "conjunct" and tree.heads[way[-1]] not in (*way, *predicate):
            way.append(tree.heads[way[-1]])
        inside = tree.heads[way[-1]] in predicate and tree.roles[way[-1]] not in _CLAUSAL
        return way if inside and not any(map(self._clauses.is_predicate, way)) else []

    def _choose(self, clause: Clause) -> Tuple[str, List[int], Optional[First], List[Tuple[str, int]]]:
        """Choose the first object, which the relation phrase leads to; all others follow."""
        tree, verb = self.tree, clause.verb
        if not clause.core:
            chosen = self._lead(clause)
            rest = sorted((item for item in clause.extra if item != chosen), key=_place)
            if chosen is None:
                return "alone", clause.phrase, None, rest
            prepositions, noun = self._split_case(chosen[1])
            return "oblique", sorted([*clause.phrase, *prepositions]), (chosen[0], noun, _WITHOUT_CASE), rest
        (role, token), *rest = clause.core
        rest = [*rest, *sorted(clause.extra, key=_place)]
        if role == "clause":
            marker = tree.first(token, "marker")
            phrase = clause.phrase if marker is None else sorted([*clause.phrase, marker])
            return "clause", phrase, (role, token, _CLAUSE_APART), rest
        lead = self._lead_of_adjective(token) if role == "complement" else None
        if lead is not None:
            prepositions, noun = lead
            phrase = sorted({*clause.phrase, token, *prepositions})
            return "complement", phrase, ("oblique", noun, _WITHOUT_CASE), rest
        return role, clause.phrase, (role, token, _NOMINAL_APART if token == verb else _WITHOUT_CASE), rest

    def _split(self, clause: Clause, first: Optional[First]) -> Tuple[List[_Part], Sequence[Optional[_Part]]]:
        """The subjects and the first objects: coordinated ones apart, unless there were too many pairs."""
        tree, verb = self.tree, clause.verb
        subjects, apart, objects, cut = clause.subjects, _SUBJECT_APART, [], APART
        if first is not None:
            role, token, cut = first
            objects = [token] if role == "clause" else tree.conjuncts(token)
        if len(subjects) * len(objects) > MAX_PAIRS:
            subjects, apart, objects, cut = subjects[:1], apart - COORDINATED, objects[:1], cut - COORDINATED
        found = [_Part(i, "subject", self._name(i, apart, verb)) for i in subjects]
        if first is None:
            return found, [None]
        if first[1] != verb:
            return found, [_Part(i, first[0], self._name(i, cut, verb)) for i in objects]
        # A nominal predicate holds words of the phrase, e.g. its copula; another one beside it is a clause of its own.
        objects = [i for i in objects if i == verb or all(tree.first(i, role) is None for role in _PREDICATED)]
        return found, [_Part(i, first[0], self._behind(self._name(i, cut), clause.phrase, i)) for i in objects]

    def _name(self, token: int, apart: FrozenSet[str] = APART, beside: Optional[int] = None) -> Span:
        """The words of an argument whose polarity is read. A clause keeps all of its own."""
        span = self.tree.span(token, apart, beside)
        whole = "coordinator" not in apart or (beside is not None and self._clauses.is_predicate(token))
        return span if whole else self.tree.trim(span, token)

    def _behind(self, span: Span, phrase: Sequence[int], token: int) -> Span:
        start, end = span
        while start < token and start in phrase:
            start += 1
        return start, end

    def _lead(self, clause: Clause) -> Optional[Tuple[str, int]]:
        """The phrase whose preposition joins the verb: the agent of a passive, else the first one behind the verb."""
        leads = []
        for role, token in clause.extra:
            prepositions, noun = self._split_case(token)
            if role == "agent" and clause.passive and noun >= 0:
                return role, token
            if (
                role in ("preposition", "oblique", "agent")
                and prepositions
                and noun >= 0
                and self._may_lead(clause, token)
            ):
                leads.append((role, token, self.tree.pos[noun] == NUM))
        # A bare number is a year or an amount, seldom what the verb leads to.
        leads.sort(key=lambda item: (item[2], item[1]))
        return leads[0][:2] if leads else None

    def _lead_of_adjective(self, token: int) -> Optional[Tuple[List[int], int]]:
        """The prepositional phrase that an adjective leads to, as in `is equal to the sum`."""
        tree = self.tree
        if tree.pos[token] != ADJ or tree.left[token] < token - 2:
            return None
        for child in tree.children[token]:
            if child > token and tree.roles[child] in ("preposition", "oblique", "nominal"):
                prepositions, noun = self._split_case(child)
                return (prepositions, noun) if prepositions and noun >= 0 else None
        return None

    def _extra_span(self, role: str, token: int, verb: int) -> Span:
        start, end = self.tree.span(token, _EXTRA_APART, verb)
        noun = self._split_case(token)[1]
        if role == "preposition" and noun > token:
            end = min(end, self.tree.span(noun, _EXTRA_APART, verb)[1])
        return start, end

    def _may_lead(self, clause: Clause, token: int) -> bool:
        return token > clause.verb or (self.rules.leads_before and token > max(clause.subjects))

    def _split_case(self, token: int) -> Tuple[List[int], int]:
        """The prepositions of a phrase, and its noun, -1 where there is none."""
        tree = self.tree
        if tree.roles[token] in ("oblique", "nominal") or tree.first(token, "case") is not None:
            return [child for child in tree.children[token] if tree.roles[child] == "case"], token
        phrase = [token]
        # Prepositions may be stacked, as in `out of the house`.
        while (noun := tree.first(phrase[-1], "prepositional_object")) is None:
            inner = tree.first(phrase[-1], "preposition")
            if inner is None or inner in phrase:
                return phrase, -1
            phrase.append(inner)
        return phrase, noun

    def _from_nouns(self) -> Iterator[Triple]:
        tree = self.tree
        for token, role in enumerate(tree.roles):
            if role not in _OF_NOUNS or tree.heads[token] == token:
                continue
            head = tree.heads[token]
            if role == "apposition":
                if tree.pos[token] in _NOUNS and tree.pos[head] in _NOUNS:
                    # "Ada, not a smith" denies what is in apposition; "not Ada, a smith" does not.
                    yield self._noun_triple(
                        "apposition", token, self._name(head, _WITHOUT_CASE), ("complement", self._name(token))
                    )
            elif role == "possessor" or (role == "nominal" and self._marked(token, "case", "genitive") is not None):
                yield from self._from_possessor(token, head)
            elif tree.words[token] == "of" and role in ("preposition", "case"):
                yield from self._from_agent(token)

    def _from_possessor(self, token: int, head: int) -> Iterator[Triple]:
        """`Ann's car` says that Ann has it; `Ann's sale of the car` says what she did."""
        tree = self.tree
        subject = tree.span(token, _WITHOUT_CASE, head)
        of = next((item for item in map(self._of_phrase, tree.children[head]) if item is not None), None)
        if of is not None:
            yield self._noun_triple("nominalisation", head, subject, ("object", tree.span(of[1], _WITHOUT_CASE)), of[0])
        elif tree.pos[token] in _NOUNS:
            edge = tree.right[token] if token < head else tree.left[token]
            owned = tree.span(head, APART | {"possessor"}, edge)
            yield self._noun_triple("possession", head, subject, ("object", owned))

    def _from_agent(self, of: int) -> Iterator[Triple]:
        """`the sale of the car by Ann`."""
        tree = self.tree
        phrase = of if tree.roles[of] == "preposition" else tree.heads[of]
        head = tree.heads[phrase]
        inner = self._of_phrase(phrase)
        if inner is None or head == phrase or tree.pos[head] not in _NOUNS:
            return
        # Parsers hang the agent on either noun.
        for child in (*tree.children[head], *tree.children[inner[1]]):
            prepositions, noun = self._split_case(child)
            if noun > of and any(tree.words[i] == "agent" for i in prepositions):
                spans = tree.span(noun, _WITHOUT_CASE), tree.span(inner[1], _WITHOUT_CASE, min(prepositions))
                yield self._noun_triple("nominalisation", head, spans[0], ("object", spans[1]), inner[0])

    def _of_phrase(self, token: int) -> Optional[Tuple[int, int]]:
        """The preposition and the noun of a phrase with `of`."""
        tree = self.tree
        if tree.roles[token] == "preposition" and tree.words[token] == "of":
            noun = tree.first(token, "prepositional_object")
            return None if noun is None else (token, noun)
        of = self._marked(token, "case", "of") if tree.roles[token] == "nominal" else None
        return None if of is None else (of, token)

    def _marked(self, token: int, role: str, word: str) -> Optional[int]:
        """The first child with a role and a class."""
        tree = self.tree
        for child in tree.children[token]:
            if tree.roles[child] == role and tree.words[child] == word:
                return child
        return None

    def _noun_triple(
        self, pattern: str, head: int, subject: Span, other: Tuple[str, Span], of: Optional[int] = None
    ) -> Triple:
        role, span = other
        return Triple(
            Argument(*subject, "subject"),
            () if of is None else (head, of),
            (Argument(*span, role),),
            "" if of is not None else self.rules.implied[pattern],
            pattern,
            self.polarity.read([head]),
            self.rules.confidence[pattern],
        )


def _place(item: Tuple[str, int]) -> int:
    return item[1]
