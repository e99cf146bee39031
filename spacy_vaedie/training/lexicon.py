"""Lexicons: files that give each word the names of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

from spacy.lookups import Lookups
from spacy.util import registry

from ..errors import Errors
from ..tokens.lexicon import TABLE
from .files import read_jsonl


@registry.misc("spacy-vaedie.Lexicon.v1")
def create_lexicon(path: Path) -> Lookups:
    """Read a lexicon, for the setting `lookups` in the block `[initialize]` of a training. It is saved with the
    pipeline.

    path (Path): A .jsonl or .jsonl.gz file. Each line is an object with `word`, a lemma as the pipeline
        gives it, and `classes`, a list of names. A word that stands on several lines has the classes of all of them.
    RETURNS (Lookups): One table, "word_classes".
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE303 for a line that is no such object, with its number, VE304 for a file without any.
    """
    found: Dict[str, List[str]] = {}
    for number, value in read_jsonl(Path(path)):
        if not is_entry(value):
            reason = 'not an object like {"word": "oak", "classes": ["tree", "plant"]}'
            raise ValueError(Errors.VE303.format(path=path, line=number, reason=reason))
        classes = found.setdefault(value["word"], [])
        classes.extend(name for name in dict.fromkeys(value["classes"]) if name not in classes)
    if not found:
        raise ValueError(Errors.VE304.format(path=path))
    lookups = Lookups()
    lookups.add_table(TABLE, found)
    return lookups


def is_entry(value: object) -> bool:
    """RETURNS (bool): Whether a JSON value is a line of a lexicon."""
    if not isinstance(value, dict):
        return False
    word, classes = value.get("word"), value.get("classes")
    return isinstance(word, str) and isinstance(classes, list) and all(isinstance(name, str) for name in classes)
