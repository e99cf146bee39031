"""A graph as GraphML, written by NetworkX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

from ..errors import Errors
from ..training.files import replacing
from .files import REQUIREMENT, clean
from .graph import KnowledgeGraph, edge_rows, node_rows


def write_graphml(graph: KnowledgeGraph, path: Path, max_documents: int) -> None:
    """Write a graph as GraphML: nodes `n0`, `n1`, ..., edges `e0`, `e1`, ..., lists as JSON.

    graph (KnowledgeGraph): The graph.
    path (Path): The file.
    max_documents (int): Documents to name for an edge.
    RAISES (ImportError): VE901 where NetworkX is not installed.
    """
    try:
        import networkx
    except ImportError as error:
        message = Errors.VE901.format(thing="Writing GraphML", package="networkx", requirement=REQUIREMENT)
        raise ImportError(message) from error
    made = networkx.MultiDiGraph()
    for row in node_rows(graph):
        made.add_node(f"n{row.pop('id')}", **_scalars(row))
    for row in edge_rows(graph, max_documents):
        head, tail, key = (f"n{row.pop('head_id')}", f"n{row.pop('tail_id')}", f"e{row.pop('id')}")
        made.add_edge(head, tail, key=key, **_scalars(row))
    with replacing(path) as temporary:
        networkx.write_graphml_xml(made, temporary)


def _scalars(row: Dict[str, Any]) -> Dict[str, Any]:
    return {name: _scalar(value) for name, value in row.items()}


def _scalar(value: Any) -> Any:
    value = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return clean(value) if isinstance(value, str) else value
