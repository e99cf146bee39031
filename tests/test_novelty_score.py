import sys
from pathlib import Path

import pytest
import spacy
import srsly
import typer
from typer.testing import CliRunner

from .pipeline.helpers import SMALL_VAE, TEXTS, raw_examples

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import score_novelty  # noqa: E402


def run_score(*arguments):
    app = typer.Typer()
    app.command()(score_novelty.main)
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    for seed in (0, 1):
        nlp = spacy.blank("en")
        nlp.add_pipe("vae_encoder", config={"model": {**SMALL_VAE["model"], "parse_layers": 0}})
        raw = raw_examples(nlp.tokenizer.pipe(TEXTS))
        optimizer = nlp.initialize(lambda raw=raw: raw)
        nlp.update(raw, sgd=optimizer)
        # Saving calibrates it on these texts.
        (folder / f"seed-{seed}").mkdir()
        nlp.to_disk(folder / f"seed-{seed}" / "model-best")
    (folder / "test.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf8")
    (folder / "other.txt").write_text("\n".join(["7 7 7 7 7 7 7 7 7"] * 4) + "\n", encoding="utf8")
    return folder


def test_each_choice_against_each_text(trained, tmp_path):
    output = tmp_path / "metrics" / "novelty.json"
    result = run_score(
        trained / "test.txt",
        output,
        f"--trained={trained}",
        f"--against=same={trained / 'test.txt'}",
        f"--against=other={trained / 'other.txt'}",
        "--command=make novelty",
    )
    assert result.exit_code == 0, result.output
    metrics = srsly.read_json(output)
    assert metrics["command"] == "make novelty"
    found = {item["arm"]: item for item in metrics["records"]}
    choices = ("BoundNovelty", "MahalanobisNovelty", "NeighbourNovelty")
    assert set(found) == {f"{choice} {kind}" for choice in choices for kind in ("same", "other")}
    assert all((item["figure"], item["n"]) == ("auroc", 2) for item in found.values())
    # A text is as novel as itself, in percent, and more or less novel than another one.
    assert all(found[f"{choice} same"]["mean"] == 50 for choice in choices)
    assert all(0 <= found[f"{choice} other"]["mean"] <= 100 for choice in choices)
    assert found["NeighbourNovelty other"]["mean"] > 90


def test_failures_have_a_code(trained, tmp_path):
    for folder, against in ((tmp_path, trained / "other.txt"), (trained, trained / "gone.txt")):
        result = run_score(
            trained / "test.txt", tmp_path / "out.json", f"--trained={folder}", f"--against=other={against}"
        )
        assert result.exit_code == 1
        assert "VE301" in result.output
        assert not (tmp_path / "out.json").exists()
