import sys
from pathlib import Path

import srsly
import typer
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import score_polarity  # noqa: E402


def test_a_wrong_answer_counts(tmp_path: Path) -> None:
    records = list(srsly.read_jsonl(ROOT / "tests" / "data" / "polarity.jsonl"))
    english = [item for item in records if item["lang"] == "en"][:2]
    chinese = [item for item in records if item["lang"] == "zh"][:1]
    english[0]["polarity"] = "hypothetical"
    srsly.write_jsonl(tmp_path / "some.jsonl", [*english, *chinese])
    app = typer.Typer()
    app.command()(score_polarity.main)
    result = CliRunner().invoke(app, [str(tmp_path / "some.jsonl"), str(tmp_path / "metrics.json")])
    assert result.exit_code == 0, result.stdout
    found = srsly.read_json(tmp_path / "metrics.json")["records"]
    means = {(item["figure"], item["arm"]): item["mean"] for item in found}
    assert means == {("right", "en"): 50, ("sentences", "en"): 2, ("right", "zh"): 100, ("sentences", "zh"): 1}
