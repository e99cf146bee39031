"""What the extractor learns from: the target of each pair, and the loss."""

import warnings

import numpy as np
import pytest
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_vaedie.training.examples import make_example

from .extractors import alone, example_of, predict, targets


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
