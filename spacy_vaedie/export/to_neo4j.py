"""A graph as the CSV files that Neo4j imports at once."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Dict, Iterable

from ..tokens.relation import POLARITIES
from ..training.files import replacing
from .files import clean
from .graph import UNDECIDED, KnowledgeGraph, edge_rows, node_rows

_NODES = {
    "id": "id:ID",
    "text": "text",
    "label": "label",
    "normalised": "normalised",
    "count": "count:long",
    "forms": "forms",
    "labels": ":LABEL",
}
_EDGES = {
    "head_id": ":START_ID",
    "tail_id": ":END_ID",
    "type": ":TYPE",
    "count": "count:long",
    "mean_score": "mean_score:double",
    "max_score": "max_score:double",
    **{polarity: f"{polarity}:long" for polarity in (*POLARITIES, UNDECIDED)},
    "n_documents": "n_documents:long",
    "documents": "documents",
    "sentences": "sentences",
}


def write_neo4j(graph: KnowledgeGraph, path: Path, max_documents: int) -> None:
    """Write `nodes.csv` and `relationships.csv`. Lists are JSON, so that no delimiter can stand in them.

    graph (KnowledgeGraph): The graph.
    path (Path): The folder.
    max_documents (int): Documents to name for an edge.
    """
    nodes = ({**row, "labels": _labels(row["label"])} for row in node_rows(graph))
    # Neo4j has no relation without a type.
    edges = ({**row, "type": row["label"] or "RELATED"} for row in edge_rows(graph, max_documents))
    _write(path / "nodes.csv", _NODES, nodes)
    _write(path / "relationships.csv", _EDGES, edges)


def _labels(label: str) -> str:
    # A semicolon stands between labels.
    return f"Entity;{label.replace(';', '_')}" if label else "Entity"


def _write(path: Path, columns: Dict[str, str], rows: Iterable[Dict[str, Any]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns.values())
        for row in rows:
            writer.writerow([_cell(row[column]) for column in columns])


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = json.dumps(value, ensure_ascii=False)
    # The import reads a line break as the end of a row.
    return " ".join(clean(value).split()) if isinstance(value, str) else value
