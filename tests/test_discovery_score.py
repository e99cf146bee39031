import json
import sys
from pathlib import Path

import pytest
import typer
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_vaedie.training.examples import predicted_copy

from .analysis.discovered import discovered_docs, make_pipeline

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import score_discovery  # noqa: E402


@pytest.fixture(scope="module")
def folder(en, tmp_path_factory):
    """Two seeds of one corpus, and its texts."""
    path = tmp_path_factory.mktemp("discovery")
    docs = discovered_docs(en)
    for seed in (0, 1):
        seed_folder = path / "vae" / f"seed-{seed}"
        seed_folder.mkdir(parents=True)
        make_pipeline(en, docs).to_disk(seed_folder / "model-best")
    DocBin(docs=docs, store_user_data=True).to_disk(path / "test.spacy")
    DocBin(docs=[predicted_copy(doc) for doc in docs]).to_disk(path / "raw.spacy")
    return path


def run(folder, texts, output):
    app = typer.Typer()
    app.command()(score_discovery.main)
    return CliRunner().invoke(
        app, [str(output), "--arm", f"facts={folder / 'vae'}", "--texts", texts, "--path-clusters", "3"]
    )


def test_arms(folder, tmp_path):
    result = run(folder, f"facts={folder / 'test.spacy'}", tmp_path / "m" / "discovery.json")
    assert result.exit_code == 0, result.output
    records = json.loads((tmp_path / "m" / "discovery.json").read_text())["records"]
    found = {(item["arm"], item["figure"]): (item["mean"], item["n"], item["split"]) for item in records}
    assert len(found) == 12
    # A person and a firm have two relations in this order, one in the other.
    assert found["types-facts", "b_cubed_precision"] == (pytest.approx(100 * 2 / 3), 2, "test")
    assert found["types-facts", "b_cubed_recall"] == (100, 2, "test")
    assert found["path-kmeans-facts", "b_cubed_f1"] == (100, 2, "test")
    assert found["fused-facts", "b_cubed_f1"][0] >= 80
    assert ("path-facts", "b_cubed_f1") in found


def test_nothing_to_score(folder, tmp_path):
    for texts, code in ((f"facts={folder / 'raw.spacy'}", "VE310"), (f"other={folder / 'test.spacy'}", "VE005")):
        result = run(folder, texts, tmp_path / "discovery.json")
        assert result.exit_code == 1
        assert code in result.output
    assert not (tmp_path / "discovery.json").exists()
