"""Odd input of the extractor, and where its spans come from."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_vaedie.models.candidates import Candidates
from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.examples import predicted_copy

from .extractors import SPAN_PAIRS, alone, example_of, fit, predict
from .helpers import (
    SMALL_EXTRACTOR,
    blank,
    copies,
)
from .helpers import weights as read_weights

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


def test_relations_across_sentences(en):
    """The path from one to the other runs over both roots."""
    names = [("Ada Quill", "PER"), ("Bluefin Works", "ORG")]
    example = example_of(en, "Ada Quill retired. Bluefin Works, which she founded, closed.", names, [(0, 1, "FOUNDED")])
    candidates = {"@misc": "spacy-vaedie.EntityPairs.v2", "max_sentences": 1}
    nlp = alone(en, candidates=candidates)
    fit(nlp, [example], 25)
    (doc,) = predict(nlp, [example])
    (relation,) = doc._.relations
    assert [doc[i].text for i in relation.evidence.tokens] == ["Quill", "retired", "closed", "Works"]
    assert nlp.evaluate([example])["rels_candidate_recall"] == 1.0
    near = alone(en, candidates={**candidates, "max_path": 2})
    near.initialize(lambda: [example])
    assert len(near.get_pipe("extractor").propose(doc).pairs) == 0
