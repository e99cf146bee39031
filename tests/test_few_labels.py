"""The study of few labels: what is run on what, and how it is summed up."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import spacy
import srsly
import typer
from spacy.tokens import Doc, DocBin, Span
from spacy.training.initialize import init_nlp
from spacy.util import registry
from thinc.api import Config
from typer.testing import CliRunner

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.examples import predicted_copy
from spacy_vaedie.training.files import read_docbin
from spacy_vaedie.training.sampling import choose_share, relation_labels
from spacy_vaedie.training.text_keys import text_key

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import _digests  # noqa: E402
import _few_labels as few_labels  # noqa: E402
import _trainings  # noqa: E402
import _work_folder  # noqa: E402
import _workers  # noqa: E402
import prepare_few_labels  # noqa: E402
import run_few_labels  # noqa: E402
import score_few_labels  # noqa: E402
from _metrics import read_metrics  # noqa: E402

VOCAB = spacy.blank("en").vocab


def sentence(number):
    """Each fourth one is unrelated, each second of the others is turned around."""
    doc = Doc(
        VOCAB,
        ["Ada", f"w{number}", "Bluefin", "."],
        heads=[1, 1, 1, 1],
        deps=["nsubj", "ROOT", "dobj", "punct"],
        pos=["PROPN", "VERB", "PROPN", "PUNCT"],
        tags=["NNP", "VBD", "NNP", "."],
        lemmas=["Ada", f"w{number}", "Bluefin", "."],
    )
    doc.ents = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "ORG")]
    head, tail = Argument(0, 1, "PER"), Argument(2, 3, "ORG")
    doc._.relations = [] if number % 4 == 0 else [Relation(*((head, tail) if number % 2 else (tail, head)), "R")]
    return doc


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for name, numbers in (("train", range(200)), ("dev", range(200, 220)), ("test", range(220, 240))):
        DocBin(docs=map(sentence, numbers), store_user_data=True).to_disk(folder / f"{name}.spacy")
    return folder


def run(script, *arguments):
    app = typer.Typer()
    app.command()(script.main)
    return CliRunner().invoke(app, list(map(str, arguments)))


def read(path):
    return list(read_docbin(path, VOCAB))


def test_shares_are_nested_and_balanced(corpus, tmp_path):
    assert run(prepare_few_labels, corpus, tmp_path, "--seeds", 2).exit_code == 0
    texts = {}
    for seed in (0, 1):
        docs = {share: read(tmp_path / f"seed-{seed}" / f"labelled-{share}.spacy") for share in (5, 10, 30, 100)}
        assert [len(found) for found in docs.values()] == [10, 20, 60, 200]
        texts[seed] = {share: {doc.text for doc in found} for share, found in docs.items()}
        assert texts[seed][5] < texts[seed][10] < texts[seed][30] < texts[seed][100]
        counts = {}
        for doc in docs[10]:
            counts[relation_labels(doc)] = counts.get(relation_labels(doc), 0) + 1
        assert counts == {(): 5, ("R >",): 10, ("R <",): 5}
    assert texts[0][10] != texts[1][10]


def test_raw_text_is_half_of_the_texts_and_none_of_the_labelled_ones(corpus, tmp_path):
    run(prepare_few_labels, corpus, tmp_path, "--seeds", 1)
    raw = read(tmp_path / "seed-0" / "raw.spacy")
    assert len(raw) == 100
    labelled = {doc.text for doc in read(tmp_path / "seed-0" / "labelled-30.spacy")}
    assert not labelled & {doc.text for doc in raw}
    assert all(doc._.relations is None and len(doc.ents) == 2 and doc.has_annotation("DEP") for doc in raw)
    for part in ("dev", "test"):
        found, given = read(tmp_path / f"{part}.spacy"), read(corpus / f"{part}.spacy")
        assert [(doc.text, doc._.relations) for doc in found] == [(doc.text, doc._.relations) for doc in given]


def test_raw_text_holds_nothing_that_models_are_scored_on(corpus, tmp_path):
    docs = read(corpus / "train.spacy")
    whole = prepare_few_labels.raw(docs, [10], 0)
    held_out = {text_key(doc.text) for doc in whole[:3]}
    left = prepare_few_labels.raw(docs, [10], 0, held_out)
    assert [doc.text for doc in left] == [doc.text for doc in whole[3:]]
    # The command takes dev and test set for them.
    leaky = shutil.copytree(corpus, tmp_path / "leaky")
    DocBin(docs=docs[:150], store_user_data=True).to_disk(leaky / "test.spacy")
    run(prepare_few_labels, leaky, tmp_path / "out", "--seeds", 1)
    test, raw = (read(tmp_path / "out" / path) for path in ("test.spacy", "seed-0/raw.spacy"))
    assert raw
    assert not {doc.text for doc in test} & {doc.text for doc in raw}


def test_labelled_texts_that_models_are_scored_on_are_counted(corpus, tmp_path):
    leaky = shutil.copytree(corpus, tmp_path / "leaky")
    docs = read(corpus / "train.spacy")
    DocBin(docs=[*docs[:3], sentence(300)], store_user_data=True).to_disk(leaky / "test.spacy")
    result = run(prepare_few_labels, leaky, tmp_path / "out", "--seeds", 1)
    output = " ".join(result.output.split())
    assert "3 of 200 training texts stand in the test set" in output
    assert "0 of 200 training texts stand in the dev set" in output
    assert len(read(tmp_path / "out" / "seed-0" / "labelled-100.spacy")) == 200


def test_masked_arguments(corpus, tmp_path):
    run(prepare_few_labels, corpus, tmp_path, "--seeds", 1, "--shares", 10, "--mask")
    for path in (tmp_path / "test.spacy", tmp_path / "seed-0" / "labelled-10.spacy", tmp_path / "seed-0" / "raw.spacy"):
        for doc in read(path):
            assert [doc[0].text, doc[2].text, doc[0].lemma_] == ["argument"] * 3
            assert doc[1].text.startswith("w")
            assert [token.dep_ for token in doc] == ["nsubj", "ROOT", "dobj", "punct"]
            assert [(ent.start, ent.label_) for ent in doc.ents] == [(0, "PER"), (2, "ORG")]
    assert any(doc._.relations for doc in read(tmp_path / "test.spacy"))


def test_no_share_leaves_half_over(corpus, tmp_path):
    result = run(prepare_few_labels, corpus, tmp_path, "--shares", "60,100")
    assert result.exit_code == 1
    assert "VE107" in result.output
    assert not any(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"VE107.*shares"):
        prepare_few_labels.raw([sentence(i) for i in range(10)], [60], 0)


def test_choose_share_by_relations():
    docs = [sentence(i) for i in range(40)]
    chosen = choose_share(docs, 0.2, 3, relation_labels)
    assert sorted(relation_labels(docs[i]) for i in chosen) == [()] * 2 + [("R <",)] * 2 + [("R >",)] * 4


def test_the_plan():
    runs = few_labels.plan(few_labels.STUDY)
    names = [run.name for run in runs]
    assert len(names) == len(set(names))
    cells = {}
    for item in runs:
        cells.setdefault((item.corpus.name, item.arm.name, item.share), []).append(item.seed)
    for corpus in few_labels.STUDY:
        assert set(few_labels.CURVES) < set(corpus.arms)
    for corpus, arms in (
        ("semeval", few_labels.SEMEVAL.arms),
        ("conll04", ("latents", "joint", "autoencoder", "random")),
    ):
        for arm in arms:
            expected = [0, 1, 2, 3, 4] if arm in few_labels.CURVES else [0, 1, 2]
            assert cells[corpus, arm, 10] == expected
        for arm in few_labels.CURVES:
            assert cells[corpus, arm, 10] == [0, 1, 2, 3, 4]
            assert [len(cells[corpus, arm, share]) for share in (5, 15, 30, 100)] == [5, 5, 5, 3]
    for arm in (*few_labels.CURVES, "autoencoder"):
        assert cells["semeval-masked", arm, 10] == [0, 1, 2]
    assert "parse+lexicon" in few_labels.CURVES


def test_the_plan_on_top_of_a_transformer():
    runs = few_labels.plan(few_labels.TRANSFORMER)
    assert [(item.share, item.seed) for item in runs] == [(share, seed) for share in (10, 5, 30) for seed in range(3)]
    assert all(item.arm.transformer and item.corpus.name == "semeval" for item in runs)
    assert not any(item.arm.transformer for item in few_labels.plan((*few_labels.STUDY, *few_labels.QUICK)))


def test_more_labels_take_more_updates():
    for arm in few_labels.ARMS.values():
        few, more, most = (few_labels.Run(few_labels.SEMEVAL, arm, share, 0).settings for share in (5, 30, 100))
        for setting in ("training.max_steps", "training.eval_frequency"):
            assert (more[setting], most[setting]) == (2 * few[setting], 3 * few[setting])


def test_the_order_of_the_plan():
    """Stopped anywhere, the study says as much as it can: of all corpora, and of all arms that are compared."""
    runs = few_labels.plan(few_labels.STUDY)
    n_curves, n_corpora = len(few_labels.CURVES), len(few_labels.STUDY)
    first = runs[: n_curves * n_corpora]
    assert {(item.share, item.seed) for item in first} == {(10, 0)}
    assert {item.arm.name for item in first} == set(few_labels.CURVES)
    assert [item.corpus.name for item in first[:n_corpora]] == [corpus.name for corpus in few_labels.STUDY]
    kinds = [(item.share == 10, item.arm.name in few_labels.CURVES) for item in runs]
    assert list(dict.fromkeys(kinds)) == [(True, True), (True, False), (False, True)]
    assert kinds == sorted(kinds, reverse=True)


def test_some_runs_of_the_plan():
    runs = few_labels.plan(few_labels.STUDY)
    assert few_labels.choose(runs) == runs
    chosen = few_labels.choose(runs, ["conll04"], ["parse", "fused"], [5, 10], [1, 4])
    assert len(chosen) == 8
    assert {item.corpus.name for item in chosen} == {"conll04"}
    with pytest.raises(ValueError, match=r"VE005.*arm.*fused"):
        few_labels.choose(runs, arms=["fuse"])
    with pytest.raises(ValueError, match=r"VE005.*share.*30"):
        few_labels.choose(runs, shares=[20])


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.4, "7 s"), (400, "7 min"), (11100, "3 h 05 min"), (3599, "1 h 00 min")]
)
def test_times_in_words(seconds, text):
    assert _workers.in_words(seconds) == text


def test_a_run_has_another_name_with_other_settings(monkeypatch):
    runs = few_labels.plan(few_labels.STUDY)
    before = [item.name for item in runs]
    # One encoder for all shares of a seed.
    assert len({item.encoder for item in runs if item.arm.encoder == "vae" and item.corpus.name == "semeval"}) == 5
    monkeypatch.setitem(few_labels.ENCODERS, "vae", {"training.max_steps": 7})
    changed = {item.arm.name for item, name in zip(runs, before, strict=True) if item.name != name}
    assert changed == {arm.name for arm in few_labels.ARMS.values() if arm.encoder == "vae"}


@pytest.mark.parametrize("arm", few_labels.ARMS)
def test_settings_fit_the_configs(arm):
    """Each setting of an arm stands in the config that it changes."""
    item = few_labels.Run(few_labels.SEMEVAL, few_labels.ARMS[arm], 10, 0)
    for name, settings in ((item.config, item.settings), ("vae.cfg", item.encoder_settings)):
        config = Config().from_disk(_trainings.CONFIGS / name, interpolate=False)
        for path in settings:
            *sections, last = path.split(".")
            block = config
            for section in sections:
                block = block[section]
            assert last in block, path


@pytest.fixture(scope="module")
def prepared(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    assert run(prepare_few_labels, corpus, folder, "--seeds", 1).exit_code == 0
    return folder


@pytest.fixture
def data(prepared, tmp_path, monkeypatch):
    """The corpus of the quick study, and a lexicon."""
    shutil.copytree(prepared, tmp_path / "data" / "quickstart")
    (tmp_path / "lexicon.jsonl").write_text('{"word": "Ada", "classes": ["person"]}')
    monkeypatch.setattr(run_few_labels, "LEXICON", str(tmp_path / "lexicon.jsonl"))
    return tmp_path / "data"


def study_of(data, vectors="null"):
    return run_few_labels.Study(data, data.parent / "work", data.parent / "results", vectors)


def quick_run(arm):
    return few_labels.Run(few_labels.QUICK[0], few_labels.ARMS[arm], 10, 0)


def test_what_has_a_result_is_not_run_again(data, tmp_path):
    for item in few_labels.plan(few_labels.QUICK):
        path = study_of(data).result_of(item)
        path.parent.mkdir(exist_ok=True)
        srsly.write_json(path, {"test": 50.0})
    result = run(run_few_labels, data, tmp_path / "work", tmp_path / "results", "--quick")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "work").exists()


def test_a_run_has_another_name_with_another_default(monkeypatch, tmp_path):
    items = [quick_run(arm) for arm in ("parse", "fused", "self-training")]
    names = [item.name for item in items]
    shutil.copytree(_trainings.CONFIGS, tmp_path / "configs")
    monkeypatch.setattr(_trainings, "CONFIGS", tmp_path / "configs")
    path = tmp_path / "configs" / "vae.cfg"

    def changes():
        few_labels.config_digest.cache_clear()
        return [item.name != name for item, name in zip(items, names, strict=True)]

    assert changes() == [False, False, False]
    path.write_text(path.read_text().replace("latent_width = 96", "latent_width = 95"))
    assert changes() == [False, True, False]
    path = path.with_name("few_labels_baseline.cfg")
    path.write_text(path.read_text().replace("beta1 = 0.9", "beta1 = 0.8"))
    assert changes() == [True, True, True]
    monkeypatch.undo()
    assert changes() == [False, False, False]
    monkeypatch.setattr(few_labels, "VERSION", few_labels.VERSION + 1)
    assert changes() == [True, True, True]


def test_a_run_has_another_name_with_other_data(data, tmp_path):
    arms = ("parse", "fused", "parse+lexicon", "self-training")

    def names():
        for cached in (_digests.corpus_digest, _digests.file_digest):
            cached.cache_clear()
        return [study_of(data).name_of(quick_run(arm)) for arm in arms]

    before = names()
    # Other bytes, and the same texts with another parse.
    path = data / "quickstart" / "seed-0" / "labelled-10.spacy"
    docs = read(path)
    for doc in docs:
        doc[1].dep_ = "nsubj"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    assert names() == before

    def changed():
        return [one != other for one, other in zip(names(), before, strict=True)]

    (tmp_path / "lexicon.jsonl").write_text('{"word": "Ada", "classes": ["name"]}')
    assert changed() == [False, False, True, False]
    raw = data / "quickstart" / "seed-0" / "raw.spacy"
    DocBin(docs=read(raw)[1:], store_user_data=True).to_disk(raw)
    assert changed() == [False, True, True, True]
    docs[3]._.relations = []
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    assert changed() == [True] * 4
    before = names()
    test = data / "quickstart" / "test.spacy"
    DocBin(docs=read(test)[1:], store_user_data=True).to_disk(test)
    assert changed() == [True] * 4


def test_word_vectors_change_the_names(data, tmp_path):
    nlp = spacy.blank("en")
    for word in ("Ada", "Bluefin"):
        nlp.vocab.set_vector(word, np.ones(2, dtype="float32"))
    nlp.to_disk(tmp_path / "vectors")
    without, with_vectors = study_of(data), study_of(data, str(tmp_path / "vectors"))
    assert without.name_of(quick_run("parse")) != with_vectors.name_of(quick_run("parse"))
    assert without.encoder_of(quick_run("fused")) != with_vectors.encoder_of(quick_run("fused"))


def test_the_sum(tmp_path):
    planned = few_labels.plan(few_labels.STUDY)
    values = {("parse", 30): 70.0, ("fused", 5): 60.0, ("fused", 10): 68.0, ("fused", 15): 72.0, ("parse", 10): 61.0}
    for item in planned:
        base = values.get((item.arm.name, item.share))
        if item.corpus.name == "semeval" and base is not None:
            path = tmp_path / "runs" / f"{item.name}-01234567.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps({"test": base + item.seed - 2}))
    result = run(score_few_labels, tmp_path / "runs", tmp_path / "few_labels.json")
    assert result.exit_code == 0, result.output
    records = {(item["figure"], item["arm"]): item for item in srsly.read_json(tmp_path / "few_labels.json")["records"]}
    arms = {arm for figure, arm in records if figure == "micro_f1_directed"}
    assert arms == {"parse@30%", "fused@5%", "fused@10%", "fused@15%", "parse@10%"}
    fused = records["micro_f1_directed", "fused@10%"]
    assert (fused["mean"], fused["n"]) == (68.0, 5)
    assert fused["std"] == pytest.approx(2.5**0.5)
    assert records["labels_needed", "semeval: fused for parse@30%"]["mean"] == 12.5
    ahead = records["fused_minus_parse", "semeval@10%"]
    assert (ahead["mean"], ahead["std"], ahead["met"]) == (7.0, pytest.approx(2 * 2.5**0.5), True)
    table = (tmp_path / "few_labels.md").read_text()
    assert "| fused | 60.0 ± 1.6 (5) | 68.0 ± 1.6 (5) | 72.0 ± 1.6 (5) |  |" in table
    output = " ".join(result.output.split())
    assert "needs 12 %" in output
    assert "ahead of parse by 7.0, deviations together 3.2, met" in output
    assert "runs have no result" in output
    # Figures of other workflows stand in a file like this one, which is read again for the tables of the docs.
    assert read_metrics(tmp_path / "few_labels.json")["records"]


def test_what_has_to_be_ahead():
    def met(fused, parse):
        ((line, (item,)),) = score_few_labels.advantages({("c", "fused", 5): fused, ("c", "parse", 5): parse})
        assert ("not met" in line) != item["met"]
        return item["met"]

    assert met([64.0, 66.0], [60.0, 61.0])
    # By less than three points, by less than the deviations together, and with one seed, which has no deviation.
    assert not met([62.0, 63.0], [60.0, 61.0])
    assert not met([60.0, 70.0], [58.0, 63.0])
    assert not met([70.0], [60.0])
    cells = {("c", arm, share): [1.0] for arm, share in (("fused", 5), ("parse", 10), ("fused", 30), ("parse", 30))}
    assert score_few_labels.advantages(cells) == []


def test_each_arm_is_compared_with_one_that_reads_as_much():
    curves = {"fused": (60.0, 66.0), "everything": (64.0, 70.0), "parse": (50.0, 65.0), "parse+lexicon": (55.0, 71.0)}
    values = {
        ("c", arm, share): [at] for arm, points in curves.items() for share, at in zip((5, 30), points, strict=True)
    }
    records = [item for _, more in score_few_labels.labels_saved(values) for item in more]
    found = {(item["figure"], item["arm"]): item["mean"] for item in records}
    assert found == {
        ("labels_goal_reached", "c: fused for parse@30%"): 1.0,
        ("labels_needed", "c: fused for parse@30%"): pytest.approx(5 + 25 * 5 / 6),
        ("labels_goal_reached", "c: everything for parse@30%"): 1.0,
        ("labels_needed", "c: everything for parse@30%"): pytest.approx(5 + 25 / 6),
        ("labels_goal_reached", "c: everything for parse+lexicon@30%"): 0.0,
    }


def test_no_result_at_all(tmp_path):
    result = run(score_few_labels, tmp_path, tmp_path / "out.json")
    assert result.exit_code == 1
    assert "VE301" in result.output


@pytest.mark.parametrize(
    ("goal", "share"), [(70.0, 12.5), (60.0, 5.0), (50.0, 5.0), (68.0, 10.0), (72.0, 15.0), (73.0, None)]
)
def test_where_a_curve_reaches_a_value(goal, share):
    assert score_few_labels.reach([(5, 60.0), (10, 68.0), (15, 72.0)], goal) == share


def test_arm_names():
    assert score_few_labels.arm_name("semeval", "fused", 10) == "fused@10%"
    assert score_few_labels.arm_name("semeval-masked", "fused", 10) == "fused-masked@10%"


class Trainer:
    """Stands in for `spacy train`: writes what that writes, and ends as it is told to."""

    def __init__(self, status=0):
        self.status = status
        self.failing = ()
        self.started = []
        self.configs = {}

    def __call__(self, command, stdout, **rest):
        output = Path(command[-1])
        self.configs[output.name.removesuffix(".part")] = Config().from_disk(output / "config.cfg")
        self.started.append(output.name.removesuffix(".part"))
        for name in ("model-best", "model-last"):
            (output / name).mkdir()
        stdout.write("E999: something is wrong")
        if self.status is None:
            raise KeyboardInterrupt
        failing = any(output.name.startswith(name) for name in self.failing)
        return subprocess.CompletedProcess(command, 1 if failing else self.status)


@pytest.fixture
def trainer(monkeypatch):
    found = Trainer()
    monkeypatch.setattr(_trainings, "subprocess", SimpleNamespace(run=found, STDOUT=subprocess.STDOUT))
    return found


def test_what_was_killed_does_not_pass_for_trained(tmp_path, trainer):
    folder = tmp_path / "vae"
    trainer.status = None
    with pytest.raises(KeyboardInterrupt):
        _trainings.train(folder, "vae.cfg", {})
    assert not folder.exists()
    trainer.status = 0
    _trainings.train(folder, "vae.cfg", {})
    assert sorted(path.name for path in folder.iterdir()) == ["config.cfg", "log.txt", "model-best", "model-last"]
    assert [path.name for path in tmp_path.iterdir()] == ["vae"]


@pytest.mark.parametrize("arm", ["fused", "autoencoder", "random"])
def test_no_text_but_the_raw_one_shapes_or_chooses_an_encoder(data, trainer, arm):
    study = study_of(data)
    name = study.train_encoder(quick_run(arm))
    config = trainer.configs[name]
    raw = str(data / "quickstart" / "seed-0" / "raw.spacy")
    assert config["corpora"]["train"]["path"] == config["corpora"]["dev"]["path"] == raw
    # Scored in the first update, when nothing is learned yet, and the last one is taken.
    assert config["training"]["eval_frequency"] > config["training"]["max_steps"]
    assert study._local(quick_run(arm))["paths.vae"] == str(study.work / name / "model-last")
    if arm == "random":
        assert config["training"]["optimizer"]["learn_rate"] == 0.0


def test_a_result_says_what_it_rests_on(data, trainer, scored):
    study, item = study_of(data), quick_run("everything")
    study.run(item)
    found = srsly.read_json(study.result_of(item))
    assert (found["corpus"], found["arm"], found["share"], found["seed"]) == ("quickstart", "everything", 10, 0)
    assert found["settings"] == item.settings
    reading = {"@architectures": "spacy-vaedie.NoisyReading.v1"}
    assert found["encoder"]["components.vae_encoder.model.reading"] == reading
    assert set(found["data"]) == {"labelled", "raw", "dev", "test", "vectors", "lexicon"}
    assert "changed" in found
    config = trainer.configs[study.name_of(item)]
    assert config["paths"]["raw"] == str(data / "quickstart" / "seed-0" / "raw.spacy")
    assert config["paths"]["train"] == str(data / "quickstart" / "seed-0" / "labelled-10.spacy")
    # The pipeline of the run is gone, its encoder is kept for others.
    assert [path.name for path in study.work.iterdir()] == [study.encoder_of(item)]


def test_results_that_do_not_go_together(tmp_path):
    first, second = few_labels.choose(few_labels.plan(few_labels.STUDY), ["semeval"])[:2]
    srsly.write_json(tmp_path / f"{first.name}-01234567.json", {"test": 50.0, "data": {"test": "a"}})
    srsly.write_json(tmp_path / f"{second.name}-01234567.json", {"test": 50.0, "data": {"test": "b"}})
    result = run(score_few_labels, tmp_path, tmp_path / "out.json")
    assert result.exit_code == 1
    assert "VE303" in result.output
    assert "test set" in result.output.replace("\n", " ")
    srsly.write_json(tmp_path / f"{first.name}-76543210.json", {"test": 50.0})
    result = run(score_few_labels, tmp_path, tmp_path / "out.json")
    assert result.exit_code == 1
    assert "same run" in result.output.replace("\n", " ")


@pytest.fixture
def scored(monkeypatch):
    """Nothing is loaded or scored."""
    monkeypatch.setattr(run_few_labels.spacy, "load", lambda path: path)
    monkeypatch.setattr(run_few_labels, "score", lambda nlp, path, figure: 61.5)


def run_quick(data, *options):
    folders = (data, data.parent / "work", data.parent / "results")
    result = run(run_few_labels, *folders, "--quick", *options)
    return result, " ".join(result.output.split())


def test_one_failed_run_does_not_stop_the_others(data, trainer, scored):
    trainer.failing = ("quickstart-parse-10-", "quickstart-vae-0-")
    result, output = run_quick(data)
    assert result.exit_code == 1
    on_vae = {name for name in few_labels.QUICK[0].arms if few_labels.ARMS[name].encoder == "vae"}
    done = {srsly.read_json(path)["arm"] for path in (data.parent / "results").iterdir()}
    assert done == set(few_labels.QUICK[0].arms) - on_vae - {"parse"}
    assert f"{len(on_vae) + 1} runs failed" in output
    (log,) = (data.parent / "work").glob("quickstart-parse-*/log.txt")
    assert log.read_text() == "E999: something is wrong"
    assert sorted(path.name for path in log.parent.iterdir()) == ["config.cfg", "log.txt"]
    assert str(log) in output.replace(" ", "")
    # The next start does what is left.
    # Several runs had asked for the encoder, which was tried once.
    assert trainer.started.count(next(name for name in trainer.configs if name.startswith("quickstart-vae-0-"))) == 1
    trainer.failing = ()
    trainer.configs.clear()
    result, _ = run_quick(data)
    assert result.exit_code == 0
    started = [name for name in trainer.configs if not name.startswith("quickstart-vae-0-")]
    assert len(started) == len(on_vae) + 1 == len(trainer.configs) - 1


def test_results_are_never_half_written(tmp_path, monkeypatch):
    path = tmp_path / "runs" / "one.json"
    _work_folder.write_json(path, {"test": 1.0})

    def full_disk(*arguments, **rest):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="space"):
        _work_folder.write_json(path, {"test": 2.0})
    assert _work_folder.read_json(path) == {"test": 1.0}
    assert [path.name for path in path.parent.iterdir()] == ["one.json"]


@pytest.mark.parametrize("text", ["", '{"test": 61.', "[1]", '{"dev": 61.5}', '{"test": "61"}'])
def test_a_file_that_is_no_result_is_named(tmp_path, text):
    name = f"{few_labels.plan(few_labels.STUDY)[0].name}-01234567.json"
    (tmp_path / name).write_text(text)
    result = run(score_few_labels, tmp_path, tmp_path / "out.json")
    assert result.exit_code == 1
    assert "VE303" in result.output
    assert name in result.output.replace("\n", "").replace(" ", "")


def test_two_processes_do_not_share_a_folder(data, trainer, scored):
    work = data.parent / "work"
    with _work_folder.locked(work):
        result, output = run_quick(data)
    assert result.exit_code == 1
    assert f"process {os.getpid()} works" in output
    assert not trainer.started
    # What is left of a process that is gone is none.
    (work / "lock").write_text("999999")
    result, _ = run_quick(data)
    assert result.exit_code == 0
    assert trainer.started


def test_only_what_is_chosen_is_run(data, trainer, scored):
    result, output = run_quick(data, "--arm", "fused", "--arm", "latents", "--workers", 2)
    assert result.exit_code == 0
    # Both wait for one encoder, which is trained once.
    assert sorted(name.split("-")[1] for name in trainer.started) == ["fused", "latents", "vae"]
    assert trainer.started[0].startswith("quickstart-vae-")
    assert "1 of 2 runs" in output
    assert "0 s left" in output
    result, output = run_quick(data, "--corpus", "semeval")
    assert result.exit_code == 1
    assert "VE005" in output


@pytest.mark.parametrize("share", [5, 10, 15, 30, 100])
def test_an_epoch_has_all_raw_and_all_labelled_texts(prepared, trainer, tmp_path, share):
    shutil.copytree(prepared, tmp_path / "data" / "quickstart")
    arm = few_labels.ARMS["self-training"]
    study, item = study_of(tmp_path / "data"), few_labels.Run(few_labels.QUICK[0], arm, share, 0)
    _trainings.train(study.work / "run", item.config, {**item.settings, **study._local(item)})
    config = trainer.configs["run"]
    # So that spaCy initializes from all of it, and shuffles it.
    assert config["training"]["max_epochs"] == 0
    reader = registry.resolve({"corpus": config["corpora"]["train"]})["corpus"]
    found = [example.reference for example in reader(spacy.blank("en"))]
    folder = tmp_path / "data" / "quickstart" / "seed-0"
    raw = [doc.text for doc in found if doc._.relations is None]
    assert sorted(raw) == sorted(doc.text for doc in read(folder / "raw.spacy"))
    times = Counter(doc.text for doc in found if doc._.relations is not None)
    assert set(times) == {doc.text for doc in read(folder / f"labelled-{share}.spacy")}
    assert set(times.values()) == {{5: 10, 10: 5, 15: 3, 30: 2, 100: 1}[share]}
    # As many labelled texts in a batch as without raw text.
    size, labelled = config["training"]["batcher"]["size"], times.total()
    assert size * labelled / len(found) == pytest.approx(item.corpus.extractor["training.batcher.size"], rel=0.01)


def test_the_extractor_starts_from_all_labels(tmp_path, trainer):
    """Rare labels at the end of the corpus are there, and as frequent as they are."""
    folder = tmp_path / "data" / "quickstart" / "seed-0"
    docs = [sentence(i) for i in range(150)]
    for doc in docs[-2:]:
        doc._.relations = [Relation(Argument(0, 1, "PER"), Argument(2, 3, "ORG"), "RARE")]
    for name, chosen in (("labelled-10", docs), ("raw", docs[:60])):
        path = folder / f"{name}.spacy"
        path.parent.mkdir(parents=True, exist_ok=True)
        chosen = [predicted_copy(doc) for doc in chosen] if name == "raw" else chosen
        DocBin(docs=chosen, store_user_data=True).to_disk(path)
    study, item = study_of(tmp_path / "data"), quick_run("self-training")
    _trainings.train(study.work / "run", item.config, {**item.settings, **study._local(item)})
    nlp = init_nlp(trainer.configs["run"])
    extractor = nlp.get_pipe("extractor")
    assert set(extractor.labels) == {"R", "RARE"}


def config_of(arm):
    """The config that an arm is trained with."""
    item = few_labels.Run(few_labels.SEMEVAL, few_labels.ARMS[arm], 10, 0)
    return _trainings.make_config(item.config, item.settings)


def terms_of(arm):
    """What an arm learns from raw text by: terms of the teacher, the generative one, and the bound of the VAE."""
    settings = few_labels.ARMS[arm].settings
    terms = set(settings.get("components.extractor.unlabelled", {}))
    terms |= {"label_term"} if "components.extractor.model.term" in settings else set()
    frozen = "vae_encoder" in config_of(arm)["training"]["frozen_components"]
    return terms | ({"bound"} if few_labels.ARMS[arm].encoder and not frozen else set())


def test_each_term_stands_alone_in_an_arm():
    raw = {name: terms_of(name) for name, arm in few_labels.ARMS.items() if arm.raw}
    for name in ("everything", "everything-trf"):
        del raw[name]
    assert raw == {
        "self-training": {"self_training"},
        "fused+self-training": {"self_training"},
        "joint": {"bound"},
        "consistency": {"bound", "consistency"},
        "label-term": {"bound", "label_term"},
    }
    # All other arms learn from labels alone.
    assert all(not terms_of(name) for name, arm in few_labels.ARMS.items() if not arm.raw)
    reading = few_labels.ENCODERS["vae"]["components.vae_encoder.model.reading"]
    assert registry.resolve({"reading": reading})["reading"].sampled


def test_a_teacher_finds_latents_on_the_docs():
    for name, arm in few_labels.ARMS.items():
        if arm.encoder and "components.extractor.unlabelled" in arm.settings:
            assert config_of(name)["training"]["annotating_components"] == ["vae_encoder"]


def test_what_is_trained_on_is_read_in_the_update():
    """What stands on the Docs has no gradient."""
    for name, arm in few_labels.ARMS.items():
        training = config_of(name)["training"]
        if arm.encoder and "vae_encoder" not in training["frozen_components"] and name != "consistency":
            assert "vae_encoder" not in training["annotating_components"], name


def test_the_docs_list_the_arms():
    page = (SCRIPTS.parent / "docs" / "few-labels.md").read_text()
    rows = "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert all(f"`{arm}`" in rows for arm in few_labels.ARMS)
