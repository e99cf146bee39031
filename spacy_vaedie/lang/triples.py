"""Rules for open triples, as data: one JSON file a language, `data/triples_{lang}.json`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List, Mapping

import srsly
from spacy.strings import get_string_id

from ..errors import Errors

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, eq=False)
class TripleRules:
    """What a language and a dependency scheme say about triples. Words, labels and tags are hashes, as on a Doc.

    roles (Mapping[int, str]): Grammatical role of each dependency label.
    words (Mapping[int, str]): Class of each function word (lemma or lower-case form).
    tags (Mapping[int, str]): Voice of each fine-grained part of speech that tells it.
    implied (Mapping[str, str]): Word that the text leaves out, by pattern.
    confidence (Mapping[str, float]): Confidence of each kind of tuple, and the factor of each place of a clause.
    arguments (FrozenSet[str]): Roles whose words can be arguments behind the first one.
    leads_before (bool): Whether a preposition before the verb can belong to its phrase, as in `在北京工作`.
    """

    roles: Mapping[int, str]
    words: Mapping[int, str]
    tags: Mapping[int, str]
    implied: Mapping[str, str]
    confidence: Mapping[str, float]
    arguments: FrozenSet[str]
    leads_before: bool


def languages() -> List[str]:
    """RETURNS (List[str]): The languages that there are rules for."""
    return sorted(path.stem.removeprefix("triples_") for path in _DATA.glob("triples_*.json"))


@cache
def get_rules(lang: str) -> TripleRules:
    """Read the rules of a language.

    lang (str): Its code, e.g. `en`.
    RETURNS (TripleRules): The rules.
    RAISES (ValueError): VE005 for a language without rules.
    """
    if lang not in languages():
        options = ", ".join(languages())
        raise ValueError(Errors.VE005.format(value=lang, what="language with rules for triples", options=options))
    data = srsly.read_json(_DATA / f"triples_{lang}.json")
    # No label means one thing in one scheme and another in the next, so nothing has to be detected.
    roles = {hashed: role for labels in data["schemes"].values() for hashed, role in _by_hash(labels).items()}
    return TripleRules(
        roles=roles,
        words=_by_hash(data["words"]),
        tags=_by_hash(data["tags"]),
        implied=data["implied"],
        confidence=data["confidence"],
        arguments=frozenset(data["arguments"]),
        leads_before=data["lead"] == "both",
    )


def _by_hash(table: Mapping[str, Iterable[str]]) -> Dict[int, str]:
    return {get_string_id(text): name for name, texts in table.items() for text in texts}
