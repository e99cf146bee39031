"""Where the labels of the extractor come from."""

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli._util import app as spacy_app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_vaedie.training.examples import make_example

from .extractors import alone, answers, example_of, predict
from .helpers import (
    LABELS,
    triples,
)


def test_labels_from_the_data(en, examples):
    nlp = alone(en)
    pipe = nlp.get_pipe("extractor")
    assert pipe.labels == ()
    nlp.initialize(lambda: examples)
    assert pipe.labels == LABELS
    assert pipe.label_data == list(LABELS)
    assert nlp.pipe_labels["extractor"] == list(LABELS)
    assert pipe.model.get_dim("nO") == 4


def test_labels_beyond_the_sample(en, examples):
    """All of the data is read for labels, not only what the model is initialized with."""
    nlp = alone(en)
    unlabelled = [examples[6]] * 15
    nlp.initialize(lambda: [*unlabelled, *examples])
    assert nlp.get_pipe("extractor").labels == LABELS


def test_given_labels(en, examples):
    nlp = alone(en)
    pipe = nlp.get_pipe("extractor")
    pipe.initialize(lambda: examples[:1], labels=["OWNS", "FOUNDED", "SOLD"])
    assert pipe.labels == ("OWNS", "FOUNDED", "SOLD")
    assert nlp.vocab.strings["SOLD"] in nlp.vocab.strings


def test_labels_from_the_config(en, examples):
    nlp = alone(en)
    nlp.config["initialize"]["components"]["extractor"] = {"labels": ["B", "A"]}
    nlp.initialize(lambda: examples)
    assert nlp.get_pipe("extractor").labels == ("B", "A")


def test_explicit_labels_before_initialize(en, examples):
    nlp = alone(en)
    pipe = nlp.get_pipe("extractor")
    assert pipe.add_label("SOLD") == 1
    assert pipe.add_label("SOLD") == 0
    nlp.initialize(lambda: examples[6:7])
    assert pipe.labels == ("SOLD",)


@pytest.mark.parametrize("label", ["", None, 5])
def test_no_label_at_all(pipe, label):
    with pytest.raises(ValueError, match="VE204"):
        pipe.add_label(label)
    assert pipe.labels == LABELS


def test_a_label_that_is_added_later(trained, en, examples, tmp_path):
    pipe = trained.get_pipe("extractor")
    before = answers(trained, examples)
    optimizer = trained.resume_training()
    trained.update(examples, sgd=optimizer)
    before = answers(trained, examples)
    assert pipe.add_label("SOLD") == 1
    after = answers(trained, examples)
    assert [[item[:3] for item in doc] for doc in after] == [[item[:3] for item in doc] for doc in before]
    np.testing.assert_allclose(
        [item[3] for doc in after for item in doc], [item[3] for doc in before for item in doc], atol=0.01
    )
    new = example_of(
        en, "Tam Reed sold the barn to Mira Sand.", [("Tam Reed", "PER"), ("Mira Sand", "PER")], [(0, 1, "SOLD")]
    )
    optimizer.learn_rate = 0.01
    for _ in range(40):
        trained.update([*examples, new], sgd=optimizer)
    trained.to_disk(tmp_path)
    (doc,) = predict(spacy.load(tmp_path), [new])
    assert triples(doc) == [("Tam Reed", "Mira Sand", "SOLD")]
    assert [[item[:3] for item in doc] for doc in answers(trained, examples)] == [
        [item[:3] for item in doc] for doc in before
    ]


@pytest.mark.parametrize("given", [None, []])
def test_no_labels(en, examples, given):
    pipe = alone(en).get_pipe("extractor")
    with pytest.raises(ValueError, match=r"VE201.*'extractor'"):
        pipe.initialize(lambda: examples[6:7], labels=given)


def test_no_labels_says_why(en, examples):
    unannotated = make_example(examples[0].x, entities=[], relations=None)
    with pytest.raises(ValueError, match=r"VE201.*of 3 documents, 1 are annotated"):
        alone(en).initialize(lambda: [unannotated, examples[6], unannotated])


def test_init_labels_on_the_command_line(en, examples, tmp_path):
    DocBin(docs=[example.reference for example in examples], store_user_data=True).to_disk(tmp_path / "train.spacy")
    nlp = alone(en)
    nlp.config["corpora"] = {
        name: {"@readers": "spacy-vaedie.RelationCorpus.v1", "path": str(tmp_path / "train.spacy")}
        for name in ("train", "dev")
    }
    nlp.config.to_disk(tmp_path / "config.cfg")
    result = CliRunner().invoke(spacy_app, ["init", "labels", str(tmp_path / "config.cfg"), str(tmp_path / "labels")])
    assert result.exit_code == 0, result.stdout
    assert srsly.read_json(tmp_path / "labels" / "extractor.json") == list(LABELS)
    other = alone(en)
    other.config["initialize"]["components"]["extractor"] = {
        "labels": {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "labels" / "extractor.json")}
    }
    other.initialize(lambda: examples[:1])
    assert other.get_pipe("extractor").labels == LABELS
