"""`spacy vaedie nearest-text`: raw text like that of a task, out of a big corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from wasabi import msg

from ..analysis.inspection import find_encoder
from ..analysis.nearest_text import NearTexts, nearest_text
from ..analysis.raw_docs import read_raw_docs
from ._app import app, coded_errors


@app.command("nearest-text")
def nearest_text_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline")],
    raw: Annotated[Path, typer.Argument(help="Corpus to search: .txt, .jsonl, .conllu or .spacy, or a folder of them")],
    task: Annotated[Path, typer.Argument(help="Documents of the task, of the same kinds")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL file to write the documents to")],
    n: Annotated[int, typer.Option("--n", "-n", help="How many documents to find", min=1)] = 1000,
    neighbours: Annotated[
        int, typer.Option("--neighbours", help="Average the distance over so many documents of the task", min=1)
    ] = 5,
) -> None:
    """Find the documents of a big corpus that are nearest to those of a task, by the latents of the VAE: raw text for
    its next training. Documents of the task themselves are left out.
    """
    with coded_errors():
        nlp = spacy.load(model)
        encoder = find_encoder(nlp, model)
        found = nearest_text(nlp, encoder, read_raw_docs(nlp, raw), read_raw_docs(nlp, task), n, neighbours=neighbours)
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_jsonl(output, ({"text": item.text, "distance": item.distance} for item in found.texts))
    print_found(found)
    msg.good(f"Saved {len(found.texts)} documents to {output}")


def print_found(found: NearTexts) -> None:
    """Print how many documents were read and left out, and how far the others are.

    found (NearTexts): The documents.
    """
    distances = [item.distance for item in found.texts]
    rows = [
        ("documents read", str(found.n_read)),
        ("left out, they are the task's own", str(found.n_in_task)),
        ("left out, kept already", str(found.n_repeated)),
        ("distance", f"{distances[0]:.3f} to {distances[-1]:.3f}"),
    ]
    if found.task_distance is not None:
        rows.append(("distance of the task's own, median", f"{found.task_distance:.3f}"))
    msg.table(rows, aligns=("l", "r"))
