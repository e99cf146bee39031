import pickle

import numpy as np
import pytest
from thinc.api import Adam

from spacy_vaedie.models.last_update import LastUpdate

from . import parsed
from .test_shim import make_tok2vec, train


def arrays(model):
    """All weights, as copies."""
    found = {name: tensor.detach().numpy().copy() for name, tensor in model.shims[0].network.named_parameters()}
    for i, node in enumerate(model.walk()):
        found.update({f"{i}.{name}": node.get_param(name).copy() for name in node.param_names})
    return found


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name in found:
        np.testing.assert_array_equal(found[name], expected[name])


def update(model, optimizer, last):
    last.open(model, optimizer, 7)
    train(model, optimizer, n_steps=1)
    last.close(model)


@pytest.fixture
def model():
    model = make_tok2vec()
    model.initialize(X=[parsed.founded()])
    return model


def test_one_update_is_undone(model):
    last, optimizer = LastUpdate(), Adam(0.1, use_averages=True)
    for _ in range(3):
        before, averages = arrays(model), {key: value.copy() for key, value in optimizer.averages.items()}
        update(model, optimizer, last)
    changed = arrays(model)
    assert not any(np.array_equal(changed[name], before[name]) for name in before)
    last.undo()
    assert_same(arrays(model), before)
    assert averages
    assert_same(optimizer.averages, averages)
    assert last.step == 7
    # A second time changes nothing more.
    last.undo()
    assert_same(arrays(model), before)


def test_the_average_of_a_first_update(model):
    last, optimizer = LastUpdate(), Adam(0.1, use_averages=True)
    before = arrays(model)
    update(model, optimizer, last)
    last.undo()
    with model.use_params(optimizer.averages):
        assert_same(arrays(model), before)


def test_while_averages_are_in_use(model):
    """`spacy train` evaluates so, and saves so after an error."""
    last, optimizer = LastUpdate(), Adam(0.1, use_averages=True)
    update(model, optimizer, last)
    before = arrays(model)
    update(model, optimizer, last)
    with model.use_params(optimizer.averages):
        for array in optimizer.averages.values():
            array.fill(np.nan)
        last.undo()
        assert all(np.isfinite(array).all() for array in arrays(model).values())
    assert_same(arrays(model), before)


def test_without_an_optimizer(model):
    last, before = LastUpdate(), arrays(model)
    last.open(model, None, None)
    model.shims[0].network.encoder.reduce.linear.weight.data.fill_(np.nan)
    last.undo()
    assert_same(arrays(model), before)


def test_nothing_of_it_is_pickled(model):
    last = LastUpdate()
    update(model, Adam(0.1), last)
    loaded = pickle.loads(pickle.dumps(last))
    assert loaded.optimizer is None
    loaded.undo()
