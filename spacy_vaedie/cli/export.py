"""`spacy vaedie export`: annotated relations as a graph or a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, List, Optional

import typer
from wasabi import msg

from ..export import FORMATS, Filters, export_graph
from ..export.to_turtle import BASE_IRI
from ._app import app, coded_errors


@app.command("export")
def export_cli(
    path: Annotated[Path, typer.Argument(help="Annotated relations: .parquet, .jsonl, .csv, or a folder of one kind")],
    output: Annotated[Path, typer.Argument(help="File to write, for neo4j a folder")],
    to: Annotated[str, typer.Option("--to", "-t", help=f"Format: {', '.join(FORMATS)}")],
    min_score: Annotated[float, typer.Option("--min-score", help="Leave out relations that score less")] = 0.0,
    polarity: Annotated[
        Optional[List[str]], typer.Option("--polarity", help="Keep this polarity, and the undecided; may be repeated")
    ] = None,
    undecided: Annotated[
        bool, typer.Option("--undecided/--no-undecided", help="Keep relations whose polarity nobody decided")
    ] = True,
    label: Annotated[Optional[List[str]], typer.Option("--label", help="Keep this label; may be repeated")] = None,
    min_support: Annotated[int, typer.Option("--min-support", help="Leave out edges of fewer documents")] = 1,
    max_examples: Annotated[int, typer.Option("--max-examples", help="Sentences to keep for an edge")] = 3,
    max_documents: Annotated[int, typer.Option("--max-documents", help="Documents to name for an edge")] = 100,
    base_iri: Annotated[str, typer.Option("--base-iri", help="What the IRIs of turtle start with")] = BASE_IRI,
) -> None:
    """Aggregate annotated relations to a graph, and write it for other tools."""
    filters = Filters(min_score, polarity or (), undecided, label or (), min_support)
    with coded_errors():
        counts = export_graph(
            path,
            output,
            to,
            filters,
            max_examples=max_examples,
            max_documents=max_documents,
            base_iri=base_iri,
        )
    msg.good(f"Wrote {counts['nodes']} nodes and {counts['edges']} edges to {output}")
    msg.text(f"Relations: {counts['kept']} of {counts['read']} kept")
