import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from thinc.api import Adam, Dropout, Model, PyTorchWrapper, chain, list2array, set_dropout_rate, with_array
from torch import nn

from spacy_vaedie.models.network.weights import sum_weights
from spacy_vaedie.models.remembered import build_remembered_tok2vec, group_by_length, text_key

from . import parsed
from .layers import hash_embeddings, make_embed


def counting(seen):
    """A layer that writes down how many texts it gets each time."""

    def forward(model, docs, is_train):
        seen.append(len(docs))
        return docs, lambda gradients: gradients

    return Model("counting", forward)


def make_layer(seen=None, **settings):
    seen = [] if seen is None else seen
    model = build_remembered_tok2vec(chain(counting(seen), make_embed(), with_array(Dropout(0.0))), **settings)
    model.initialize(X=parsed.batch())
    seen.clear()
    return model


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def weights_of(model):
    return hash_embeddings(model)[0].get_param("E")


@pytest.mark.parametrize(
    ("lengths", "size", "groups"),
    [
        ([], 10, []),
        ([0, 0], 10, []),
        ([3, 0, 5, 4], 10, [[0, 3], [2]]),
        ([3, 0, 5, 4], 15, [[0, 3, 2]]),
        ([12, 2, 30], 10, [[1], [0], [2]]),
        ([1, 1, 1], 2, [[0, 1], [2]]),
    ],
)
def test_groups(lengths, size, groups):
    assert group_by_length(lengths, size) == groups


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize("group_words", [1, 9, 500])
def test_the_rows_are_those_of_the_layer(frozen, is_train, group_words):
    model, docs = make_layer(frozen=frozen, group_words=group_words), parsed.batch()
    expected = [model.layers[0].predict([doc])[0] for doc in docs if len(doc)]
    for _ in range(2):
        rows, backprop = model(docs, is_train)
        assert [array.shape for array in rows] == [(len(doc), 6) for doc in docs]
        assert_same([array for array in rows if len(array)], expected)
        backprop(rows)
    assert model.get_dim("nO") == 6


def test_empty_docs_alone():
    model = make_layer()
    rows, backprop = model([parsed.empty()] * 2, True)
    assert [array.shape for array in rows] == [(0, 6), (0, 6)]
    backprop(rows)


def test_texts_of_like_length_run_together():
    seen = []
    model = make_layer(seen, group_words=8)
    model.predict([parsed.founded(), parsed.single(), parsed.rained(), parsed.single(), parsed.empty()])
    # 1, 1 and 4 words would be 12 with their padding.
    assert seen == [2, 1, 1]


def test_frozen_weights_stay_and_nothing_is_dropped():
    model, docs, optimizer = make_layer(), parsed.batch(), Adam(0.1)
    before, clean = weights_of(model).copy(), model.predict(docs)
    set_dropout_rate(model, 0.5)
    rows, backprop = model(docs, True)
    assert_same(rows, clean)
    backprop([np.ones_like(array) for array in rows])
    model.finish_update(optimizer)
    np.testing.assert_array_equal(weights_of(model), before)


def test_trained_with_the_rest_the_gradient_is_that_of_the_layer():
    docs = parsed.batch()
    random = np.random.default_rng(0)
    gradient = [random.normal(size=(len(doc), 6)).astype("float32") for doc in docs]
    model = make_layer(frozen=False, group_words=6)
    plain = model.layers[0].copy()
    filled = [i for i, doc in enumerate(docs) if len(doc)]
    plain([docs[i] for i in filled], True)[1]([gradient[i] for i in filled])
    model(docs, True)[1](gradient)
    found, expected = (hash_embeddings(part)[0].get_grad("E") for part in (model, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert expected.any()
    set_dropout_rate(model, 0.9)
    assert any((one != other).any() for one, other in zip(model(docs, True)[0], model.predict(docs), strict=True))


def test_each_text_of_a_training_runs_once():
    seen = []
    model, docs = make_layer(seen), [parsed.founded(), parsed.rained(), parsed.rained()]
    for _ in range(2):
        model(docs, True)
        model.predict(docs)
        assert seen == [2]
    # From then on, those of the development set too.
    assert_same(model.predict([parsed.single()]), model.predict([parsed.single()]))
    assert seen == [2, 1]


def test_nothing_is_remembered_outside_of_training():
    seen = []
    model = make_layer(seen)
    for _ in range(2):
        model.predict([parsed.founded()])
    assert seen == [1, 1]
    assert not model.attrs["memory"].rows


def test_nothing_is_remembered_where_it_is_not_frozen():
    seen = []
    model, docs = make_layer(seen), [parsed.founded()]
    model(docs, True)
    model.attrs["frozen"] = False
    model(docs, True)
    assert not model.attrs["memory"].rows
    model.attrs["frozen"] = True
    model(docs, True)
    assert seen == [1, 1, 1]


def test_other_weights_are_noticed():
    model, docs = make_layer(), [parsed.founded()]
    model(docs, True)
    other = model.layers[0].copy()
    hash_embeddings(other)[0].set_param("E", 2 * weights_of(model))
    model.layers[0].from_bytes(other.to_bytes())
    assert_same(model.predict(docs), other.predict(docs))
    assert_same(model(docs, True)[0], other.predict(docs))


def test_the_weights_of_a_torch_network_are_noticed():
    linear = nn.Linear(2, 3)
    model = chain(list2array(), PyTorchWrapper(linear))
    before = sum_weights(model)
    assert sum_weights(model) == before
    linear.weight.data[0, 0] += 1
    assert sum_weights(model) != before


@pytest.mark.parametrize(("max_words", "kept"), [(0, 0), (3, 1), (4, 4), (11, 5), (12, 12), (50, 13)])
def test_the_memory_is_bounded(max_words, kept):
    """What does not fit any more is not kept, what was there before is."""
    model, docs = make_layer(max_words=max_words), [parsed.rained(), parsed.founded(), parsed.single()]
    expected = model.predict(docs)
    for doc in docs:
        model([doc], True)
    memory = model.attrs["memory"]
    assert memory.n_words == sum(map(len, memory.rows.values())) == kept
    assert_same(model(docs, True)[0], expected)


def test_the_rows_belong_to_the_caller():
    model, docs = make_layer(), [parsed.founded(), parsed.founded()]
    expected = model.predict(docs)
    for _ in range(2):
        rows, _ = model(docs, True)
        assert_same(rows, expected)
        rows[0] *= 0


def test_a_copy_and_a_saved_model_remember_nothing():
    model, docs = make_layer(), parsed.batch()
    rows, _ = model(docs, True)
    copy, loaded = model.copy(), make_layer(frozen=False).from_bytes(model.to_bytes())
    assert model.attrs["memory"].rows
    for other in (copy, loaded):
        assert not other.attrs["memory"].rows
        assert other.attrs["frozen"]
        assert_same(other.predict(docs), rows)


def test_texts_are_told_apart():
    vocab = spacy.blank("en").vocab
    settings = [
        {"words": ["a", "b"]},
        {"words": ["b", "a"]},
        {"words": ["ab"]},
        {"words": ["a", "b"], "spaces": [False, True]},
        {"words": ["a", "b"], "sent_starts": [True, True]},
    ]
    assert len({text_key(Doc(vocab, **values)) for values in settings}) == len(settings)
    assert text_key(Doc(vocab, words=["a", "b"])) == text_key(Doc(vocab, words=["a", "b"], tags=["A", "B"]))


@pytest.mark.parametrize(("setting", "value"), [("max_words", -1), ("group_words", 0)])
def test_sizes_out_of_range(setting, value):
    with pytest.raises(ValueError, match=f"VE107.*'{setting}' is {value}"):
        build_remembered_tok2vec(make_embed(), **{setting: value})
