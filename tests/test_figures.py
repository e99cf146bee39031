import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import srsly
import typer
from typer.testing import CliRunner, Result

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import figures  # noqa: E402
from _metrics import read_metrics, record, write_metrics  # noqa: E402

RECORDS = [
    record("macro_f1_official", "fused", [70.0, 72.0]),
    record("macro_f1_official", "baseline@10%", [66.04]),
    record("npmi", "fused", [0.1, 0.2, 0.3]),
]
TABLE = """\
| arm | macro_f1_official | npmi |
| --- | ---: | ---: |
| fused | 71.0 ± 1.4 (2) | 0.200 ± 0.100 (3) |
| baseline@10% | 66.0 (1) |  |
"""


def write_project(root: Path, page: str, records: List[Dict[str, Any]] = RECORDS) -> None:
    write_metrics(root / "metrics" / "few_labels.json", records, "spacy project run few-labels")
    (root / "docs").mkdir(exist_ok=True)
    (root / "README.md").write_text("# No tables\n")
    (root / "docs" / "figures.md").write_text(page)


def run_figures(root: Path, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(figures.main)
    return CliRunner().invoke(app, ["--root", str(root), *arguments])


def test_record() -> None:
    assert record("f", "a", [1.0, 3.0], split="dev") == {
        "figure": "f",
        "arm": "a",
        "split": "dev",
        "mean": 2.0,
        "std": pytest.approx(2**0.5),
        "n": 2,
    }
    assert record("f", "a", [5.0]) == {"figure": "f", "arm": "a", "split": "test", "mean": 5.0, "std": 0.0, "n": 1}


def test_write_and_read_metrics(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "few_labels.json"
    write_metrics(path, RECORDS, "make all")
    assert read_metrics(path)["records"] == RECORDS
    assert set(srsly.read_json(path)) == {"command", "commit", "records"}


@pytest.mark.parametrize("text", ["{", "[]", '{"command": "x", "records": []}', '{"command": "x", "records": [{}]}'])
def test_read_broken_metrics(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="VE303.*x.json"):
        read_metrics(path)


def test_tables_are_rebuilt(tmp_path: Path) -> None:
    page = "Before.\n<!-- figures:few-labels -->\nold | table\n<!-- /figures -->\nAfter.\n"
    write_project(tmp_path, page)
    outdated = run_figures(tmp_path, "--check")
    assert outdated.exit_code == 1
    assert "few_labels.json" in outdated.stdout
    assert "figures.md" in outdated.stdout
    assert "README.md" not in outdated.stdout
    assert not (tmp_path / "docs" / "figures").exists()
    assert (tmp_path / "docs" / "figures.md").read_text() == page

    assert run_figures(tmp_path).exit_code == 0
    text = (tmp_path / "docs" / "figures.md").read_text()
    assert text.startswith(f"Before.\n<!-- figures:few-labels -->\n{TABLE}\n")
    assert text.endswith("<!-- /figures -->\nAfter.\n")
    assert "`spacy project run few-labels`" in text
    assert "old" not in text
    copied = tmp_path / "docs" / "figures" / "few_labels.json"
    assert copied.read_bytes() == (tmp_path / "metrics" / "few_labels.json").read_bytes()
    assert run_figures(tmp_path, "--check").exit_code == 0


def test_tables_stand_on_tracked_figures_where_nothing_was_measured(tmp_path: Path) -> None:
    write_project(tmp_path, "<!-- figures:few_labels -->\n<!-- /figures -->\n")
    assert run_figures(tmp_path).exit_code == 0
    (tmp_path / "metrics" / "few_labels.json").unlink()
    assert run_figures(tmp_path, "--check").exit_code == 0
    page = tmp_path / "docs" / "figures.md"
    page.write_text(page.read_text().replace("71.0", "91.0"))
    assert run_figures(tmp_path, "--check").exit_code == 1


def test_new_figures_replace_old_ones(tmp_path: Path) -> None:
    page = "<!-- figures:few_labels -->\n<!-- /figures -->\n"
    write_project(tmp_path, page)
    assert run_figures(tmp_path).exit_code == 0
    write_project(tmp_path, page, [record("f1", "new", [50.0], split="dev"), record("f1", "new", [40.0])])
    assert run_figures(tmp_path).exit_code == 0
    text = (tmp_path / "docs" / "figures.md").read_text()
    assert "| arm | f1 (dev) | f1 (test) |" in text
    assert "| new | 50.0 (1) | 40.0 (1) |" in text


@pytest.mark.parametrize(
    ("page", "line", "reason"),
    [
        ("\n<!-- figures:nothing -->\n<!-- /figures -->\n", 2, "docs/figures/nothing.json"),
        ("<!-- figures:few_labels -->\ntext\n", 1, "no end"),
        ("text\n<!-- /figures -->\n", 2, "other half"),
        ("<!-- figures:few_labels -->\n<!-- figures:few_labels -->\n<!-- /figures -->\n", 2, "other half"),
    ],
)
def test_broken_markers(tmp_path: Path, page: str, line: int, reason: str) -> None:
    write_project(tmp_path, page)
    with pytest.raises(ValueError, match=rf"VE303.*figures.md, line {line}: .*{reason}"):
        figures.find_changes(tmp_path)
    result = run_figures(tmp_path)
    assert result.exit_code == 1
    assert "VE303" in result.stdout
    assert (tmp_path / "docs" / "figures.md").read_text() == page
