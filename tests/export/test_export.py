"""What is exported, read back with the public libraries."""

import csv
import json
import re
import sys
from pathlib import Path

import duckdb
import networkx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rdflib
import srsly

from spacy_vaedie.export import FORMATS, Filters, build_graph, export_graph, read_mentions

from .test_graph import COLUMNS, ROWS

DIRTY = [
    ("c;1", "part of", 'Say "A"; B', "A;B", "x\x00\x0by\nz", "", 0.2, "negated", "Line\none; \"two\" \\ 'three'"),
    ("d", "", "\ud800 half", "PER", "√2 </node>", "ORG", 0.3, "hypothetical", "\ufffe<&>"),
    ("d", "MADE", "Ada", "PER", "Ada", "PER", 0.7, None, ""),
    ("e", "MADE", "Ada", "PER", "=Firm", "PLACE", 0.7, "asserted", ""),
]
ALL = [*ROWS, *(dict(zip(COLUMNS, values, strict=True)) for values in DIRTY)]
# Edges: Ada-Firm of three relations, and one each.
N_NODES, N_EDGES = 7, 5


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ALL), encoding="utf8")
    return path


def export(source, to, keep=False, **settings):
    output = source.with_name(f"out.{to}")
    counts = export_graph(source, output, to, **settings)
    assert counts == {"read": 7, "kept": 7, "nodes": N_NODES, "edges": N_EDGES}
    assert keep or sorted(path.name for path in source.parent.iterdir()) == sorted([source.name, output.name])
    return output


def test_graphml(source):
    graph = networkx.read_graphml(export(source, "graphml"), force_multigraph=True)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (N_NODES, N_EDGES)
    assert sum(count for *_, count in graph.edges(data="count")) == 7
    assert {key for *_, key in graph.edges(keys=True)} == {f"e{i}" for i in range(N_EDGES)}
    assert graph.nodes["n0"]["text"] == "Ada"
    first = graph.edges["n0", "n1", "e0"]
    assert json.loads(first["documents"]) == ["a", "b"]
    assert json.loads(first["sentences"])[0] == 'ADA "made" it.'
    assert (first["asserted"], first["negated"], first["undecided"], first["n_documents"]) == (1, 1, 1, 2)
    assert graph.nodes["n3"]["text"] == "x\ufffd y z"


def test_turtle(source):
    graph = rdflib.Graph().parse(export(source, "turtle", base_iri="http://a.b/c#"), format="turtle")
    base = "http://a.b/c#"
    schema = rdflib.Namespace(f"{base}schema/")
    statements = list(graph.subjects(rdflib.RDF.type, rdflib.RDF.Statement))
    assert len(statements) == N_EDGES
    assert len(list(graph.subjects(rdflib.RDF.type, schema.Entity))) == N_NODES
    assert sum(int(count) for one in statements for count in graph.objects(one, schema["count"])) == 7
    plain = [predicate for predicate in graph.predicates() if str(predicate).startswith(f"{base}relation/")]
    # What is only denied, or supposed, is no plain triple.
    assert len(plain) == N_EDGES - 2
    ada = rdflib.URIRef(f"{base}entity/PER/ada")
    made = rdflib.URIRef(f"{base}relation/MADE")
    assert (ada, made, rdflib.URIRef(f"{base}entity/ORG/%3Dfirm")) in graph
    prov = rdflib.URIRef("http://www.w3.org/ns/prov#wasDerivedFrom")
    assert rdflib.URIRef(f"{base}document/c%3B1") in set(graph.objects(None, prov))
    assert rdflib.Literal("Ada made\n=Firm.") in set(graph.objects(None, schema.example))


def test_neo4j(source):
    folder = export(source, "neo4j")
    tables = {}
    for name in ("nodes", "relationships"):
        text = (folder / f"{name}.csv").read_text(encoding="utf8")
        tables[name] = list(csv.DictReader(text.splitlines()))
        assert len(text.splitlines()) == len(tables[name]) + 1
    nodes, edges = tables["nodes"], tables["relationships"]
    assert (len(nodes), len(edges)) == (N_NODES, N_EDGES)
    assert {edge[end] for edge in edges for end in (":START_ID", ":END_ID")} == {node["id:ID"] for node in nodes}
    assert sum(int(edge["count:long"]) for edge in edges) == 7
    assert {node[":LABEL"] for node in nodes} == {"Entity;PER", "Entity;ORG", "Entity;A_B", "Entity", "Entity;PLACE"}
    assert {edge[":TYPE"] for edge in edges} == {"MADE", "part of", "RELATED"}
    assert json.loads(edges[1]["sentences"]) == [DIRTY[0][-1]]


def test_duckdb(source):
    path = export(source, "duckdb")
    export(source, "duckdb")  # What is there is replaced.
    with duckdb.connect(str(path), read_only=True) as connection:

        def ask(sql):
            return connection.execute(sql).fetchall()

        counts = [ask(f"SELECT count(*) FROM {name}")[0][0] for name in ("entities", "relations", "mentions")]
        assert counts == [N_NODES, N_EDGES, 7]
        grouped = 'SELECT id, "count" FROM relations EXCEPT SELECT relation_id, count(*) FROM mentions GROUP BY 1'
        assert ask(grouped) == []
        assert ask("SELECT head, label, tail, n_documents FROM strongest_relations")[0] == ("Ada", "MADE", "=Firm", 2)
        profile = "SELECT role, count(*) FROM entity_profile WHERE entity = 'Ada' GROUP BY 1 ORDER BY 1"
        assert ask(profile) == [("head", 3), ("tail", 1)]
        assert ask("SELECT head, tail, score FROM relations_by_document WHERE doc_id = 'a'") == [("Ada", "=Firm", 0.5)]
        assert ask("SELECT documents FROM relations WHERE id = 0") == [(["a", "b"],)]


def test_examples_of_the_docs(source):
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf8")
    (sql,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    (sparql,) = re.findall(r"```sparql\n(.*?)```", page, re.DOTALL)
    with duckdb.connect(str(export(source, "duckdb")), read_only=True) as connection:
        assert [row[:3] for row in connection.execute(sql).fetchall()] == [("Ada", "MADE", "=Firm")]
    graph = rdflib.Graph().parse(export(source, "turtle", keep=True), format="turtle")
    (row,) = graph.query(sparql)
    assert [str(value) for value in row[:2]] == ["Ada", "=Firm"]


@pytest.mark.parametrize("to", FORMATS)
def test_no_more_than_so_many_documents(source, to):
    path = export(source, to, max_documents=0)
    if to == "graphml":
        assert {found for *_, found in networkx.read_graphml(path).edges(data="documents")} == {"[]"}
    elif to == "turtle":
        assert "wasDerivedFrom" not in path.read_text(encoding="utf8")


STEPS = [
    [Filters(min_score=score) for score in (0, 0.25, 0.5, 0.8, 0.95)],
    [Filters(min_support=n) for n in (1, 2, 3)],
    [Filters(), Filters(polarities=["asserted", "negated"]), Filters(polarities=["asserted"])],
    [Filters(), Filters(undecided=False), Filters(polarities=["asserted"], undecided=False)],
    [Filters(), Filters(labels=["MADE", "part of"]), Filters(labels=["part of"]), Filters(labels=["none"])],
]


@pytest.mark.parametrize("steps", STEPS)
def test_stricter_filters_keep_less(source, steps):
    graphs = [build_graph(read_mentions(source), filters) for filters in steps]
    for more, less in zip(graphs, graphs[1:], strict=False):
        assert set(less.nodes) <= set(more.nodes)
        assert all(edge.count <= more.edges[key].count for key, edge in less.edges.items())
        total_more, total_less = (sum(edge.count for edge in graph.edges.values()) for graph in (more, less))
        assert total_less < total_more
    for graph in graphs:
        assert set(graph.nodes) == {end for head, _, tail in graph.edges for end in (head, tail)}


def test_undecided_ones_stay_with_a_polarity(source):
    def found(**settings):
        edges = build_graph(read_mentions(source), Filters(**settings)).edges.values()
        return {polarity for edge in edges for polarity in edge.polarities}

    assert found(polarities=["asserted"]) == {"asserted", "undecided"}
    assert found(polarities=["asserted"], undecided=False) == {"asserted"}
    assert found(polarities=["undecided"]) == {"undecided"}


def test_examples_are_the_best(tmp_path):
    rows = [{**ROWS[0], "score": score, "sentence": text} for score, text in zip((2, 9, 4, 7, 8), "abcba", strict=True)]
    srsly.write_jsonl(tmp_path / "r.jsonl", rows)
    (edge,) = build_graph(read_mentions(tmp_path / "r.jsonl"), max_examples=2).edges.values()
    assert edge.sentences == ["b", "a"]


@pytest.mark.parametrize(
    ("to", "settings", "code"),
    [
        ("graphml", {"filters": Filters(min_score=2)}, "VE433"),
        ("xml", {}, "VE436"),
        ("graphml", {"filters": Filters(polarities=["assertd"])}, "VE436"),
        ("turtle", {"base_iri": "no iri"}, "VE438"),
        ("graphml", {"filters": Filters(min_support=0)}, "VE107"),
        ("graphml", {"filters": Filters(min_score=float("nan"))}, "VE107"),
    ],
)
def test_refused(source, to, settings, code):
    with pytest.raises(ValueError, match=code):
        export_graph(source, source.with_name("out"), to, **settings)
    assert list(source.parent.iterdir()) == [source]


def test_output_of_another_kind(source):
    with pytest.raises(ValueError, match="VE437"):
        export_graph(source, source.parent, "duckdb")
    with pytest.raises(ValueError, match="VE439"):
        export_graph(source, source, "neo4j")


@pytest.mark.parametrize(("to", "package"), [("graphml", "networkx"), ("turtle", "rdflib"), ("duckdb", "duckdb")])
def test_missing_package_is_named(source, monkeypatch, to, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"VE901.*{package}.*spacy-vaedie\[export\]"):
        export_graph(source, source.with_name("out"), to)


def test_long_cells(tmp_path):
    limit = csv.field_size_limit()
    with (tmp_path / "r.csv").open("w", encoding="utf8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerow({**ROWS[0], "sentence": "x" * 200_000})
    (mention,) = read_mentions(tmp_path / "r.csv")
    assert len(mention.sentence) == 200_000
    assert csv.field_size_limit() == limit


def test_damaged_parquet(tmp_path):
    path = tmp_path / "r.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"VE435.*r\.parquet"):
        list(read_mentions(path))


def test_one_format_a_folder(tmp_path):
    srsly.write_jsonl(tmp_path / "r.jsonl", ROWS)
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "r.parquet")
    with pytest.raises(ValueError, match=r"VE434.*jsonl, parquet"):
        list(read_mentions(tmp_path))
