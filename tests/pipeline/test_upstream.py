import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from spacy.ty import ListenedToComponent
from spacy.util import fix_random_seed, registry
from thinc.api import Linear, chain, with_array

from spacy_vaedie.models.objectives import ELBO, Objective
from spacy_vaedie.models.vae import VAEBatch
from spacy_vaedie.training.examples import make_example

from .helpers import (
    EMBED,
    SMALL_EXTRACTOR,
    SMALL_VAE,
    VECTOR_WIDTH,
    blank,
    copies,
    predict_in_fresh_process,
    raw_examples,
    relation_examples,
    triples,
)
from .helpers import weights as read_weights

LATENT = {"@architectures": "spacy-vaedie.LatentListener.v1", "upstream": "vae_encoder"}


def stock(upstream="vae_encoder", width=VECTOR_WIDTH):
    return {"@architectures": "spacy.Tok2VecListener.v1", "width": width, "upstream": upstream}


@registry.architectures("test.LinearModel")
def build_linear_model(tok2vec):
    return chain(tok2vec, with_array(Linear(1, VECTOR_WIDTH)))


@Language.factory("linear", default_config={"model": {"@architectures": "test.LinearModel", "tok2vec": LATENT}})
class LinearPipe(TrainablePipe):
    """Its loss is a fixed sum of a linear function of each token vector, so that its gradient is known."""

    def __init__(self, nlp, name, model):
        self.vocab, self.name, self.model, self.cfg = nlp.vocab, name, model, {}

    def initialize(self, get_examples, *, nlp=None):
        self.model.initialize()
        (linear,) = (node for node in self.model.walk() if node.name == "linear")
        rng = np.random.default_rng(len(self.name))
        linear.set_param("W", rng.normal(size=(1, VECTOR_WIDTH)).astype("float32"))

    def predict(self, docs):
        return self.model.predict(docs)

    def set_annotations(self, docs, scores):
        for doc, rows in zip(docs, scores, strict=True):
            doc.user_data[self.name] = rows

    def coefficients(self, rows):
        return np.cos(np.arange(len(rows)) + len(self.name)).astype("float32")[:, None]

    def loss(self, scores):
        return sum(float((rows * self.coefficients(rows)).sum()) for rows in scores)

    def update(self, examples, *, drop=0.0, sgd=None, losses=None):
        scores, backprop = self.model.begin_update([example.predicted for example in examples])
        backprop([self.coefficients(rows) for rows in scores])
        losses = {} if losses is None else losses
        losses[self.name] = self.loss(scores)
        return losses


def make(en, raw, **listeners):
    """An encoder, and one linear pipe for each listener."""
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    for name, listener in listeners.items():
        nlp.add_pipe("linear", name=name, config={"model": {"tok2vec": listener}})
    fix_random_seed(0)
    nlp.initialize(lambda: raw)
    return nlp


@pytest.fixture
def raw(parsed):
    return raw_examples(parsed)


@pytest.fixture(autouse=True)
def same_noise(monkeypatch):
    """The bound draws the same corruption and samples each time."""
    monkeypatch.setattr(ELBO, "at", lambda self, step, seed=None: Objective(0.1, 0.0, seed=0))


def params(nlp):
    """Each weight of the encoder by name, as a function that gives it, its gradient, and one that sets it."""
    model = nlp.get_pipe("vae_encoder").model
    found = {}
    for name, p in model.shims[0].network.named_parameters():
        found[name] = (
            p.detach().numpy().copy(),
            None if p.grad is None else p.grad.numpy().copy(),
            lambda value, p=p: setattr(p, "data", torch.as_tensor(value)),
        )
    for i, node in enumerate(model.walk()):
        for name in node.param_names:
            gradient = node.get_grad(name).copy() if node.has_grad(name) else None
            found[f"{i}.{node.name}.{name}"] = (
                node.get_param(name).copy(),
                gradient,
                lambda value, node=node, name=name: node.set_param(name, value),
            )
    return found


def gradients(nlp):
    return {name: np.zeros_like(value) if grad is None else grad for name, (value, grad, _) in params(nlp).items()}


def assert_same_gradients(found, expected):
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, atol=1e-5, rtol=1e-4, err_msg=name)


def update(nlp, examples, names):
    for name in names:
        nlp.get_pipe(name).update(examples)


def total_loss(nlp, raw, names):
    """The bound and the losses of some linear pipes, without any gradient."""
    encoder = nlp.get_pipe("vae_encoder")
    docs = [example.predicted for example in raw]
    total = float(encoder.model.predict(VAEBatch(docs, objective=encoder.objective.at(0)))["loss"])
    encoder.set_annotations(docs, encoder.predict(docs))
    return total + sum(nlp.get_pipe(name).loss(nlp.get_pipe(name).predict(docs)) for name in names)


@pytest.mark.parametrize(
    ("listeners", "order"),
    [
        ({"one": LATENT, "second": LATENT}, ["one", "second"]),
        ({"one": LATENT, "second": LATENT}, ["second", "one"]),
        ({"one": LATENT, "second": stock()}, ["one", "second"]),
        ({"one": stock(), "second": stock()}, ["second", "one"]),
        ({"one": stock()}, ["one"]),
    ],
)
def test_gradients_add_up(en, raw, listeners, order):
    nlp = make(en, raw, **listeners)
    update(nlp, raw, ["vae_encoder", *order])
    eps = 1e-3
    n_checked = 0
    for name, (value, gradient, write) in params(nlp).items():
        assert gradient is not None, name
        norm = np.sqrt((gradient**2).sum())
        # The slope along the gradient is its norm.
        direction = gradient / max(norm, 1e-12)
        ahead, behind = value + eps * direction, value - eps * direction
        write(ahead.astype("float32"))
        difference = total_loss(nlp, raw, order)
        write(behind.astype("float32"))
        difference -= total_loss(nlp, raw, order)
        write(value)
        assert difference / (2 * eps) == pytest.approx(norm, rel=0.05, abs=0.02), name
        n_checked += norm > 0.05
    assert n_checked > 15


def test_without_listeners_the_bound_is_left(en, raw):
    alone, listened = make(en, raw), make(en, raw, one=LATENT)
    update(alone, raw, ["vae_encoder"])
    update(listened, raw, ["vae_encoder"])
    # The listener has not reported yet.
    assert all(not gradient.any() for gradient in gradients(listened).values())
    listened.get_pipe("one").model.layers[0].backprop([np.zeros((len(eg.x), VECTOR_WIDTH), "float32") for eg in raw])
    assert_same_gradients(gradients(listened), gradients(alone))


@pytest.mark.parametrize("listener", [LATENT, stock()])
def test_a_frozen_listener_does_not_lose_the_gradient_of_the_other(en, raw, listener):
    expected = make(en, raw, one=listener)
    update(expected, raw, ["vae_encoder", "one"])
    nlp = make(en, raw, one=listener, second=listener)
    update(nlp, raw, ["vae_encoder", "one"])
    assert all(not gradient.any() for gradient in gradients(nlp).values())
    update(nlp, raw_examples([Doc(en.vocab)]), ["vae_encoder"])
    assert_same_gradients(gradients(nlp), gradients(expected))


def test_an_extractor_without_candidates_does_not_lose_the_gradient_of_the_other(en, raw):
    expected = make(en, raw, one=stock())
    update(expected, raw, ["vae_encoder", "one"])
    nlp = make(en, raw, one=stock())
    extractor = nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    extractor.initialize(lambda: raw, labels=["FOUNDED"])
    for examples in (raw, [Example(eg.x, make_example(eg.x, relations=[]).reference) for eg in raw]):
        extractor.model.shims[0].network.zero_grad()
        nlp.get_pipe("vae_encoder").model.shims[0].network.zero_grad()
        update(nlp, examples, ["vae_encoder", "one", "extractor"])
        expected_network = {k: v for k, v in gradients(expected).items() if not k[0].isdigit()}
        assert_same_gradients({k: v for k, v in gradients(nlp).items() if not k[0].isdigit()}, expected_network)


def test_the_extraction_loss_reaches_the_encoder(en):
    examples = relation_examples(en)
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    fix_random_seed(0)
    nlp.initialize(lambda: examples)
    # Its output starts with zeros, and lets no gradient through.
    torch.nn.init.normal_(nlp.get_pipe("extractor").model.shims[0].network.output)
    found = []
    for names in (["vae_encoder", "extractor"], ["vae_encoder"]):
        nlp.get_pipe("vae_encoder").model.shims[0].network.zero_grad()
        update(nlp, examples, names)
        if len(names) == 1:
            nlp.get_pipe("vae_encoder")._pending.flush()
        found.append(gradients(nlp)["encoder.reduce.linear.weight"])
    assert np.abs(found[0] - found[1]).max() > 1e-4


def test_joint_steps_change_what_an_update_alone_does_not(en, raw):
    """`nlp.update` steps the encoder before the listeners report, so that their gradient counts one step later."""
    found = []
    for listeners in ({}, {"one": LATENT}):
        nlp = make(en, raw, **listeners)
        optimizer = nlp.create_optimizer()
        for _ in range(3):
            nlp.update(raw, sgd=optimizer)
        found.append(read_weights(nlp.get_pipe("vae_encoder")))
    assert not np.allclose(found[0]["encoder.reduce.linear.weight"], found[1]["encoder.reduce.linear.weight"])


def test_gradients_are_not_counted_twice(en, raw):
    nlp = make(en, raw, one=LATENT)
    update(nlp, raw, ["vae_encoder", "one"])
    expected = gradients(nlp)
    update(nlp, raw_examples([Doc(en.vocab)]), ["vae_encoder"])
    assert_same_gradients(gradients(nlp), expected)


@pytest.mark.parametrize("listener", [LATENT, stock()])
def test_frozen_and_annotating(en, raw, listener):
    nlp = make(en, raw, one=listener)
    before = read_weights(nlp.get_pipe("vae_encoder"))
    losses = nlp.update(raw, sgd=False, exclude=["vae_encoder"], annotates=["vae_encoder"])
    assert losses["one"] == pytest.approx(total_loss(nlp, raw, ["one"]) - total_loss(nlp, raw, []), abs=1e-3)
    after = read_weights(nlp.get_pipe("vae_encoder"))
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("listener", [LATENT, stock()])
def test_frozen_after_it_was_trained(en, raw, listener):
    nlp = make(en, raw, one=listener)
    nlp.update(raw, sgd=False)
    expected = gradients(nlp)
    losses = nlp.update(raw[:3], sgd=False, exclude=["vae_encoder"], annotates=["vae_encoder"])
    assert losses["one"] == pytest.approx(total_loss(nlp, raw[:3], ["one"]) - total_loss(nlp, raw[:3], []), abs=1e-3)
    assert_same_gradients(gradients(nlp), expected)


def test_the_protocol(en, raw):
    nlp = make(en, raw, one=LATENT, second=stock())
    encoder = nlp.get_pipe("vae_encoder")
    assert isinstance(encoder, ListenedToComponent)
    assert encoder.listening_components == ["one", "second"]
    first, second = encoder.listeners
    assert encoder.listener_map == {"one": [first], "second": [second]}
    assert first.upstream_name == second.upstream_name == "vae_encoder"
    assert first.get_dim("nO") == VECTOR_WIDTH
    encoder.add_listener(first, "one")
    assert encoder.listeners == [first, second]
    assert encoder.remove_listener(first, "one")
    assert not encoder.remove_listener(first, "one")
    assert not encoder.remove_listener(second, "nobody")
    assert encoder.listening_components == ["second"]


def test_linking_again_changes_nothing(en, raw):
    nlp = make(en, raw, one=LATENT, second=stock())
    nlp._link_components()
    nlp._link_components()
    assert len(nlp.get_pipe("vae_encoder").listeners) == 2
    nlp.remove_pipe("second")
    assert nlp.get_pipe("vae_encoder").listening_components == ["one"]
    assert not nlp.get_pipe("vae_encoder").writes_tensor


def test_an_encoder_with_another_name(en, raw):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("vae_encoder", name="other", config=SMALL_VAE)
    nlp.add_pipe("linear", name="one", config={"model": {"tok2vec": {**LATENT, "upstream": "other"}}})
    assert nlp.get_pipe("other").listening_components == ["one"]
    assert nlp.get_pipe("vae_encoder").listening_components == []


def test_wildcard_listeners_are_not_taken(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("linear", name="one", config={"model": {"tok2vec": stock(upstream="*")}})
    assert nlp.get_pipe("vae_encoder").listeners == []


def test_tensor_is_left_alone_without_a_stock_listener(en, raw, parsed):
    nlp = make(en, raw, one=LATENT)
    docs = copies(parsed)
    for doc in docs:
        doc.tensor = np.full((len(doc), 3), 7.0, dtype="float32")
    for doc in nlp.pipe(docs):
        assert doc.tensor.shape == (len(doc), 3)
        assert (doc.tensor == 7.0).all()


def test_tensor_is_written_for_a_stock_listener(en, raw, parsed):
    nlp = make(en, raw, one=stock())
    for doc in nlp.pipe(copies(parsed)):
        np.testing.assert_array_equal(doc.tensor, doc._.latents.vectors)


def test_another_batch_in_the_same_update(en, raw):
    nlp = make(en, raw, one=LATENT)
    nlp.get_pipe("vae_encoder").update(raw)
    for other in (raw[:3], raw[::-1], []):
        with pytest.raises(ValueError, match=r"VE103.*'vae_encoder'"):
            nlp.get_pipe("one").update(other)
    nlp.get_pipe("one").update(raw)


def test_no_latents_on_a_doc(en, raw, parsed):
    nlp = make(en, raw, one=LATENT)
    with pytest.raises(ValueError, match=r"VE104.*'vae_encoder'"):
        nlp.get_pipe("one").predict(copies(parsed))
    with pytest.raises(ValueError, match=r"VE104.*annotating_components"):
        nlp.update(raw, exclude=["vae_encoder"])


def add(nlp, *pipes):
    """Each pipe by its name, with what its listener listens to, if it has one."""
    for name, upstream in pipes:
        if upstream is None:
            config = SMALL_VAE if name.startswith("vae") else {}
            nlp.add_pipe(name.rstrip("2"), name=name, config=config)
        else:
            nlp.add_pipe("linear", name=name, config={"model": {"tok2vec": stock(upstream)}})


@pytest.mark.parametrize(
    "pipes",
    [
        [("tok2vec", None), ("vae_encoder", None), ("one", "tok2vec"), ("two", "vae_encoder")],
        [("tok2vec", None), ("vae_encoder", None), ("two", "vae_encoder"), ("one", "tok2vec")],
        [("vae_encoder", None), ("tok2vec", None), ("two", "vae_encoder")],
        [("vae_encoder", None), ("vae_encoder2", None), ("one", "vae_encoder2"), ("two", "vae_encoder")],
        [("tok2vec", None), ("vae_encoder", None), ("one", "*"), ("two", "vae_encoder")],
    ],
)
def test_stock_listeners_that_would_read_somebody_elses_vectors(en, pipes):
    with pytest.raises(ValueError, match="VE102"):
        add(blank(en), *pipes)


@pytest.mark.parametrize(
    "pipes",
    [
        [("tok2vec", None), ("one", "tok2vec"), ("vae_encoder", None), ("two", "vae_encoder")],
        [("tok2vec", None), ("vae_encoder", None), ("one", "tok2vec")],
        [("vae_encoder", None), ("two", "vae_encoder"), ("tok2vec", None), ("one", "tok2vec")],
        [("vae_encoder", None), ("two", "vae_encoder"), ("vae_encoder2", None), ("one", "vae_encoder2")],
        [("tok2vec", None), ("vae_encoder", None), ("one", "tok2vec"), ("extractor", None)],
    ],
)
def test_pipelines_that_are_fine(en, pipes):
    nlp = blank(en)
    add(nlp, *pipes)
    assert nlp.pipe_names == [name for name, _ in pipes]


def test_a_latent_listener_behind_another_encoder(en):
    """In prediction it would read what the other one wrote."""
    nlp = blank(en)
    add(nlp, ("vae_encoder", None), ("vae_encoder2", None))
    with pytest.raises(ValueError, match=r"VE109.*'extractor' listens to 'vae_encoder'.*'vae_encoder2'"):
        nlp.add_pipe("extractor")
    nlp.remove_pipe("vae_encoder2")
    nlp.add_pipe("vae_encoder", name="later", config=SMALL_VAE)


def test_a_stock_listener_of_another_width(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    with pytest.raises(ValueError, match=r"VE107.*'width' is 96.*24.*'ner'"):
        nlp.add_pipe("ner", config={"model": {"tok2vec": stock(width=96)}})


def test_ner_listens(en, parsed, tmp_path):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("ner", config={"model": {"tok2vec": stock(), "hidden_width": 16, "maxout_pieces": 1}})
    examples = [Example(eg.x, eg.y) for eg in relation_examples(en)]
    for example in examples:
        example.predicted.ents = []
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    losses = [nlp.update(examples, sgd=optimizer)["ner"] for _ in range(60)]
    assert losses[-1] < 0.1 * losses[0]
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] > 0.9
    assert scores["vae_score"] > 0
    found = predict_in_fresh_process(nlp, copies(parsed, entities=False), tmp_path)
    bare = [nlp(doc) for doc in copies(parsed, entities=False)]
    assert found["ents"] == [[[e.start, e.end, e.label_] for e in doc.ents] for doc in bare]
    assert sum(map(len, found["ents"])) > 10


@pytest.mark.parametrize("trained_before", [False, True])
def test_ner_over_a_frozen_encoder(en, trained_before):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("ner", config={"model": {"tok2vec": stock(), "hidden_width": 16}})
    examples = relation_examples(en)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    if trained_before:
        nlp.update(examples[:3], sgd=optimizer)
    before = read_weights(nlp.get_pipe("vae_encoder"))
    losses = [
        nlp.update(examples, sgd=optimizer, exclude=["vae_encoder"], annotates=["vae_encoder"])["ner"]
        for _ in range(40)
    ]
    assert losses[-1] < 0.3 * losses[0]
    after = read_weights(nlp.get_pipe("vae_encoder"))
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.fixture
def replaceable(en):
    """A trained pipeline of an encoder, a ner and an extractor that listen."""
    examples = relation_examples(en)
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("ner", config={"model": {"tok2vec": stock(), "hidden_width": 16}})
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(25):
        nlp.update(examples, sgd=optimizer)
    return nlp, examples, optimizer


def predictions(nlp, docs):
    return [(str(doc.ents), triples(doc), [r.score for r in doc._.relations]) for doc in nlp.pipe(copies(docs))]


def assert_same_predictions(found, expected):
    assert [item[:2] for item in found] == [item[:2] for item in expected]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a[2], b[2], atol=1e-5)


def test_replaced_listeners(replaceable, tmp_path):
    nlp, examples, optimizer = replaceable
    docs = [example.x for example in examples]
    before = predictions(nlp, docs)
    assert sum(len(item[1]) for item in before) > 4
    for name in ("ner", "extractor"):
        nlp.replace_listeners("vae_encoder", name, ["model.tok2vec"])
        assert_same_predictions(predictions(nlp, docs), before)
    encoder = nlp.get_pipe("vae_encoder")
    assert encoder.listeners == []
    found = predict_in_fresh_process(nlp, copies(docs), tmp_path)
    again = spacy.load(tmp_path / "saved")
    assert_same_predictions(predictions(again, docs), before)
    for relations, item in zip(found["relations"], before, strict=True):
        assert [r[2] for r in relations] == [label for _, _, label in item[1]]
        np.testing.assert_allclose([r[3] for r in relations], item[2], atol=1e-5)
    # The copies train on their own.
    encoder_before = read_weights(encoder)
    copy = next(node for node in nlp.get_pipe("extractor").model.walk() if node.name == "vae")
    copy_before = copy.shims[0].network.encoder.reduce.linear.weight.detach().clone()
    losses = [nlp.update(examples, sgd=optimizer, exclude=["vae_encoder"], drop=0.1)["extractor"] for _ in range(15)]
    assert losses[-1] < losses[0]
    assert not torch.equal(copy_before, copy.shims[0].network.encoder.reduce.linear.weight)
    assert all(
        np.array_equal(a, b) for a, b in zip(encoder_before.values(), read_weights(encoder).values(), strict=True)
    )


def test_the_pipeline_without_the_encoder_after_replacing(replaceable, tmp_path):
    nlp, examples, _ = replaceable
    docs = [example.x for example in examples]
    before = predictions(nlp, docs)
    for name in ("ner", "extractor"):
        nlp.replace_listeners("vae_encoder", name, ["model.tok2vec"])
    nlp.remove_pipe("vae_encoder")
    nlp.to_disk(tmp_path)
    assert_same_predictions(predictions(spacy.load(tmp_path), docs), before)


def test_sourced_with_replaced_listeners(replaceable, en):
    """spaCy replaces listeners when a component is sourced without its upstream."""
    nlp, examples, _ = replaceable
    docs = [example.x for example in examples]
    before = predictions(nlp, docs)
    nlp.to_bytes()
    other = blank(en)
    other.add_pipe("vae_encoder", source=nlp)
    other.add_pipe("ner", source=nlp)
    other.add_pipe("extractor", source=nlp)
    assert_same_predictions(predictions(other, docs), before)


def test_embed_from_config_is_kept_in_the_replacement(replaceable):
    nlp, _, _ = replaceable
    nlp.replace_listeners("vae_encoder", "extractor", ["model.tok2vec"])
    block = nlp.get_pipe_config("extractor")["model"]["tok2vec"]
    assert block["@architectures"] == "spacy-vaedie.LatentTok2Vec.v1"
    assert block["vae"]["embed"] == EMBED
