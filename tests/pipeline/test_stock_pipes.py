"""spaCy's own pipes on the latents, through its own listener: trained jointly, over a frozen encoder, and with a copy
of the encoder in the listener's place."""

import numpy as np
import pytest
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_vaedie.models.objectives import ELBO, Objective

from .helpers import SMALL_VAE, STOCK_LISTENER, TEXTS, blank, copies, relation_examples, run_python
from .helpers import weights as read_weights

TEXTCAT = {
    "@architectures": "spacy.TextCatReduce.v1",
    "exclusive_classes": True,
    "use_reduce_first": False,
    "use_reduce_last": False,
    "use_reduce_max": False,
    "use_reduce_mean": True,
}
CONFIGS = {
    "ner": {"model": {"tok2vec": STOCK_LISTENER, "hidden_width": 16}},
    "spancat": {
        "suggester": {"@misc": "spacy.ngram_suggester.v1", "sizes": [1, 2]},
        "model": {"tok2vec": STOCK_LISTENER},
    },
    "textcat": {"model": {**TEXTCAT, "tok2vec": STOCK_LISTENER}},
}
SCORES = {"ner": "ents_f", "spancat": "spans_sc_f", "textcat": "cats_macro_f"}
PIPES = list(CONFIGS)
# Weights that bound and listeners both train.
PART = "encoder.reduce.linear.weight"


@pytest.fixture(autouse=True)
def same_noise(monkeypatch):
    """The bound draws the same corruption and samples each time."""
    monkeypatch.setattr(ELBO, "at", lambda self, step, seed=None: Objective(0.003, 0.0, seed=0))


@pytest.fixture
def examples(en):
    """Parsed sentences, and references with entities, the same as a span group, and categories."""
    found = []
    for example in relation_examples(en):
        reference = example.reference
        reference.spans["sc"] = list(reference.ents)
        person = float(any(ent.label_ == "PER" for ent in reference.ents[:1]))
        reference.cats = {"PERSON_FIRST": person, "OTHER": 1 - person}
        found.append(Example(*copies([example.predicted], entities=False), reference))
    return found


def make(en, examples, name=None):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    if name is not None:
        nlp.add_pipe(name, config=CONFIGS[name])
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    return nlp, optimizer


def learn(nlp, optimizer, examples, n_steps, **options):
    return [nlp.update(examples, sgd=optimizer, **options) for _ in range(n_steps)]


def answers(doc):
    spans = [(span.start, span.end, span.label_) for span in (*doc.ents, *doc.spans.get("sc", ()))]
    return [spans, {label: round(score, 4) for label, score in doc.cats.items()}]


@pytest.mark.parametrize("name", ["spancat", "textcat"])
def test_trained_jointly(en, examples, name):
    nlp, optimizer = make(en, examples, name)
    losses = learn(nlp, optimizer, examples, 60)
    assert losses[-1][name] < 0.2 * losses[0][name]
    assert losses[-1]["vae_encoder"] < losses[0]["vae_encoder"]
    assert nlp.evaluate(examples)[SCORES[name]] > 0.9


@pytest.mark.parametrize("name", PIPES)
def test_its_gradient_reaches_the_encoder(en, examples, name):
    """It moves the encoder elsewhere than the bound alone does."""
    found = []
    for pipe in (name, None):
        nlp, optimizer = make(en, examples, pipe)
        learn(nlp, optimizer, examples, 3)
        found.append(read_weights(nlp.get_pipe("vae_encoder")))
    assert not np.allclose(found[0][PART], found[1][PART], atol=1e-4)


@pytest.mark.parametrize("name", PIPES)
def test_over_a_frozen_encoder(en, examples, name):
    nlp, optimizer = make(en, examples, name)
    before = read_weights(nlp.get_pipe("vae_encoder"))
    losses = learn(nlp, optimizer, examples, 80, exclude=["vae_encoder"], annotates=["vae_encoder"])
    assert losses[-1][name] < 0.2 * losses[0][name]
    after = read_weights(nlp.get_pipe("vae_encoder"))
    assert all(np.array_equal(before[part], after[part]) for part in before)
    assert nlp.evaluate(examples)[SCORES[name]] > 0.9


@pytest.mark.filterwarnings("ignore:All-NaN slice")
@pytest.mark.parametrize("name", PIPES)
def test_a_copy_that_is_unsound(en, examples, name):
    """The component, which is none of this package, would learn on."""
    nlp, optimizer = make(en, examples, name)
    learn(nlp, optimizer, examples, 3)
    nlp.replace_listeners("vae_encoder", name, ["model.tok2vec"])
    nlp.remove_pipe("vae_encoder")
    pipe = nlp.get_pipe(name)
    (vae,) = [node for node in pipe.model.walk() if node.name == "vae"]
    vae.shims[0].network.encoder.reduce.linear.weight.data.fill_(float("nan"))
    before = pipe.model.to_bytes()
    with pytest.raises(ValueError, match="VE120"):
        nlp.update(examples, sgd=optimizer)
    assert pipe.model.to_bytes() == before


PREDICT = """
import json, sys, spacy
from spacy.tokens import DocBin
nlp = spacy.load(sys.argv[1])
docs = nlp.pipe(DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab))
print(json.dumps([
    [[(s.start, s.end, s.label_) for s in (*d.ents, *d.spans.get("sc", ()))],
     {label: round(score, 4) for label, score in d.cats.items()}] for d in docs
]))
"""


@pytest.mark.parametrize("name", PIPES)
def test_with_a_copy_of_the_encoder(en, parsed, examples, name, tmp_path):
    nlp, optimizer = make(en, examples, name)
    learn(nlp, optimizer, examples, 40)
    docs = copies(parsed, entities=False)
    expected = [answers(doc) for doc in nlp.pipe(copies(docs))]
    assert sum(bool(spans) or bool(cats) for spans, cats in expected) > len(TEXTS) / 2
    nlp.replace_listeners("vae_encoder", name, ["model.tok2vec"])
    assert nlp.get_pipe("vae_encoder").listeners == []
    nlp.remove_pipe("vae_encoder")
    nlp.to_disk(tmp_path / "saved")
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    found = run_python(PREDICT, tmp_path / "saved", tmp_path / "docs.spacy")
    assert [[[tuple(span) for span in spans], cats] for spans, cats in found] == expected
