import re

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_vaedie.cli import app

from ..pipeline.helpers import SMALL_VAE, TEXTS, raw_examples

pytestmark = pytest.mark.filterwarnings(r"ignore:\[VW101\]")


@pytest.fixture(scope="module")
def model(en, tmp_path_factory):
    nlp = spacy.blank("en")
    examples = raw_examples(en.pipe(TEXTS))
    nlp.add_pipe("vae_encoder", config=SMALL_VAE).initialize(lambda: examples, nlp=nlp)
    nlp.to_disk(tmp_path_factory.getbasetemp() / "encoder")
    return tmp_path_factory.getbasetemp() / "encoder"


def run(*args):
    return CliRunner().invoke(app, ["annotate", *map(str, args)])


def test_annotate(model, tmp_path):
    srsly.write_jsonl(tmp_path / "a.jsonl", [{"body": text, "key": i} for i, text in enumerate([*TEXTS, ""])])
    options = ("--format", "jsonl", "--latents", "--text-field", "body", "--id-field", "key", "--part-docs", 5)
    for resumed in (False, True):
        result = run(model, tmp_path / "a.jsonl", "-o", tmp_path / "out", *options)
        assert result.exit_code == 0, result.output
        assert re.search(rf"documents +{len(TEXTS)}\b", result.output)
        assert "Not annotated: 1" in result.output
        assert ("read by earlier runs" in result.output) == resumed
    rows = [row for part in (0, 1) for row in srsly.read_jsonl(tmp_path / f"out/latents/part-0000{part}.jsonl")]
    assert [row["doc_id"] for row in rows] == [str(i) for i in range(len(TEXTS))]
    latents = [doc._.latent for doc in spacy.load(model).pipe(TEXTS)]
    for row, latent in zip(rows, latents, strict=True):
        assert row["mean"] == pytest.approx(latent.tolist(), abs=1e-5)


def test_errors_are_printed(model, tmp_path):
    result = run(model, tmp_path / "none.txt", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "VE301" in result.output
