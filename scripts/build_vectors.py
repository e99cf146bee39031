"""Put two tables of word vectors side by side: that of an English pipeline, which is wide but gives thousands of words
the vector of another one, and GloVe's, which is narrow and tells them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, List, Tuple

import numpy as np
import pyarrow.parquet as pq
import spacy
import typer
from numpy.typing import NDArray
from spacy.vectors import Vectors

Floats = NDArray[np.float32]


def main(
    pipeline: Annotated[Path, typer.Argument(help="Pipeline with vectors")],
    glove: Annotated[Path, typer.Argument(help="Folder with words of GloVe, the most frequent first, and vectors")],
    output: Annotated[Path, typer.Argument(help="Where to save a pipeline with the joined vectors")],
    n_words: Annotated[int, typer.Option(help="Keep the most frequent words only")] = 100_000,
) -> None:
    """Save a pipeline without components. A word has one vector, whether in lower case, capitalized or in capitals."""
    words, narrow = read_glove(glove, n_words)
    source = spacy.load(pipeline).vocab
    wide = np.asarray([source.get_vector(word) for word in words], dtype="float32")
    nlp = spacy.blank(source.lang)
    rows = np.concatenate([scaled(wide), scaled(narrow)], axis=1)
    vectors = Vectors(strings=nlp.vocab.strings, data=rows, name="joined")
    for row, word in enumerate(words):
        for form in (word, word.capitalize(), word.upper()):
            # In the order of their frequency: "Us" is found as "us", "US" too.
            if form not in vectors:
                vectors.add(form, row=row)
    nlp.vocab.vectors = vectors
    nlp.to_disk(output)
    typer.echo(f"{len(words)} words with {rows.shape[1]} numbers each in {output}")


def read_glove(folder: Path, n_words: int) -> Tuple[List[str], Floats]:
    """Read GloVe.

    folder (Path): With one `.parquet`, the words, and one `.npy`, the vectors, in one order.
    n_words (int): How many to read, the most frequent first.
    RETURNS (Tuple[List[str], Floats]): Words, and vectors. *Shape:* (n_words, width)
    """
    (index,), (table,) = folder.glob("*.parquet"), folder.glob("*.npy")
    words: Any = pq.read_table(index)["index"].slice(0, n_words).to_pylist()
    return words, np.load(table, mmap_mode="r")[:n_words].astype("float32")


def scaled(rows: Floats) -> Floats:
    """RETURNS (Floats): The rows, so that a number of a word that is known has a variance of one."""
    known = np.any(rows != 0, axis=1)
    deviation: Floats = rows / rows[known].std()
    return deviation


if __name__ == "__main__":
    typer.run(main)
