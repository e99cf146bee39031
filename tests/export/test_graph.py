import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import srsly

from spacy_vaedie.export.graph import Filters, build_graph
from spacy_vaedie.export.tables import read_mentions

COLUMNS = ("doc_id", "label", "head_text", "head_label", "tail_text", "tail_label", "score", "polarity", "sentence")
ROWS = [
    dict(zip(COLUMNS, values, strict=True))
    for values in [
        ("a", "MADE", "Ada", "PER", "=Firm", "ORG", 0.5, "asserted", "Ada made\n=Firm."),
        ("b", "MADE", "ADA", "PER", "=firm", "ORG", 1.0, None, 'ADA "made" it.'),
        ("b", "MADE", "Ada", "PER", "=Firm", "ORG", 0.9, "negated", "No."),
    ]
]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_aggregates(tmp_path, suffix):
    path = tmp_path / "relations" / f"part-0.{suffix}"
    path.parent.mkdir()
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif suffix == "jsonl":
        srsly.write_jsonl(path, ROWS)
    else:
        with path.open("w", encoding="utf8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(ROWS)
    graph = build_graph(read_mentions(tmp_path))
    (edge,) = graph.edges.values()
    assert (edge.count, edge.mean_score, edge.max_score) == (3, pytest.approx(0.8), 1.0)
    assert edge.polarities == {"asserted": 1, "undecided": 1, "negated": 1}
    assert list(edge.documents) == ["a", "b"]
    assert edge.sentences == [ROWS[i]["sentence"] for i in (1, 2, 0)]
    assert [node.text for node in graph.nodes.values()] == ["Ada", "=Firm"]
    (best,) = build_graph(read_mentions(tmp_path), Filters(min_score=0.95)).edges.values()
    assert best.count == 1


@pytest.mark.parametrize(("change", "code"), [({"score": "x"}, "VE432"), ({"label": ...}, "VE431")])
def test_dirty(tmp_path, change, code):
    row = {key: value for key, value in {**ROWS[0], **change}.items() if value is not ...}
    srsly.write_jsonl(tmp_path / "r.jsonl", [ROWS[1], row])
    with pytest.raises(ValueError, match=rf"{code}.*r\.jsonl.*line 2"):
        list(read_mentions(tmp_path / "r.jsonl"))
