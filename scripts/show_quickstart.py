"""Print what the quickstart measured and found, and how to load its pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _arms import print_records
from _metrics import read_metrics
from wasabi import msg


def main(
    metrics: Annotated[Path, typer.Argument(help="The metrics")],
    folder: Annotated[Path, typer.Argument(help="Folder with sentences.txt, relations.html and model-best")],
) -> None:
    """Print scores and sentences."""
    msg.divider("Test sentences: = found, - missed, + found but not annotated")
    typer.echo((folder / "sentences.txt").read_text(encoding="utf8"))
    msg.divider("Scores on the test set")
    print_records(read_metrics(metrics)["records"])
    msg.good(f"The same sentences with the relations as arcs: {folder / 'relations.html'}")
    msg.good("The trained pipeline, in three lines of Python:")
    typer.echo(f'\nimport spacy\nnlp = spacy.load("{folder / "model-best"}")\nprint(nlp("...")._.relations)\n')


if __name__ == "__main__":
    typer.run(main)
