"""The simulated loop of labelling."""

import sys
from pathlib import Path

import spacy
import srsly
import typer
from spacy.tokens import DocBin
from typer.testing import CliRunner

from .test_few_labels import sentence

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import simulate_selection  # noqa: E402

TEXTS = [sentence(i) for i in range(60)]


def test_random_choice_is_without_repetition_and_follows_the_seed():
    found = []
    for seed in (0, 0, 1):
        chooser = simulate_selection.Chooser("random", seed, TEXTS)
        chooser.start(10)
        chooser.choose(Path("nowhere"), 20)
        chooser.choose(Path("nowhere"), 20)
        assert len(set(chooser.labelled)) == len(chooser.labelled) == 50
        found.append(chooser.labelled)
    assert found[0] == found[1] != found[2]


def test_both_ways_start_with_the_same_texts():
    choosers = [simulate_selection.Chooser(by, 3, TEXTS) for by in ("random", "uncertainty,novelty,diversity")]
    for chooser in choosers:
        chooser.start(10)
    assert choosers[0].labelled == choosers[1].labelled


def test_what_has_a_result_is_summed_up_and_not_run(tmp_path, monkeypatch):
    DocBin(docs=TEXTS, store_user_data=True).to_disk(tmp_path / "train.spacy")
    curves = {"random": [(100, 50.0), (150, 60.0), (200, 70.0)], "uncertainty": [(100, 50.0), (150, 65.0)]}

    def simulate(chooser, *rest):
        return curves[chooser.by.split(",")[0]]

    app = typer.Typer()
    app.command()(simulate_selection.main)
    arguments = [tmp_path, tmp_path / "vae", tmp_path / "work", tmp_path / "runs", tmp_path / "out.json", "--seeds=2"]
    monkeypatch.setattr(simulate_selection, "simulate", simulate)
    assert CliRunner().invoke(app, list(map(str, arguments))).exit_code == 0
    assert len(list((tmp_path / "runs").glob("selection-*.json"))) == 4
    # The second time nothing is run.
    monkeypatch.setattr(simulate_selection, "simulate", None)
    assert CliRunner().invoke(app, list(map(str, arguments))).exit_code == 0
    records = {item["arm"]: item for item in srsly.read_json(tmp_path / "out.json")["records"]}
    assert records["random"]["mean"] == 175.0
    assert records["selection"]["mean"] == 150.0
    assert records["selection"]["figure"] == "labels_to_65"


def test_copies_for_another_pipeline():
    vocab = spacy.blank("en").vocab
    docs = list(simulate_selection.unlabelled(TEXTS, [5, 3], vocab))
    assert [doc.text for doc in docs] == [TEXTS[5].text, TEXTS[3].text]
    assert all(doc.vocab is vocab and doc._.relations is None for doc in docs)
    assert [(ent.text, ent.label_) for ent in docs[0].ents] == [("Ada", "PER"), ("Bluefin", "ORG")]
    assert docs[0].has_annotation("DEP")
