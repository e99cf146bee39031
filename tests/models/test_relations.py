import numpy as np
import pytest
import spacy
import torch
from thinc.api import Adam, fix_random_seed, set_dropout_rate

from spacy_vaedie.models import pair_index
from spacy_vaedie.models.candidates import build_entity_pairs
from spacy_vaedie.models.listeners import build_latent_listener
from spacy_vaedie.models.network import pairs
from spacy_vaedie.models.pair_parts import DIRECT, build_arguments
from spacy_vaedie.models.relations import build_pair_classifier, predict_without, resize, split_pairs

from . import parsed
from .layers import hash_embeddings, make_parts, make_tok2vec


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def propose(docs):
    return [build_entity_pairs()(doc) for doc in docs]


def make_classifier(docs=None, n_labels=3, parts=None):
    model = build_pair_classifier(make_tok2vec(), make_parts() if parts is None else parts, width=8, n_heads=2)
    if docs:
        model.set_dim("nO", n_labels)
        model.initialize(X=(docs, propose(docs)))
        # These start at zero, where nothing would show.
        model.shims[0].network.output.data.normal_()
        if "context" in model.attrs["settings"]["parts"]:
            network = model.shims[0].network
            network.parts[network.names.index("context")].weight.data.normal_()
        for part in model.shims[0].network.weights:
            part.weight.data.normal_(std=0.1)
    return model


DOCS = [parsed.founded(), parsed.random_doc(1), parsed.random_doc(2)]


def test_one_row_of_logits_a_pair():
    docs = [parsed.empty(), *DOCS, parsed.single()]
    candidates = propose(docs)
    logits = make_classifier(DOCS).predict((docs, candidates))
    assert logits.shape == (2, 18, 3)
    assert [part.shape[1] for part in split_pairs(logits.swapaxes(0, 1).reshape(18, 1, -1), candidates)] == [1] * 5
    assert [len(part) for part in split_pairs(logits[0], candidates)] == [0, 6, 6, 6, 0]
    assert np.array_equal(split_pairs(logits[0], candidates)[2], logits[0, 6:12])


def test_logits_do_not_depend_on_the_batch():
    docs = [DOCS[0], parsed.empty(), DOCS[1], parsed.single(), DOCS[2]]
    model, candidates = make_classifier(DOCS), propose(docs)
    together = split_pairs(model.predict((docs, candidates)).swapaxes(0, 1), candidates)
    for doc, item, expected in zip(docs, candidates, together, strict=True):
        alone = model.predict(([doc], [item])).swapaxes(0, 1)
        assert alone.shape == expected.shape
        assert np.allclose(alone, expected, atol=1e-4)


def test_direction_counts():
    model, candidates = make_classifier(DOCS), propose(DOCS[:1])
    logits = model.predict((DOCS[:1], candidates))
    there, back = (
        [i for i, row in enumerate(candidates[0].offsets().tolist()) if row == pair]
        for pair in ([0, 2, 3, 5], [3, 5, 0, 2])
    )
    assert not np.allclose(logits[:, there], logits[:, back])


@pytest.mark.parametrize("docs", [[parsed.single(), parsed.rained()], [parsed.empty(), parsed.single()]])
def test_no_pairs_send_zeros_to_the_token_vectors(docs):
    model, received = make_classifier(DOCS), []
    tok2vec = model.get_ref("tok2vec")
    forward = tok2vec._func

    def spy(layer, inputs, is_train):
        vectors, backprop = forward(layer, inputs, is_train)
        return vectors, lambda gradients: (received.append(gradients), backprop(gradients))[1]

    tok2vec._func = spy
    logits, backprop = model.begin_update((docs, propose(docs)))
    assert logits.shape == (2, 0, 3)
    backprop(np.zeros((2, 0, 3), dtype="float32"))
    assert [[array.shape for array in gradients] for gradients in received] == [[(len(doc), 5) for doc in docs]]
    assert all(not array.any() for array in received[0])
    model.finish_update(Adam(0.1))


def test_gradients_reach_the_token_vectors():
    model = make_classifier(DOCS)
    logits, backprop = model.begin_update((DOCS, propose(DOCS)))
    backprop(np.ones_like(logits))
    assert all(np.abs(node.get_grad("E")).sum() > 0 for node in hash_embeddings(model))
    assert all(float(tensor.grad.abs().sum()) > 0 for tensor in model.shims[0].network.parameters())


def test_unknown_pairs_learn_nothing():
    """A gradient of zero at a pair changes no weight."""
    model = make_classifier(DOCS)
    before = model.to_bytes()
    logits, backprop = model.begin_update((DOCS, propose(DOCS)))
    backprop(np.zeros_like(logits))
    model.finish_update(Adam(0.1, L2=0.0))
    assert model.to_bytes() == before


def test_training_learns():
    model, candidates = make_classifier(DOCS), propose(DOCS)
    optimizer, targets = Adam(0.01), np.arange(18) % 3
    for _ in range(60):
        logits, backprop = model.begin_update((DOCS, candidates))
        exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
        gradient = exp / exp.sum(axis=-1, keepdims=True)
        gradient[:, np.arange(18), targets] -= 1.0
        backprop(gradient / 18)
        model.finish_update(optimizer)
    predicted = model.predict((DOCS, candidates)).mean(axis=0).argmax(axis=1)
    assert (predicted == targets).mean() > 0.9


def test_dropout_is_for_training_only():
    model, candidates = make_classifier(DOCS), propose(DOCS)
    clean = model.predict((DOCS, candidates))
    set_dropout_rate(model, 0.5)
    assert np.array_equal(model.predict((DOCS, candidates)), clean)
    assert not np.allclose(model.begin_update((DOCS, candidates))[0], clean)


def gradients(model):
    return {name: tensor.grad.clone() for name, tensor in model.shims[0].network.named_parameters()}


def update(model, seed=0):
    """The logits of a batch in training, and the gradients of all weights."""
    fix_random_seed(seed)
    logits, backprop = model.begin_update((DOCS, propose(DOCS)))
    backprop(np.random.default_rng(1).normal(size=logits.shape).astype("float32"))
    found = [node.get_grad("E").copy() for node in hash_embeddings(model)], gradients(model)
    model.finish_update(Adam(0.0))
    return logits, *found


@pytest.mark.parametrize("size", [60, 300])
def test_blocks_say_what_all_pairs_at_once_say(monkeypatch, size):
    docs = [parsed.empty(), *DOCS, parsed.single()]
    model, candidates = make_classifier(DOCS), propose(docs)
    names = [None, "latents", *make_parts()]
    whole = model.predict((docs, candidates))
    without = [predict_without(model, docs, candidates, name) for name in names]
    updated = update(model)
    monkeypatch.setattr(pair_index, "BLOCK_ROWS", size)
    assert 1 < len(pair_index.index_blocks(docs, candidates)) <= 18
    assert np.allclose(model.predict((docs, candidates)), whole, atol=1e-5)
    for name, expected in zip(names, without, strict=True):
        assert np.allclose(predict_without(model, docs, candidates, name), expected, atol=1e-5)
    logits, embedded, weights = update(model)
    assert np.allclose(logits, updated[0], atol=1e-5)
    assert all(np.allclose(array, other, atol=1e-4) for array, other in zip(embedded, updated[1], strict=True))
    assert all(torch.allclose(weights[name], grad, atol=1e-4) for name, grad in updated[2].items())


def test_blocks_keep_their_dropout_when_scored_again(monkeypatch):
    """The gradients are those of the logits that training saw."""
    monkeypatch.setattr(pair_index, "BLOCK_ROWS", 60)
    model = make_classifier(DOCS)
    set_dropout_rate(model, 0.5)
    again, other = update(model), update(model, seed=1)
    assert not np.allclose(again[0], other[0])
    monkeypatch.setattr(pairs, "checkpoint", lambda score, *args, use_reentrant: score(*args))
    kept = update(model)
    assert np.array_equal(again[0], kept[0])
    assert all(torch.allclose(again[2][name], grad, atol=1e-6) for name, grad in kept[2].items())
    # What is drawn afterwards does not depend on how often a block was scored.
    after = torch.rand(1)
    monkeypatch.undo()
    monkeypatch.setattr(pair_index, "BLOCK_ROWS", 60)
    update(model)
    assert torch.equal(torch.rand(1), after)


def test_memory_does_not_grow_with_the_pairs(monkeypatch):
    """A part never sees more than a block, however many pairs a text has, and training keeps none of them."""
    heads = [max(i - 1, i // 10 * 10) for i in range(120)]
    doc = parsed.make_doc([f"w{i % 7}" for i in range(120)], heads, ents=[(i, i + 1, "A") for i in range(55)])
    candidates = build_entity_pairs(max_sentences=1000)(doc)
    assert len(candidates.pairs) == 55 * 54
    monkeypatch.setattr(pair_index, "BLOCK_ROWS", 2000)
    model, seen, kept = make_classifier(DOCS), [], {}
    network = model.shims[0].network
    network.parts[network.names.index("context")].register_forward_hook(
        lambda part, inputs, output: seen.append((len(inputs[1].context.rows) + len(inputs[1].path[0]), len(output)))
    )
    most = 2000 + 120

    def check():
        assert sum(n_pairs for _, n_pairs in seen) == 55 * 54
        assert max(n_rows for n_rows, _ in seen) <= most < sum(n_rows for n_rows, _ in seen) / 20
        seen.clear()

    model.predict(([doc], [candidates]))
    check()

    def pack(tensor):
        kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.layers[0].begin_update([doc])
        token_vectors = sum(kept.values())
        kept.clear()
        logits, backprop = model.begin_update(([doc], [candidates]))
        # And the concatenated vectors, once.
        assert sum(kept.values()) <= token_vectors + 120 * 5
        check()
        backprop(np.ones_like(logits))
    check()


def test_resize_keeps_what_was_learned():
    model, candidates = make_classifier(DOCS), propose(DOCS)
    before, old_id = model.predict((DOCS, candidates)), model.shims[0].id
    resize(model, 5)
    after = model.predict((DOCS, candidates))
    assert after.shape == (2, 18, 5)
    assert np.allclose(after[:, :, :3], before, atol=1e-6)
    assert (after[:, :, 3:] < after[:, :, :3].max(axis=-1, keepdims=True)).all()
    assert model.shims[0].id != old_id
    loaded = make_classifier().from_bytes(model.to_bytes())
    assert np.array_equal(loaded.predict((DOCS, candidates)), after)


def test_resize_after_training_with_the_same_optimizer():
    model, candidates, optimizer = make_classifier(DOCS), propose(DOCS), Adam(0.01)
    for n_labels in (3, 4):
        resize(model, n_labels)
        logits, backprop = model.begin_update((DOCS, candidates))
        backprop(logits)
        model.finish_update(optimizer)
    assert model.predict((DOCS, candidates)).shape == (2, 18, 4)


def test_resize_before_initialization():
    model = make_classifier()
    resize(model, 4)
    resize(model, 6)
    model.initialize(X=(DOCS, propose(DOCS)))
    assert model.predict((DOCS, propose(DOCS))).shape == (2, 18, 6)


def test_bytes_and_copies():
    model, candidates = make_classifier(DOCS), propose(DOCS)
    expected = model.predict((DOCS, candidates))
    assert np.array_equal(make_classifier().from_bytes(model.to_bytes()).predict((DOCS, candidates)), expected)
    assert np.array_equal(model.copy().predict((DOCS, candidates)), expected)


def test_a_listener_that_nobody_feeds():
    model = build_pair_classifier(build_latent_listener("encoder"), make_parts(), width=8)
    resize(model, 3)
    with pytest.raises(ValueError, match="VE108.*'encoder'"):
        model.initialize(X=(DOCS, propose(DOCS)))


def test_before_initialization():
    with pytest.raises((KeyError, ValueError)):
        make_classifier().predict((DOCS, propose(DOCS)))


def test_it_is_registered():
    assert spacy.registry.architectures.get("spacy-vaedie.PairClassifier.v2") is build_pair_classifier


@pytest.mark.parametrize("name", [name for name, part in make_parts().items() if part.kind not in DIRECT])
def test_each_part_works_alone_and_can_be_left_out(name):
    candidates = propose(DOCS)
    alone = make_classifier(DOCS, parts={name: make_parts()[name]}).predict((DOCS, candidates))
    rest = make_classifier(DOCS, parts={**make_parts(), name: None}).predict((DOCS, candidates))
    assert alone.shape == rest.shape == (2, 18, 3)
    assert np.isfinite(alone).all()
    assert not np.allclose(alone, rest)


@pytest.mark.parametrize(
    "settings",
    [
        {"parts": {}},
        {"parts": {"path": None}},
        {"parts": {"weights": make_parts()["weights"]}},
        {"parts": {"latents": build_arguments()}},
        {"width": 0},
        {"n_heads": 0},
    ],
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match="VE107.*PairClassifier.v2"):
        build_pair_classifier(make_tok2vec(), **{"parts": make_parts(), **settings})


@pytest.mark.parametrize("name", ["type", "keys", "forward", "a.b"])
def test_parts_under_any_name(name):
    model = make_classifier(DOCS, parts={name: build_arguments()})
    logits = model.predict((DOCS, propose(DOCS)))
    assert np.array_equal(
        make_classifier(parts={name: build_arguments()}).from_bytes(model.to_bytes()).predict((DOCS, propose(DOCS))),
        logits,
    )
