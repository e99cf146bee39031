"""Reading clauses off a parse: which words are predicates, and who does what to whom.

Nothing here climbs without a bound or follows an arc twice, so cyclic and headless parses give fewer clauses, never an
error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Set, Tuple

from spacy.symbols import ADJ  # type: ignore[attr-defined]

from ..lang.triples import TripleRules
from .tree import VERBS, Tree

Argument = Tuple[str, int]

SUBJECT_ROLES = frozenset(("subject", "passive_subject"))
IN_PHRASE = frozenset(("auxiliary", "passive_auxiliary", "negation", "particle", "copula"))
_INHERITING = frozenset(("conjunct", "adverbial_clause", "prepositional_clause"))
_CLAUSAL = _INHERITING | frozenset(
    ("root", "clause", "open_clause", "relative", "participle", "subject", "side_clause", "other_clause")
)
_CORE = frozenset(("object", "indirect", "complement", "clause"))
_AUXILIARIES = frozenset(("auxiliary", "passive_auxiliary"))
_MAKES_CLAUSE = SUBJECT_ROLES | {"copula"}
# What a verb that reports speech does not have.
_NO_SPEECH = frozenset(("passive_auxiliary", "copula"))
_EXTRA = frozenset(("preposition", "agent", "oblique", "adverb", "adverbial_clause", "open_clause"))


@dataclass(slots=True)
class Clause:
    """A predicate with its arguments, as heads of them.

    verb (int): The predicate.
    pattern (str): Where the clause stands: `main`, or the role of its verb where the subject stands outside of it.
    subjects (List[int]): Who or what it is said of, coordinated ones apart.
    passive (bool): Whether it is in the passive.
    phrase (List[int]): Tokens of the relation phrase.
    core (List[Tuple[str, int]]): Objects and complements, with their roles.
    extra (List[Tuple[str, int]]): Prepositional phrases, adverbs and the like, with their roles.
    implied (str): Word of the phrase that the text leaves out.
    """

    verb: int
    pattern: str
    subjects: List[int]
    passive: bool = False
    phrase: List[int] = field(default_factory=list)
    core: List[Argument] = field(default_factory=list)
    extra: List[Argument] = field(default_factory=list)
    implied: str = ""


class ClauseReader:
    """Reads the clauses of a Doc.

    tree (Tree): Its parse.
    rules (TripleRules): The rules of its language.
    """

    def __init__(self, tree: Tree, rules: TripleRules) -> None:
        self.tree = tree
        self.rules = rules
        self._subjects: Dict[int, Tuple[List[int], bool]] = {}
        self._chained: Set[int] = set()
        self._predicates = _find_predicates(tree)

    def read(self) -> List[Clause]:
        """RETURNS (List[Clause]): The clauses that have a subject, in text order."""
        clauses = [self._read_clause(token) for token, found in enumerate(self._predicates) if found]
        # A verb that another one drew into its phrase may have been read before.
        return [item for item in clauses if item is not None and item.verb not in self._chained]

    def is_predicate(self, token: int) -> bool:
        """RETURNS (bool): Whether a token is the head of a clause."""
        return self._predicates[token]

    def subjects(self, verb: int) -> Tuple[List[int], bool]:
        """RETURNS (Tuple[List[int], bool]): Heads of the subject, and whether it stands outside of the clause."""
        way: List[int] = []
        current: Optional[int] = verb
        found: List[int] = []
        while current is not None and not found:
            if current in self._subjects:
                found = self._subjects[current][0]
                break
            # In a cycle, the way ends where it began.
            self._subjects[current] = ([], False)
            way.append(current)
            found, outside, current = self._find_subjects(current)
            self._subjects[way[-1]] = (found, outside)
        for token in way:
            if found and not self._subjects[token][0]:
                self._subjects[token] = (found, True)
        return self._subjects[verb]

    def _find_subjects(self, verb: int) -> Tuple[List[int], bool, Optional[int]]:
        """The subject, whether it stands outside of the clause, and the verb to ask where there is none."""
        tree = self.tree
        role, head = tree.roles[verb], tree.heads[verb]
        own = [child for child in tree.children[verb] if tree.roles[child] in SUBJECT_ROLES]
        if own and tree.words[own[0]] != "relative":
            return tree.conjuncts(own[0]), False, None
        if role == "relative" or (role == "participle" and tree.voices[verb]):
            return [head], True, None
        if own:
            return [], False, None
        if role == "open_clause":
            objects = [child for child in tree.children[head] if tree.roles[child] in ("object", "indirect")]
            return objects[-1:], True, head
        if role == "prepositional_clause":
            head = tree.heads[head]
        return [], False, head if role in _INHERITING and self.is_predicate(head) else None

    def _read_clause(self, verb: int) -> Optional[Clause]:
        tree = self.tree
        if verb in self._chained:
            return None
        subjects, outside = self.subjects(verb)
        if not subjects:
            return None
        clause = Clause(verb, tree.roles[verb] if outside else "main", subjects)
        self._collect(clause, verb)
        if tree.first(verb, "copula") is not None and verb not in clause.phrase:
            clause.core.insert(0, ("complement", verb))
        elif tree.roles[verb] == "participle" and tree.voices[verb] == "passive":
            clause.passive, clause.implied = True, self.rules.implied.get("passive", "")
        if tree.roles[verb] == "relative":
            self._add_antecedent(clause)
        elif tree.roles[verb] == "conjunct":
            self._share_auxiliaries(clause)
        clause.extra = [item for item in clause.extra if not self._is_relative(item[1])]
        if not clause.core:
            self._share_object(clause)
        clause.phrase.sort()
        return clause

    def _collect(self, clause: Clause, verb: int) -> None:
        """Add a verb, and the verbs of the chain that starts with it (`wants to buy`)."""
        chained: Optional[int] = verb
        while chained is not None and chained not in clause.phrase:
            verb = chained
            if verb != clause.verb:
                self._chained.add(verb)
            chained = self._collect_one(clause, verb)
            if chained is not None or self.tree.first(verb, "copula") is None:
                clause.phrase.append(verb)

    def _collect_one(self, clause: Clause, verb: int) -> Optional[int]:
        """Add what stands with a verb. Gives the next verb of the chain."""
        tree = self.tree
        chained = None
        for child in tree.children[verb]:
            role = tree.roles[child]
            if self._is_in_phrase(child, verb):
                clause.phrase.append(child)
                clause.passive |= role == "passive_auxiliary"
            elif role == "passive_subject":
                clause.passive = True
            elif role == "subject" and clause.passive:
                # Some treebanks write the agent behind `被` as a second subject.
                clause.extra.append(("agent", child))
            elif role == "indirect" and tree.first(child, "prepositional_object") is not None:
                clause.extra.append(("preposition", child))
            elif role in _CORE:
                inner = tree.first(child, "open_clause") if role == "complement" and tree.pos[child] == ADJ else None
                if inner is not None and tree.pos[inner] in VERBS:
                    # `is able to buy` is a chain, too.
                    clause.phrase.append(child)
                    chained = inner
                elif role != "clause" or self._is_said(child, verb):
                    clause.core.append((role, child))
            elif role == "open_clause" and tree.pos[child] not in VERBS:
                clause.core.append(("complement", child))
            elif role == "open_clause" and not clause.core and not self._has_subject(child):
                chained = child
            elif role in _EXTRA and self._is_extra(child, verb):
                clause.extra.append((role, child))
        return chained

    def _is_in_phrase(self, child: int, verb: int) -> bool:
        role, word = self.tree.roles[child], self.tree.words[child]
        if role == "marker":
            return word == "infinitive" or child == verb + 1
        return role in IN_PHRASE or (role == "adverb" and (word == "negation" or self._is_inside(child, verb)))

    def _is_extra(self, child: int, verb: int) -> bool:
        """With a copula, what stands between it and its noun, or behind, is a part of what is said: `is almost ready`,
        `is home to many`."""
        tree = self.tree
        copula = tree.first(verb, "copula")
        if copula is None:
            return True
        role = tree.roles[child]
        return not (copula < child < verb if role == "adverb" else child > verb and role in ("preposition", "oblique"))

    def _has_subject(self, verb: int) -> bool:
        return any(self.tree.roles[child] in SUBJECT_ROLES for child in self.tree.children[verb])

    def _is_said(self, clause: int, verb: int) -> bool:
        """Whether a clause is the object of a verb. What stands before it, as in `"...", he said`, may as well be a
        sentence of its own."""
        tree = self.tree
        if clause > verb:
            return True
        gap = range(tree.right[clause] + 1, verb)
        others = any(tree.roles[i] in _CORE or tree.roles[i] in _NO_SPEECH for i in tree.children[verb] if i != clause)
        return not others and not any(tree.words[i] == "stop" for i in gap)

    def _is_inside(self, adverb: int, verb: int) -> bool:
        """Whether an adverb stands right before its verb, as in `has quickly grown`."""
        tree = self.tree
        if adverb > verb or tree.left[adverb] != adverb or tree.right[adverb] != adverb:
            return False
        copula = tree.first(verb, "copula")
        if copula is not None and copula < adverb:
            return False
        between = range(adverb + 1, verb)
        return all(tree.heads[i] == verb and (tree.roles[i] in IN_PHRASE or tree.roles[i] == "adverb") for i in between)

    def _add_antecedent(self, clause: Clause) -> None:
        """The noun of a relative clause is its object where it is not its subject."""
        tree = self.tree
        antecedent = tree.heads[clause.verb]
        if antecedent in clause.subjects:
            return
        core = [(role, antecedent if tree.words[child] == "relative" else child) for role, child in clause.core]
        if not core and not any(role == "preposition" or self._is_relative(i) for role, i in clause.extra):
            core = [("object", antecedent)]
        clause.core = core

    def _is_relative(self, token: int) -> bool:
        """Whether a phrase is a relative pronoun or adverb, as in `where`, `in which`: it names nothing itself."""
        tree = self.tree
        last = tree.right[token]
        return tree.words[last] in ("relative", "relative_adverb") and last - token <= 1

    def _share_auxiliaries(self, clause: Clause) -> None:
        """In `was sold and renamed`, the auxiliary belongs to both."""
        tree = self.tree
        verb, head = clause.verb, tree.heads[clause.verb]
        if clause.phrase[0] != verb or clause.pattern == "main" or tree.voices[verb] != tree.voices[head]:
            return
        shared = [i for i in tree.children[head] if i < head and tree.roles[i] in _AUXILIARIES]
        if tree.voices[verb] == "passive" and shared:
            clause.phrase.extend(shared)
            clause.passive |= any(tree.roles[i] == "passive_auxiliary" for i in shared)

    def _share_object(self, clause: Clause) -> None:
        """In `buys and sells houses`, the object that stands with the last verb belongs to both."""
        tree = self.tree
        other = tree.first(clause.verb, "conjunct")
        if other is None or tree.pos[other] not in VERBS or any(i > clause.verb for _, i in clause.extra):
            return
        between = range(clause.verb + 1, other)
        if all(tree.roles[i] in ("coordinator", "punctuation") for i in between):
            clause.core = [("object", i) for i in tree.children[other] if tree.roles[i] == "object"]


def _find_predicates(tree: Tree) -> List[bool]:
    """Whether each token is a verb of a clause, or has a copula, or has a subject and the role of a clause."""
    roles, heads = tree.roles, tree.heads
    found = [role in _CLAUSAL and pos in VERBS for role, pos in zip(roles, tree.pos, strict=True)]
    for token, role in enumerate(roles):
        if role in _MAKES_CLAUSE:
            head = heads[token]
            if head != token and (role == "copula" or roles[head] in _CLAUSAL):
                found[head] = True
    return found
