"""The simulated loop of labelling."""

import sys
from pathlib import Path

import pytest
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


@pytest.fixture
def simulated(tmp_path, monkeypatch):
    """The command, with curves that are given in place of trainings."""
    for part in ("train", "dev", "test"):
        DocBin(docs=TEXTS, store_user_data=True).to_disk(tmp_path / f"{part}.spacy")
    app = typer.Typer()
    app.command()(simulate_selection.main)
    arguments = [tmp_path, tmp_path / "work", tmp_path / "runs", tmp_path / "out.json", "--seeds=2"]

    def run(curves):
        def simulate(chooser, *rest):
            found = curves[chooser.by.split(",")[0]]
            if found is None:
                raise RuntimeError("the disk is full")
            return found

        monkeypatch.setattr(simulate_selection, "simulate", simulate if curves else None)
        result = CliRunner().invoke(app, list(map(str, arguments)))
        records = srsly.read_json(tmp_path / "out.json")["records"] if (tmp_path / "out.json").exists() else []
        return result, {(item["figure"], item["arm"]): item["mean"] for item in records}

    return run


def test_what_has_a_result_is_summed_up_and_not_run(simulated, tmp_path):
    curves = {"random": [(100, 50.0), (150, 60.0), (200, 70.0)], "uncertainty": [(100, 50.0), (150, 65.0)]}
    assert simulated(curves)[0].exit_code == 0
    assert len(list((tmp_path / "runs").glob("selection-*.json"))) == 4
    # The second time nothing is run.
    result, found = simulated(None)
    assert result.exit_code == 0, result.output
    assert found == {
        ("reached_65", "random"): 100.0,
        ("reached_65", "selection"): 100.0,
        ("labels_to_65", "random"): 175.0,
        ("labels_to_65", "selection"): 150.0,
        ("fewer_labels", "selection"): pytest.approx(100 / 7),
    }


def test_a_curve_that_never_gets_there_does_not_count_as_if_it_had(simulated):
    curves = {"random": [(100, 50.0), (150, 60.0)], "uncertainty": [(100, 50.0), (150, 65.0)]}
    result, found = simulated(curves)
    assert found == {
        ("reached_65", "random"): 0.0,
        ("reached_65", "selection"): 100.0,
        ("labels_to_65", "selection"): 150.0,
    }
    assert "was not reached with 150 labels, but 60.0" in " ".join(result.output.split())


def test_the_others_go_on_where_a_curve_fails(simulated, tmp_path):
    result, found = simulated({"random": [(100, 70.0)], "uncertainty": None})
    assert result.exit_code == 1
    assert "2 runs failed" in result.output
    assert "the disk is full" in " ".join(result.output.split())
    assert found == {("reached_65", "random"): 100.0, ("labels_to_65", "random"): 100.0}


@pytest.mark.parametrize("stopped_in", [1, 2, 3])
def test_a_stopped_loop_loses_one_round(tmp_path, stopped_in):
    trained = []

    def train_and_score(chooser, folder):
        trained.append(list(chooser.labelled))
        if len(trained) == stopped_in:
            raise KeyboardInterrupt
        return float(len(chooser.labelled))

    def start():
        chooser = simulate_selection.Chooser("random", 1, TEXTS)
        return simulate_selection.simulate(chooser, tmp_path / "run", train_and_score, (10, 5, 4), 100.0)

    with pytest.raises(KeyboardInterrupt):
        start()
    curve = start()
    assert curve == [(10, 10.0), (15, 15.0), (20, 20.0), (25, 25.0)]
    # The round in which it was stopped is the only one that was done twice, with the same texts.
    assert len(trained) == 5
    assert trained[stopped_in - 1] == trained[stopped_in]
    assert trained[-1] == trained_at_once()


def trained_at_once():
    chooser = simulate_selection.Chooser("random", 1, TEXTS)
    chooser.start(10)
    for _ in range(3):
        chooser.choose(Path("nowhere"), 5)
    return chooser.labelled


def test_each_seed_has_an_encoder_of_its_own(simulated, tmp_path, monkeypatch):
    trained = []

    def train(folder, config, settings):
        trained.append((config, settings))
        (folder / "model-last").mkdir(parents=True)

    monkeypatch.setattr(simulate_selection, "train", train)
    loop = simulate_selection.Loop(tmp_path, tmp_path / "work", tmp_path / "runs", None, (10, 5, 4), 65.0)
    first, again, other = (loop.encoder(seed) for seed in (0, 0, 1))
    assert first == again != other
    assert [(config, settings["system.seed"]) for config, settings in trained] == [("vae.cfg", 0), ("vae.cfg", 1)]
    assert all(settings["paths.train"] == str(tmp_path / "train.spacy") for _, settings in trained)


def test_copies_for_another_pipeline():
    vocab = spacy.blank("en").vocab
    docs = list(simulate_selection.unlabelled(TEXTS, [5, 3], vocab))
    assert [doc.text for doc in docs] == [TEXTS[5].text, TEXTS[3].text]
    assert all(doc.vocab is vocab and doc._.relations is None for doc in docs)
    assert [(ent.text, ent.label_) for ent in docs[0].ents] == [("Ada", "PER"), ("Bluefin", "ORG")]
    assert docs[0].has_annotation("DEP")
