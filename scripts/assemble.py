"""Put trained components on top of the pipeline that parsed their training data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, List

import numpy as np
import spacy
import typer
from spacy.language import Language
from wasabi import msg

from spacy_vaedie.cli.evaluate import entity_writers
from spacy_vaedie.errors import Errors
from spacy_vaedie.tokens.lexicon import TABLE


def main(
    base: Annotated[str, typer.Argument(help="Pipeline that parses, a name or a folder")],
    output: Annotated[Path, typer.Argument(help="Folder for the whole pipeline")],
    component: Annotated[List[str], typer.Option(help="NAME=FOLDER, a component and the trained pipeline that has it")],
) -> None:
    """Save the base pipeline with the components behind it, in their order. If one of them finds entities, the base's
    own entity recognizer is left out."""
    nlp = assemble(base, dict(item.split("=", 1) for item in component))
    nlp.to_disk(output)
    msg.good(f"Saved {', '.join(nlp.pipe_names)} to {output}")


def assemble(base: str, components: dict[str, str]) -> Language:
    """Put the pipeline together.

    base (str): Pipeline that parses, a name or a folder.
    components (dict[str, str]): Folder of the trained pipeline of each component.
    RETURNS (Language): The pipeline, with the word vectors and the lexicon that the components were trained with.
    RAISES (ValueError): VE320, VE322 where these are not those of the base or of another component.
    """
    nlp = spacy.load(base)
    trained = {folder: spacy.load(folder) for folder in dict.fromkeys(components.values())}
    for folder, pipeline in trained.items():
        take_vectors(nlp, pipeline, base, folder)
        take_lexicon(nlp, pipeline, base, folder)
    if any(name in entity_writers(trained[folder]) for name, folder in components.items()):
        for name in entity_writers(nlp):
            nlp.remove_pipe(name)
    for name, folder in components.items():
        nlp.add_pipe(name, source=trained[folder])
    return nlp


def take_vectors(nlp: Language, trained: Language, base: str, folder: str) -> None:
    """Give a pipeline without word vectors those of another one.

    nlp (Language): The pipeline.
    trained (Language): The other one.
    base (str): What the first is called in the error.
    folder (str): What the other one is called.
    RAISES (ValueError): VE320 where both have vectors and these differ.
    """
    vectors, present = trained.vocab.vectors, nlp.vocab.vectors
    # Not by their bytes, which depend on the order of the keys.
    same = vectors.key2row == present.key2row and np.array_equal(vectors.data, present.data)
    if not len(vectors) or same:
        return
    if len(present):
        raise ValueError(Errors.VE320.format(folder=folder, base=base))
    # All of them, since not every key of the vectors has its string.
    for text in trained.vocab.strings:
        nlp.vocab.strings.add(text)
    nlp.vocab.vectors = vectors


def take_lexicon(nlp: Language, trained: Language, base: str, folder: str) -> None:
    """Give a pipeline without a lexicon that of another one.

    nlp (Language): The pipeline.
    trained (Language): The other one.
    base (str): What the first is called in the error.
    folder (str): What the other one is called.
    RAISES (ValueError): VE322 where both have one and these differ.
    """
    lookups, present = trained.vocab.lookups, nlp.vocab.lookups
    if not lookups.has_table(TABLE):
        return
    if not present.has_table(TABLE):
        present.add_table(TABLE, lookups.get_table(TABLE))
    elif present.get_table(TABLE) != lookups.get_table(TABLE):
        raise ValueError(Errors.VE322.format(folder=folder, base=base))


if __name__ == "__main__":
    typer.run(main)
