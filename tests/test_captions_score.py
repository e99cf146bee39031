import math
import sys
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
import typer
from spacy.util import fix_random_seed
from typer.testing import CliRunner

from .pipeline.helpers import SMALL_VAE, TEXTS, raw_examples
from .pipeline.test_generation import GRU, LANGUAGE_MODEL

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import score_captions  # noqa: E402


def write_seed(folder, seconds=None, objective=None, texts=TEXTS):
    """A pipeline that was trained for a moment."""
    nlp = spacy.blank("en")
    config = {"model": {**SMALL_VAE["model"], "parse_layers": 0, "decoder": GRU}}
    nlp.add_pipe("vae_encoder", config=config if objective is None else {**config, "objective": objective})
    raw = raw_examples(nlp.tokenizer.pipe(texts))
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: raw)
    nlp.update(raw, sgd=optimizer)
    folder.mkdir(parents=True)
    nlp.to_disk(folder / "model-best")
    if seconds is not None:
        (folder / "seconds.txt").write_text(seconds)


def run_score(*arguments):
    app = typer.Typer()
    app.command()(score_captions.main)
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arms")
    write_seed(folder / "vae" / "seed-0", "10")
    write_seed(folder / "vae" / "seed-1", "20", texts=TEXTS[:4])
    write_seed(folder / "lm" / "seed-0", objective=LANGUAGE_MODEL)
    (folder / "test.txt").write_text("\n".join([*TEXTS[:4], "Zyx wvu."]) + "\n", encoding="utf8")
    return folder


def test_both_arms(arms, tmp_path):
    output = tmp_path / "metrics" / "captions.json"
    command = "--command=spacy project run captions ."
    result = run_score(
        arms / "test.txt", output, f"--arm=vae={arms / 'vae'}", f"--arm=lm={arms / 'lm'}", "--samples=3", command
    )
    assert result.exit_code == 0, result.output
    metrics = srsly.read_json(output)
    assert metrics["command"] == "spacy project run captions ."
    found = {(item["arm"], item["figure"]): item for item in metrics["records"]}
    likelihood = {"nll_iw", "perplexity", "unknown_words"}
    # The language model has no latents, and its time was not taken.
    assert {figure for arm, figure in found if arm == "lm"} == likelihood
    assert {figure for arm, figure in found if arm == "vae"} == likelihood | {
        "active_units",
        "mutual_information",
        "seconds",
    }
    assert [item["n"] for key, item in found.items() if key[0] == "vae"] == [2] * 6
    assert found["vae", "seconds"]["mean"] == 15
    assert 0 <= found["vae", "active_units"]["mean"] <= 4
    assert 0 <= found["vae", "mutual_information"]["mean"] <= math.log(5)
    # Two of all tokens are not in the vocabulary of the arm that knows all other texts.
    n_tokens = sum(len(spacy.blank("en")(text)) for text in (arms / "test.txt").read_text().splitlines())
    assert found["lm", "unknown_words"]["mean"] == pytest.approx(100 * 2 / n_tokens)
    # Nats a text, and the same a word and an end of each text.
    nats = 5 * found["lm", "nll_iw"]["mean"] / (n_tokens + 5)
    assert found["lm", "perplexity"]["mean"] == pytest.approx(np.exp(nats), rel=1e-4)


def test_failures_have_a_code(arms, tmp_path):
    for test, arm, code in (
        (arms / "test.txt", f"vae={arms / 'gone'}", "VE301"),
        (arms / "gone.txt", f"vae={arms / 'vae'}", "VE301"),
        (arms / "test.txt", "vae", "VE005"),
    ):
        result = run_score(test, tmp_path / "out.json", "--arm", arm, "--samples=1")
        assert result.exit_code == 1
        assert code in result.output
        assert not (tmp_path / "out.json").exists()
