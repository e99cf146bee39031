import numpy as np
import pytest
import spacy
from spacy.tokens import Span
from thinc.api import Adam, fix_random_seed, set_dropout_rate

from spacy_vaedie.models.candidates import build_entity_pairs, build_span_pairs, concatenate
from spacy_vaedie.models.listeners import build_latent_listener
from spacy_vaedie.models.relations import (
    CONTEXT,
    MAX_BETWEEN,
    _mix,
    build_pair_classifier,
    index_pairs,
    lexical_features,
    resize,
    split_pairs,
)
from spacy_vaedie.tokens.dependency import read_evidence, read_parse, shortest_paths, span_roots

from . import parsed
from .layers import hash_embeddings, make_tok2vec

SETTINGS = {"buckets": 1 << 20, "path_buckets": 1 << 10}
GROUPS = ("heads", "tails", "between", "path", "features")


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def propose(docs):
    return [build_entity_pairs()(doc) for doc in docs]


def make_classifier(docs=None, n_labels=3, **settings):
    sizes = {"width": 8, "n_heads": 2, "buckets": 64, "path_buckets": 16, **settings}
    model = build_pair_classifier(make_tok2vec(), **sizes)
    if docs:
        model.set_dim("nO", n_labels)
        model.initialize(X=(docs, propose(docs)))
        # The last layer starts at zero, where nothing would show.
        model.shims[0].network.output.data.normal_()
    return model


DOCS = [parsed.founded(), parsed.random_doc(1), parsed.random_doc(2)]


def grouped(index, name, n_pairs):
    """The rows of each pair."""
    rows, firsts = getattr(index, name)
    return np.split(rows, firsts[1:]) if n_pairs else []


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
    model = build_pair_classifier(build_latent_listener("encoder"), width=8)
    resize(model, 3)
    with pytest.raises(ValueError, match="VE108.*'encoder'"):
        model.initialize(X=(DOCS, propose(DOCS)))


def test_before_initialization():
    with pytest.raises((KeyError, ValueError)):
        make_classifier().predict((DOCS, propose(DOCS)))


def test_index_of_a_pair_by_hand():
    doc = parsed.founded()
    candidates = build_entity_pairs()(doc)
    index = index_pairs([parsed.single(), doc], propose([parsed.single()]) + [candidates], SETTINGS)
    pairs = candidates.offsets().tolist()
    # All rows count from the batch, in which one token comes before.
    for name, place, expected in (
        ("heads", [0, 2, 3, 5], [1, 2]),
        ("tails", [0, 2, 3, 5], [4, 5]),
        ("between", [0, 2, 3, 5], [3]),
        ("between", [3, 5, 0, 2], [3]),
        ("between", [3, 5, 6, 7], [6]),
        ("between", [0, 2, 6, 7], [3, 4, 5, 6]),
        ("path", [0, 2, 3, 5], [2, 3, 5]),
        ("path", [3, 5, 0, 2], [5, 3, 2]),
        ("path", [6, 7, 0, 2], [7, 6, 3, 2]),
    ):
        assert grouped(index, name, 6)[pairs.index(place)].tolist() == expected, name
    assert index.head_roots.tolist() == [2, 2, 5, 5, 7, 7]
    assert index.tail_roots.tolist() == [5, 7, 2, 7, 2, 5]
    evidence = [read_evidence(doc, (row[0], row[1]), (row[2], row[3])).tokens for row in pairs]
    assert [(path - 1).tolist() for path in grouped(index, "path", 6)] == [list(tokens) for tokens in evidence]


def test_steps_are_told_apart_by_label_and_direction():
    doc = parsed.make_doc(["a", "b", "c"], [1, 1, 1], ["dep", "ROOT", "dep"], [(0, 1, "A"), (1, 2, "A"), (2, 3, "A")])
    candidates = build_entity_pairs()(doc)
    index = index_pairs([doc], [candidates], SETTINGS)
    labels = np.split(index.path_labels, index.path[1][1:])
    path = labels[candidates.offsets()[:, [0, 2]].tolist().index([0, 2])]
    back = labels[candidates.offsets()[:, [0, 2]].tolist().index([2, 0])]
    assert len(set(path.tolist())) == 3
    assert path.tolist() == back.tolist()


def test_index_does_not_depend_on_the_batch():
    """The same Doc alone, and between others, gives the same buckets."""
    docs = [DOCS[2], parsed.empty(), DOCS[0], DOCS[1], parsed.single(), DOCS[0]]
    candidates = propose(docs)
    together = index_pairs(docs, candidates, SETTINGS)
    n_pairs = len(together.head_roots)
    groups = {name: grouped(together, name, n_pairs) for name in GROUPS}
    labels = np.split(together.path_labels, together.path[1][1:])
    pair = row = 0
    for doc, item in zip(docs, candidates, strict=True):
        alone = index_pairs([doc], [item], SETTINGS)
        for i in range(len(item.pairs)):
            for name in GROUPS:
                shift = 0 if name == "features" else row
                found = grouped(alone, name, len(item.pairs))[i]
                assert np.array_equal(found + shift, groups[name][pair + i]), name
            assert np.array_equal(np.split(alone.path_labels, alone.path[1][1:])[i], labels[pair + i])
            assert alone.head_roots[i] + row == together.head_roots[pair + i]
            assert alone.tail_roots[i] + row == together.tail_roots[pair + i]
        pair, row = pair + len(item.pairs), row + len(doc)
    assert pair == n_pairs == 24


def test_buckets_are_the_same_in_every_process():
    """Saved weights stand at these buckets: the hash must never change, nor depend on the machine."""

    def mix(*values):
        mixed, bits = 0, (1 << 64) - 1
        for value in values:
            mixed = ((mixed ^ value) + 0x9E3779B97F4A7C15) & bits
            mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & bits
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & bits
            mixed ^= mixed >> 31
        return mixed

    # The first output of splitmix64 with the seed 0, as its authors publish it.
    assert mix(0) == 0xE220A8397B1DCDAF
    columns = np.random.default_rng(0).integers(0, 1 << 64, (3, 50), dtype="uint64")
    assert _mix(*columns).tolist() == [mix(*(int(value) for value in row)) for row in columns.T]


def test_buckets_are_rows_of_the_tables():
    index = index_pairs(DOCS, propose(DOCS), {"buckets": 50, "path_buckets": 7})
    for buckets, size in ((index.features[0], 50), (index.path_labels, 7)):
        assert buckets.dtype == np.int64
        assert set(buckets.tolist()) <= set(range(size))
        assert len(set(buckets.tolist())) > size // 2


def features_of(doc, candidates):
    parse = read_parse([doc])
    batch = concatenate([candidates], parse.starts)
    heads, tails = batch.spans[batch.pairs[:, 0]], batch.spans[batch.pairs[:, 1]]
    roots = span_roots(parse, heads[:, 0], heads[:, 1]), span_roots(parse, tails[:, 0], tails[:, 1])
    start = np.minimum(heads[:, 1], tails[:, 1])
    end = np.maximum(np.maximum(heads[:, 0], tails[:, 0]), start)
    hashes, owners = lexical_features(parse, batch, roots, shortest_paths(parse, *roots), (start, end))
    return [sorted(hashes[owners == i].tolist()) for i in range(len(batch.pairs))]


def chain_doc(words, ents):
    """Each word hangs from the one before, but those behind the last argument hang from the first word."""
    last = max(end for _, end, _ in ents)
    return parsed.make_doc(words, [max(i - 1, 0) if i < last else 0 for i in range(len(words))], ents=ents)


def test_context_is_read_up_to_its_reach():
    words = [f"w{i}" for i in range(12)]
    ents = [(4, 5, "A"), (7, 8, "B")]
    before = features_of(chain_doc(words, ents), build_entity_pairs()(chain_doc(words, ents)))
    for i in range(12):
        changed = [*words[:i], "other", *words[i + 1 :]]
        doc = chain_doc(changed, ents)
        after = features_of(doc, build_entity_pairs()(doc))
        reads = 4 - CONTEXT <= i < 8 + CONTEXT
        assert [x != y for x, y in zip(before, after, strict=True)] == [reads, reads], i


def test_features_stay_inside_of_the_doc():
    """Arguments at both ends: what stands before and behind in the batch plays no part."""
    doc = parsed.make_doc(["a", "b", "c"], [1, 1, 1], ents=[(0, 1, "A"), (2, 3, "B")])
    alone = index_pairs([doc], propose([doc]), SETTINGS).features[0]
    for other in (parsed.founded(), parsed.rained(), parsed.single()):
        index = index_pairs([other, doc, other], propose([parsed.empty(), doc, parsed.empty()]), SETTINGS)
        assert np.array_equal(index.features[0], alone)


@pytest.mark.parametrize(
    "change",
    [
        lambda doc: doc.set_ents([Span(doc, 0, 2, "ORG"), Span(doc, 3, 5, "ORG")]),
        lambda doc: setattr(doc[4], "dep_", "nsubj"),
        lambda doc: setattr(doc[4], "lemma_", "mill"),
        lambda doc: setattr(doc[2], "lemma_", "leave"),
    ],
)
def test_features_see_types_labels_and_words(change):
    doc, other = parsed.founded(), parsed.founded()
    for one in (doc, other):
        one.set_ents([Span(one, 0, 2, "PERSON"), Span(one, 3, 5, "ORG")])
    before = features_of(doc, build_entity_pairs()(doc))
    assert features_of(other, build_entity_pairs()(other)) == before
    change(other)
    assert all(x != y for x, y in zip(before, features_of(other, build_entity_pairs()(other)), strict=True))


def test_features_tell_order_from_direction():
    doc = parsed.make_doc(["a", "b", "a"], [1, 1, 1], ["dep", "ROOT", "dep"], [(0, 1, "A"), (2, 3, "A")])
    there, back = features_of(doc, build_entity_pairs()(doc))
    assert there != back


def test_nested_overlapping_and_neighbouring_spans():
    doc = parsed.founded()
    doc.spans["sc"] = [Span(doc, start, end, "A") for start, end in ((0, 5), (3, 5), (4, 6), (5, 6), (0, 8), (7, 8))]
    candidates = build_span_pairs()(doc)
    index = index_pairs([doc], [candidates], SETTINGS)
    n_pairs = len(candidates.pairs)
    assert n_pairs == 30
    between = grouped(index, "between", n_pairs)
    for row, rows in zip(candidates.offsets().tolist(), between, strict=True):
        first, second = sorted([row[:2], row[2:]])
        assert rows.tolist() == list(range(first[1], second[0]))
    logits = make_classifier(DOCS).predict(([doc], [candidates]))
    assert np.isfinite(logits).all()


def test_long_distances_are_cut():
    n_tokens = 3 * MAX_BETWEEN
    doc = parsed.make_doc(["word"] * n_tokens, [0] * n_tokens, ents=[(0, 1, "A"), (n_tokens - 1, n_tokens, "A")])
    index = index_pairs([doc], propose([doc]), SETTINGS)
    assert [rows.tolist() for rows in grouped(index, "between", 2)] == [list(range(1, 1 + MAX_BETWEEN))] * 2


def test_index_of_nothing():
    docs = [parsed.empty(), parsed.single()]
    index = index_pairs(docs, propose(docs), SETTINGS)
    assert len(index.head_roots) == len(index.tail_roots) == len(index.path_labels) == 0
    for name in GROUPS:
        assert [len(part) for part in getattr(index, name)] == [0, 0]


def test_it_is_registered():
    assert spacy.registry.architectures.get("spacy-vaedie.PairClassifier.v1") is build_pair_classifier
