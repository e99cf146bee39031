"""`spacy vaedie suggest-patterns`: patterns for `relation_ruler` from annotated documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from wasabi import msg

from ..analysis.suggest import Suggestions, suggest_patterns
from ..training.readers import create_relation_corpus
from ._app import app, coded_errors


@app.command("suggest-patterns")
def suggest_cli(
    data: Annotated[Path, typer.Argument(help="Annotated and parsed documents: a .spacy file, or a folder of them")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="JSONL file to write the patterns to")],
    min_support: Annotated[
        int, typer.Option("--min-support", help="Relations that a pattern must find, at least", min=1)
    ] = 2,
    min_precision: Annotated[
        float,
        typer.Option("--min-precision", help="Share of its matches that must carry its label", min=0.0, max=1.0),
    ] = 0.5,
    max_length: Annotated[
        int, typer.Option("--max-length", help="Tokens on a path, both arguments counted, at most", min=2)
    ] = 5,
    lang: Annotated[str, typer.Option("--lang", help="Language of the documents")] = "en",
) -> None:
    """Propose patterns for `relation_ruler`: the frequent dependency paths between heads and tails of each label, with
    their precision and support on the data. Edit the file, then give it to the ruler.
    """
    with coded_errors():
        examples = create_relation_corpus(data)(spacy.blank(lang))
        suggestions = suggest_patterns(
            (example.reference for example in examples),
            min_support=min_support,
            min_precision=min_precision,
            max_length=max_length,
        )
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_jsonl(output, suggestions.patterns)
    print_suggestions(suggestions)
    msg.good(f"Saved {len(suggestions.patterns)} patterns to {output}")


def print_suggestions(suggestions: Suggestions) -> None:
    """Print how much of the data the patterns cover.

    suggestions (Suggestions): The patterns.
    """
    labels = [pattern["label"] for pattern in suggestions.patterns]
    rows = [
        (label, labels.count(label), f"{suggestions.covered[label]} of {n}")
        for label, n in suggestions.relations.items()
    ]
    msg.table(rows, header=("label", "patterns", "relations found"), aligns=("l", "r", "r"))
    for reason, n in suggestions.left_out.items():
        msg.info(f"Relations without a pattern, {reason}: {n}")
