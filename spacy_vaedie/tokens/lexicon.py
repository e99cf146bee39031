"""The lexicon of a vocabulary: what the words of a batch are kinds of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.tokens import Doc

from ..errors import Errors
from .dependency import Parse

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

# The table of `nlp.vocab.lookups`: a word's lemma, and the names of its classes.
TABLE = "word_classes"


@dataclass(frozen=True, eq=False)
class WordClasses:
    """The classes of the words of a batch.

    words (Hashes): The words that have any, in order. *Shape:* (n_words,)
    classes (Hashes): Hashed names of their classes, grouped by word. *Shape:* (n,)
    firsts (Ints): First place of each word's. *Shape:* (n_words,)
    lengths (Ints): How many each word has. *Shape:* (n_words,)
    """

    words: Hashes
    classes: Hashes
    firsts: Ints
    lengths: Ints


NO_CLASSES = WordClasses(*(np.zeros(0, dtype=kind) for kind in ("uint64", "uint64", "int64", "int64")))


def read_word_classes(docs: Sequence[Doc], parse: Parse) -> WordClasses:
    """Look up the words of a batch.

    docs (Sequence[Doc]): The batch.
    parse (Parse): The same.
    RETURNS (WordClasses): The classes of its words.
    RAISES (ValueError): VE227 if the vocabulary has no table of classes.
    """
    if not docs:
        return NO_CLASSES
    lookups = docs[0].vocab.lookups
    if not lookups.has_table(TABLE):
        raise ValueError(Errors.VE227.format(table=TABLE))
    table = lookups.get_table(TABLE)
    names: Dict[int, List[str]] = {word: table[word] for word in np.unique(parse.words).tolist() if word in table}
    lengths = np.array([len(classes) for classes in names.values()], dtype="int64")
    return WordClasses(
        words=np.array(list(names), dtype="uint64"),
        classes=np.array([get_string_id(name) for classes in names.values() for name in classes], dtype="uint64"),
        firsts=np.cumsum(lengths) - lengths,
        lengths=lengths,
    )
