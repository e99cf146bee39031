"""CaRB's tuples for open extraction: a sentence, a relation phrase and its arguments a line, with tabs between.

The words of a tuple need not stand in the sentence, so there are no spans, and no Doc can hold them: they are read for
scoring alone, and `spacy vaedie convert` does not know the format.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Tuple

from ...errors import Errors
from ..files import read_lines


@dataclass(frozen=True)
class OpenTuple:
    """A tuple as texts, words with spaces between.

    relation (str): The relation phrase.
    arguments (Tuple[str, ...]): The subject, then the objects.
    confidence (float): How far it can be trusted; that of an annotator is 1.0.
    """

    relation: str
    arguments: Tuple[str, ...]
    confidence: float = 1.0


def read_carb(path: Path) -> Dict[str, List[OpenTuple]]:
    """Read a file of CaRB: columns sentence, relation phrase, first argument, second argument and maybe more. An empty
    column at the end of a line is no argument.

    path (Path): The file, e.g. `gold/dev.tsv`.
    RETURNS (Dict[str, List[OpenTuple]]): The tuples of each sentence, the sentences in the order of the file.
    RAISES (ValueError): VE303 for a line without sentence, relation phrase and an argument, VE304 for an empty file.
    """
    found: Dict[str, List[OpenTuple]] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        sentence, *rest = [column.strip() for column in line.strip().split("\t")]
        if len(rest) < 2 or not sentence:
            reason = f"expected a sentence, a relation phrase and arguments, found {1 + len(rest)} column(s)"
            raise ValueError(Errors.VE303.format(path=path, line=number, reason=reason))
        found.setdefault(sentence, []).append(OpenTuple(rest[0], tuple(rest[1:])))
    if not found:
        raise ValueError(Errors.VE304.format(path=path))
    return found
