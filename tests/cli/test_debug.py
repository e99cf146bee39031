import json

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_vaedie.cli import app

from ..analysis.judged import ACME, ADA, PARIS
from ..analysis.test_corpus_check import other, text


@pytest.fixture
def data(tmp_path):
    docs = [text([(ADA, ACME, "FOUNDED", 1.0, "asserted")]), other("Ida", [(ADA, PARIS, "LIVES_IN")])]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "data.spacy")
    return tmp_path / "data.spacy"


def run(*arguments):
    return CliRunner().invoke(app, ["debug", *map(str, arguments)])


def test_warnings_do_not_fail(data, tmp_path):
    result = run(data, "--dev", data, "--json", tmp_path / "new" / "report.json")
    assert result.exit_code == 0, result.stdout
    words = ("Training data", "Development data", "FOUNDED", "PER > ORG (1)", "0-1", "path (steps)", "asserted")
    words += (
        "default",
        "EntityPairs.v2",
        "candidate recall 100.00 %",
        "2 of 2 relations",
        "Summary",
        "passed",
        "warnings",
    )
    for word in words:
        assert word in result.stdout
    report = srsly.read_json(tmp_path / "new" / "report.json")
    assert report["ok"]
    assert report["overlap"]["n_texts"] == 2


def test_errors_fail(tmp_path):
    DocBin(docs=[text([(ADA, ACME, "FOUNDED")], parsed=False)], store_user_data=True).to_disk(tmp_path / "data.spacy")
    result = run(tmp_path / "data.spacy")
    assert result.exit_code == 1
    assert "have no parse" in result.stdout
    assert "1 error" in result.stdout


def test_nothing_but_json_on_the_console(data):
    result = run(data, "--json", "-", "--min-examples", 1)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["n_warnings"] == 0
    assert report["train"]["labels"]["FOUNDED"]["n"] == 1


def test_the_gate_of_a_config(data, tmp_path):
    path = tmp_path / "config.cfg"
    block = '[components]\n[components.extractor]\nfactory = "extractor"\n[components.extractor.candidates]\n'
    path.write_text(f'{block}@misc = "spacy-vaedie.EntityPairs.v2"\ntypes = "learned"\nmax_path = 2\n', encoding="utf8")
    result = run(data, "--config", path)
    assert "Learned types: PER > LOC, PER > ORG" in result.stdout
    assert "candidate recall 50.00 %" in result.stdout


def test_failures_have_a_code_and_no_traceback(data, tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    cases = [([tmp_path / "nowhere.spacy"], "VE301"), ([data, "--model", tmp_path / "blank"], "VE452")]
    for arguments, code in cases:
        result = run(*arguments)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert code in result.stdout
    assert run(data, "--model", "a", "--config", "b").exit_code == 2
