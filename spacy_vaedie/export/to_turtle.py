"""A graph as RDF, in Turtle. Terms are rdflib's; the file is streamed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple
from urllib.parse import quote

from ..errors import Errors
from ..tokens.relation import POLARITIES
from ..training.files import replacing
from .files import REQUIREMENT, clean
from .graph import UNDECIDED, KnowledgeGraph, edge_rows, node_rows

BASE_IRI = "http://example.org/"
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`]*")
_PROV = "http://www.w3.org/ns/prov#"


def write_turtle(graph: KnowledgeGraph, path: Path, max_documents: int, base_iri: str = BASE_IRI) -> None:
    """Write a graph as Turtle.

    Each edge is a plain triple, unless all that decided its polarity found it negated or hypothetical, and
    an `rdf:Statement` with its figures.

    graph (KnowledgeGraph): The graph.
    path (Path): The file.
    max_documents (int): Documents to name for an edge.
    base_iri (str): What the IRIs start with.
    RAISES (ImportError): VE901 where rdflib is not installed.
    RAISES (ValueError): VE438 where the base is no absolute IRI.
    """
    if not _IRI.fullmatch(base_iri):
        raise ValueError(Errors.VE438.format(value=base_iri))
    try:
        import rdflib
    except ImportError as error:
        message = Errors.VE901.format(thing="Writing Turtle", package="rdflib", requirement=REQUIREMENT)
        raise ImportError(message) from error
    rdf, rdfs = str(rdflib.RDF), str(rdflib.RDFS)
    schema = f"{base_iri}schema/"
    with replacing(path) as temporary, temporary.open("w", encoding="utf8", newline="\n") as file:
        for prefix, iri in (("rdf", rdf), ("rdfs", rdfs), ("prov", _PROV), ("schema", schema)):
            file.write(f"@prefix {prefix}: <{iri}> .\n")
        for subject, properties in _subjects(graph, max_documents, base_iri):
            for name, value in properties:
                is_iri = isinstance(value, _Iri)
                term = rdflib.URIRef(value) if is_iri else rdflib.Literal(clean(value) if _is_text(value) else value)
                file.write(f"<{subject}> {name} {term.n3()} .\n")


class _Iri(str):
    """An IRI, not a text."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _subjects(graph: KnowledgeGraph, max_documents: int, base: str) -> Iterator[Tuple[str, List[Tuple[str, Any]]]]:
    """YIELDS (Tuple[str, List[Tuple[str, Any]]]): The IRI of a subject, and its predicates with their objects."""
    nodes: List[_Iri] = []
    for row in node_rows(graph):
        node = _Iri(f"{base}entity/{_quote(row['label'])}/{_quote(row['normalised'])}")
        nodes.append(node)
        kind = [("rdf:type", _Iri(f"{base}type/{_quote(row['label'])}"))] if row["label"] else []
        forms = [("schema:form", form) for form in row["forms"]]
        types: List[Tuple[str, Any]] = [("rdf:type", _Iri(f"{base}schema/Entity")), *kind]
        yield node, [*types, ("rdfs:label", row["text"]), ("schema:count", row["count"]), *forms]
    for row in edge_rows(graph, max_documents):
        head, tail = nodes[row["head_id"]], nodes[row["tail_id"]]
        predicate = _Iri(f"{base}relation/{_quote(row['label'])}")
        # A statement that is only denied must not be read as true.
        if row["asserted"] or row[UNDECIDED]:
            yield head, [(f"<{predicate}>", tail)]
        yield _statement(row, head, predicate, tail, base)


def _statement(
    row: Dict[str, Any], head: _Iri, predicate: _Iri, tail: _Iri, base: str
) -> Tuple[str, List[Tuple[str, Any]]]:
    # The same edge of two exports is the same subject.
    digest = hashlib.sha256("\n".join((head, predicate, tail)).encode()).hexdigest()[:32]
    figures = ("count", "mean_score", "max_score", *POLARITIES, UNDECIDED, "n_documents")
    documents = [_Iri(f"{base}document/{_quote(name)}") for name in row["documents"]]
    return f"{base}statement/{digest}", [
        ("rdf:type", _Iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#Statement")),
        ("rdf:subject", head),
        ("rdf:predicate", predicate),
        ("rdf:object", tail),
        *((f"schema:{name}", row[name]) for name in figures),
        *(("schema:example", sentence) for sentence in row["sentences"]),
        *(("prov:wasDerivedFrom", document) for document in documents),
    ]


def _quote(text: str) -> str:
    return quote(text, safe="")
