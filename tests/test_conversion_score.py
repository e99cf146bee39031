import sys
from pathlib import Path

import pytest
import srsly
import typer
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import score_conversion  # noqa: E402

from spacy_vaedie.training.converters import ConversionReport  # noqa: E402
from spacy_vaedie.training.converters.annotation import DISCONTINUOUS, NO_TOKENS  # noqa: E402


def run(data_root: Path, output: Path):
    app = typer.Typer()
    app.command()(score_conversion.main)
    return CliRunner().invoke(app, [str(data_root), str(output)])


def test_what_does_not_add_up_is_told() -> None:
    report = ConversionReport(relations_read=1000, relations_written=990)
    assert score_conversion.find_problems(report) == ["10 relations are neither written nor counted as lost"]
    report.relations_lost.update({DISCONTINUOUS: 5, NO_TOKENS: 5})
    assert score_conversion.find_problems(report) == []
    report.relations_lost.update({DISCONTINUOUS: -1, NO_TOKENS: 1})
    assert "0.60 % of the relations are lost" in score_conversion.find_problems(report)[0]
    records = {item["figure"]: item["mean"] for item in score_conversion.make_records("set", report)}
    assert records[f"lost: {NO_TOKENS}"] == 6
    assert records["loss_share"] == 0.6


def test_files_of_a_set_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '1\t"The <e1>frost</e1> split the <e2>pipe</e2>."\nCause-Effect(e1,e2)\n\n'
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(text)
    data_set = score_conversion.DataSet("tiny", "semeval", "en", ("a.txt", "b.txt"))
    monkeypatch.setattr(score_conversion, "DATA_SETS", (data_set,))
    result = run(tmp_path, tmp_path / "metrics.json")
    assert result.exit_code == 0, result.output
    found = {item["figure"]: item["mean"] for item in srsly.read_json(tmp_path / "metrics.json")["records"]}
    assert (found["relations_in"], found["relations_out"], found["texts"]) == (2, 2, 2)
    assert run(tmp_path / "gone", tmp_path / "metrics.json").exit_code == 1


@pytest.mark.slow
def test_public_sets(data_root: Path, tmp_path: Path) -> None:
    result = run(data_root, tmp_path / "metrics.json")
    assert result.exit_code == 0, result.output
