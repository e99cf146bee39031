"""Knowledge out: from annotated relations to an aggregated graph."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, Optional

from ..errors import Errors, check_range
from ..tokens.relation import POLARITIES
from .graph import UNDECIDED, Filters, KnowledgeGraph, build_graph
from .tables import Mention, read_mentions
from .to_duckdb import write_duckdb
from .to_graphml import write_graphml
from .to_neo4j import write_neo4j
from .to_turtle import BASE_IRI, write_turtle

__all__ = ["FORMATS", "Filters", "KnowledgeGraph", "build_graph", "export_graph", "read_mentions"]

FORMATS = ("graphml", "turtle", "neo4j", "duckdb")


def export_graph(
    path: Path,
    output: Path,
    to: str,
    filters: Optional[Filters] = None,
    *,
    max_examples: int = 3,
    max_documents: int = 100,
    base_iri: str = BASE_IRI,
) -> Dict[str, int]:
    """Aggregate annotated relations to a graph, and write it.

    path (Path): What batch annotation wrote, or a .parquet, .jsonl or .csv file of relations.
    output (Path): The file to write, for `neo4j` the folder. What was there is replaced.
    to (str): `graphml`, `turtle`, `neo4j` or `duckdb`.
    filters (Optional[Filters]): What to leave out, or nothing.
    max_examples (int): Sentences to keep for an edge.
    max_documents (int): Documents to name for an edge.
    base_iri (str): What the IRIs of `turtle` start with.
    RETURNS (Dict[str, int]): How many relations were `read` and `kept`, and the `nodes` and `edges` they make.
    RAISES (ValueError): VE107 for a setting out of range, VE303, VE431, VE432, VE434 or VE435 for input that cannot be
        read, VE433 where nothing passes, VE436 for an unknown format or polarity, VE437 or VE439 where the
        output is a folder or a file and must not be, VE438 for a base that is no absolute IRI.
    RAISES (ImportError): VE901 where a package that the format needs is not installed.
    """
    filters = Filters() if filters is None else filters
    _check_settings(to, filters, max_examples, max_documents)
    _check_output(output, to)
    read = 0

    def counted() -> Iterator[Mention]:
        nonlocal read
        for mention in read_mentions(path):
            read += 1
            yield mention

    graph = build_graph(counted(), filters, max_examples)
    if not graph.edges:
        raise ValueError(Errors.VE433.format(path=path, n=read))
    if to == "graphml":
        write_graphml(graph, output, max_documents)
    elif to == "turtle":
        write_turtle(graph, output, max_documents, base_iri)
    elif to == "neo4j":
        write_neo4j(graph, output, max_documents)
    else:
        write_duckdb(graph, output, max_documents, read_mentions(path), filters)
    kept = sum(edge.count for edge in graph.edges.values())
    return {"read": read, "kept": kept, "nodes": len(graph.nodes), "edges": len(graph.edges)}


_NAMES = (*POLARITIES, UNDECIDED)


def _check_settings(to: str, filters: Filters, max_examples: int, max_documents: int) -> None:
    check_range("export", -float("inf"), min_score=filters.min_score)
    check_range("export", 1, min_support=filters.min_support)
    check_range("export", 0, max_examples=max_examples, max_documents=max_documents)
    for what, values, options in (("format", [to], FORMATS), ("polarity", filters.polarities, _NAMES)):
        for value in values:
            if value not in options:
                raise ValueError(Errors.VE436.format(what=what, value=value, options=", ".join(options)))


def _check_output(path: Path, to: str) -> None:
    if to == "neo4j" and path.exists() and not path.is_dir():
        raise ValueError(Errors.VE439.format(path=path))
    if to != "neo4j" and path.is_dir():
        raise ValueError(Errors.VE437.format(path=path))
