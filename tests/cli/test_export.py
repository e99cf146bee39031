import networkx
import srsly
from typer.testing import CliRunner

from spacy_vaedie.cli import app

from ..export.test_graph import ROWS


def test_export(tmp_path):
    srsly.write_jsonl(tmp_path / "r.jsonl", ROWS)
    output = tmp_path / "new" / "g.graphml"
    arguments = ["export", str(tmp_path / "r.jsonl"), str(output), "--to", "graphml"]
    filters = [
        "--min-score",
        "0.4",
        "--polarity",
        "asserted",
        "--no-undecided",
        "--label",
        "MADE",
        "--min-support",
        "1",
    ]
    result = CliRunner().invoke(app, [*arguments, *filters])
    assert result.exit_code == 0, result.output
    assert "1 of 3" in result.output
    (count,) = (count for *_, count in networkx.read_graphml(output).edges(data="count"))
    assert count == 1
    result = CliRunner().invoke(app, [*arguments, "--min-score", "2"])
    assert result.exit_code == 1
    assert "VE433" in result.output
