"""A graph as a DuckDB file, with tables and views to ask."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator

from ..errors import Errors
from ..tokens.relation import POLARITIES
from ..training.files import replacing
from .files import REQUIREMENT
from .graph import UNDECIDED, Filters, KnowledgeGraph, edge_key, edge_rows, node_rows
from .tables import Mention

_FIGURES = ", ".join(f"{polarity} BIGINT" for polarity in (*POLARITIES, UNDECIDED))
_TABLES = {
    "entities": """id BIGINT PRIMARY KEY, "text" VARCHAR, label VARCHAR, normalised VARCHAR, "count" BIGINT,
        forms VARCHAR[]""",
    "relations": f"""id BIGINT PRIMARY KEY, head_id BIGINT, label VARCHAR, tail_id BIGINT, "count" BIGINT,
        mean_score DOUBLE, max_score DOUBLE, {_FIGURES}, n_documents BIGINT, documents VARCHAR[],
        sentences VARCHAR[]""",
    "mentions": """relation_id BIGINT, doc_id VARCHAR, head_text VARCHAR, tail_text VARCHAR, score DOUBLE,
        polarity VARCHAR, sentence VARCHAR""",
}
_VIEWS = """
CREATE VIEW strongest_relations AS
    SELECT relations.id AS relation_id, head."text" AS head, relations.label AS label, tail."text" AS tail,
        n_documents, relations."count" AS "count", mean_score, max_score
    FROM relations JOIN entities AS head ON head.id = head_id JOIN entities AS tail ON tail.id = tail_id
    ORDER BY n_documents DESC, mean_score DESC, relations.id;
CREATE VIEW entity_profile AS
    SELECT head.id AS entity_id, head."text" AS entity, head.label AS entity_label, 'head' AS role,
        relations.label AS label, tail."text" AS other, relations."count" AS "count", mean_score
    FROM relations JOIN entities AS head ON head.id = head_id JOIN entities AS tail ON tail.id = tail_id
    UNION ALL
    SELECT tail.id, tail."text", tail.label, 'tail', relations.label, head."text", relations."count", mean_score
    FROM relations JOIN entities AS head ON head.id = head_id JOIN entities AS tail ON tail.id = tail_id;
CREATE VIEW relations_by_document AS
    SELECT doc_id, head."text" AS head, relations.label AS label, tail."text" AS tail, score, polarity, sentence
    FROM mentions JOIN relations ON relations.id = relation_id
        JOIN entities AS head ON head.id = head_id JOIN entities AS tail ON tail.id = tail_id;
"""


def write_duckdb(
    graph: KnowledgeGraph, path: Path, max_documents: int, mentions: Iterable[Mention], filters: Filters
) -> None:
    """Write a graph as a DuckDB file with the tables `entities`, `relations` and `mentions` and three views.

    graph (KnowledgeGraph): The graph.
    path (Path): The file.
    max_documents (int): Documents to name for an edge. `mentions` names them all.
    mentions (Iterable[Mention]): What the graph was built from.
    filters (Filters): The filters it was built with.
    RAISES (ImportError): VE901 where DuckDB or PyArrow is not installed.
    """
    try:
        import duckdb
        import pyarrow  # noqa: F401
    except ImportError as error:
        package = error.name or "duckdb"
        message = Errors.VE901.format(thing="Writing DuckDB", package=package, requirement=REQUIREMENT)
        raise ImportError(message) from error
    with replacing(path) as temporary:
        connection = duckdb.connect(str(temporary))
        try:
            for name, columns in _TABLES.items():
                connection.execute(f"CREATE TABLE {name} ({columns})")
            _insert(connection, "entities", node_rows(graph))
            _insert(connection, "relations", edge_rows(graph, max_documents))
            _insert(connection, "mentions", _mention_rows(graph, mentions, filters))
            connection.execute(_VIEWS)
        finally:
            connection.close()


def _mention_rows(graph: KnowledgeGraph, mentions: Iterable[Mention], filters: Filters) -> Iterator[Dict[str, Any]]:
    ids = {key: number for number, key in enumerate(graph.edges)}
    columns = ("doc_id", "head_text", "tail_text", "score", "polarity", "sentence")
    for mention in mentions:
        number = ids.get(edge_key(mention)) if filters.keep(mention) else None
        if number is not None:
            yield {"relation_id": number, **{column: getattr(mention, column) for column in columns}}


def _insert(connection: Any, name: str, rows: Iterator[Dict[str, Any]]) -> None:
    import pyarrow

    # The types of the table, since a batch may be without any value of a column.
    text = pyarrow.string()
    types = {"BIGINT": pyarrow.int64(), "DOUBLE": pyarrow.float64(), "VARCHAR": text, "VARCHAR[]": pyarrow.list_(text)}
    described = connection.execute(f"DESCRIBE {name}").fetchall()
    schema = pyarrow.schema([(column, types[kind]) for column, kind, *_ in described])
    columns = ", ".join(f'"{column}"' for column in schema.names)
    while batch := list(islice(rows, 20000)):
        connection.register("batch", pyarrow.Table.from_pylist(batch, schema=schema))
        connection.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM batch")
        connection.unregister("batch")
