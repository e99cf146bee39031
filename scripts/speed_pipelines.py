"""Put together the two pipelines whose speed is compared: the base with its entity recognizer, and the same with
`vae_encoder` and `extractor` behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import spacy
import typer


def main(
    base: Annotated[str, typer.Argument(help="Base pipeline, with entity recognition")],
    trained: Annotated[Path, typer.Argument(help="Trained pipeline with the two pipes")],
    output: Annotated[Path, typer.Argument(help="Folder for `base` and `whole`")],
) -> None:
    """Save both pipelines. Without entities the extractor would have nothing to do."""
    output.mkdir(parents=True, exist_ok=True)
    nlp = spacy.load(base)
    nlp.to_disk(output / "base")
    source = spacy.load(trained)
    for name in ("vae_encoder", "extractor"):
        nlp.add_pipe(name, source=source)
    nlp.to_disk(output / "whole")


if __name__ == "__main__":
    typer.run(main)
