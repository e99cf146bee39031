import sys
from pathlib import Path
from typing import Dict, Optional

import pytest
import spacy
import srsly
import typer
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner, Result

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import score_entities  # noqa: E402

NLP = spacy.blank("en")


def write_test_set(path: Path, *labels: str) -> None:
    """A text a label, with one entity each."""
    docs = DocBin(store_user_data=True)
    for i, label in enumerate(labels):
        doc = Doc(NLP.vocab, words=["It", "was", f"Name{i}", "."])
        doc.ents = [Span(doc, 2, 3, label=label)]
        docs.add(doc)
    docs.to_disk(path)


def write_seed(folder: Path, answers: Dict[str, str], seconds: Optional[str] = None) -> None:
    """A pipeline that knows some of the names."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": name} for name, label in answers.items()])
    folder.mkdir(parents=True)
    nlp.to_disk(folder / "model-best")
    if seconds is not None:
        (folder / "seconds.txt").write_text(seconds)


def run_score(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(score_entities.main)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def arms(tmp_path: Path) -> Path:
    write_test_set(tmp_path / "a.spacy", "PER", "ORG")
    write_test_set(tmp_path / "b.spacy", "PER")
    both = {"Name0": "PER", "Name1": "ORG"}
    write_seed(tmp_path / "latents-a-10" / "seed-0", both, "10")
    write_seed(tmp_path / "latents-a-10" / "seed-1", {"Name0": "PER"}, "20")
    write_seed(tmp_path / "own-a-10" / "seed-0", {"Name0": "ORG"})
    write_seed(tmp_path / "own-b-100" / "seed-0", both)
    return tmp_path


def test_each_arm_is_scored_on_its_corpus(arms: Path) -> None:
    result = run_score(
        str(arms / "metrics" / "entities.json"),
        f"--test=a={arms / 'a.spacy'}",
        f"--test=b={arms / 'b.spacy'}",
        f"--arm=latents-a@10%={arms / 'latents-a-10'}",
        f"--arm=own-a@10%={arms / 'own-a-10'}",
        f"--arm=own-b@100%={arms / 'own-b-100'}",
        "--command=make entities-seeds",
    )
    assert result.exit_code == 0, result.stdout
    metrics = srsly.read_json(arms / "metrics" / "entities.json")
    assert metrics["command"] == "make entities-seeds"
    records = {(item["arm"], item["figure"]): item for item in metrics["records"]}
    assert set(records) == {
        ("latents-a@10%", "entity_f1"),
        ("latents-a@10%", "seconds"),
        ("own-a@10%", "entity_f1"),
        ("own-b@100%", "entity_f1"),
    }
    # both found, then one of two
    f1 = records["latents-a@10%", "entity_f1"]
    assert f1["mean"] == pytest.approx((100 + 200 / 3) / 2)
    assert (f1["n"], f1["split"]) == (2, "test")
    assert records["latents-a@10%", "seconds"]["mean"] == 15
    # a wrong type is wrong
    assert records["own-a@10%", "entity_f1"]["mean"] == 0
    assert records["own-b@100%", "entity_f1"]["mean"] == 100
    assert "a, 10% of the labels: +83.33 F1 by the latents" in " ".join(result.stdout.split())
    assert "b, 100%" not in result.stdout


def test_failures_have_a_code(arms: Path) -> None:
    for test, arm, expected in [
        ("a", f"own-a@10%={arms / 'own-a-10'}", "VE005"),
        (f"a={arms / 'a.spacy'}", f"own-c@10%={arms / 'own-a-10'}", "own-c@10%"),
        (f"a={arms / 'a.spacy'}", f"own-a@10%={arms / 'gone'}", "VE301"),
        (f"a={arms / 'gone.spacy'}", f"own-a@10%={arms / 'own-a-10'}", "VE301"),
    ]:
        result = run_score(str(arms / "out.json"), "--test", test, "--arm", arm)
        assert result.exit_code == 1, arm
        assert expected in result.stdout
        assert not (arms / "out.json").exists()
