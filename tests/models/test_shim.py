import io
import os
import pickle

import numpy as np
import pytest
import srsly
import torch
from spacy.ml import FeatureExtractor
from thinc.api import Adam, HashEmbed, chain, list2ragged, ragged2list, with_array
from torch import nn

from spacy_vaedie.models.network.shim import NetworkShim
from spacy_vaedie.models.tok2vec import build_parse_tok2vec

from . import parsed


class Plain(nn.Module):
    """y = W x, and the loss of a target of zero."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_out, n_in))

    def forward(self, x, scale=1.0, with_loss=False):
        y = x @ self.weight.T * scale
        return {"y": y, "twice": 2 * y, **({"loss": (y**2).sum()} if with_loss else {})}


class Dropped(nn.Module):
    def forward(self, x):
        return {"y": nn.functional.dropout(x, 0.5, self.training)}


def make_shim(n_in=3, n_out=2):
    shim = NetworkShim(Plain)
    shim.build(n_in=n_in, n_out=n_out)
    return shim


def make_tok2vec():
    columns = with_array(HashEmbed(6, 50, column=0, seed=1))
    embed = chain(FeatureExtractor(["NORM"]), list2ragged(), columns, ragged2list())
    return build_parse_tok2vec(embed, width=5, window_layers=1, parse_layers=1, maxout_pieces=2, syntax_width=4)


def train(model, optimizer, n_steps=4):
    docs = [parsed.founded()]
    for _ in range(n_steps):
        vectors, backprop = model.begin_update(docs)
        backprop([vector - 1.0 for vector in vectors])
        model.finish_update(optimizer)


@pytest.fixture
def rows():
    return np.arange(12, dtype="float32").reshape(4, 3)


def weights(shim):
    return {name: tensor.detach().numpy().copy() for name, tensor in shim.network.named_parameters()}


def assert_weights(shim, expected):
    found = weights(shim)
    assert set(found) == set(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_run_without_training(rows):
    outputs, backprop = make_shim().run([rows], scale=0.5, is_train=False)
    assert isinstance(outputs["y"], np.ndarray)
    assert np.array_equal(outputs["y"], rows.sum(1, keepdims=True).repeat(2, 1) / 2)


def test_gradients_by_name(rows):
    shim = make_shim()
    outputs, backprop = shim.run([rows], is_train=True)
    (d_rows,) = backprop({"y": np.ones((4, 2), dtype="float32")})
    assert np.array_equal(d_rows, np.full((4, 3), 2.0))
    assert np.array_equal(shim.network.weight.grad.numpy(), rows.sum(0, keepdims=True).repeat(2, 0))
    _, backprop = shim.run([rows], is_train=True)
    (d_rows,) = backprop({name: np.ones((4, 2), dtype="float32") for name in ("y", "twice")})
    assert np.array_equal(d_rows, np.full((4, 3), 6.0))


def test_a_loss_always_takes_part(rows):
    shim = make_shim()
    _, backprop = shim.run([rows], with_loss=True, is_train=True)
    (d_rows,) = backprop({})
    expected = np.repeat(2 * 2 * rows.sum(1, keepdims=True), 3, axis=1)
    assert np.allclose(d_rows, expected)
    _, backprop = shim.run([rows], with_loss=True, is_train=True)
    (d_rows,) = backprop({"y": np.ones((4, 2), dtype="float32")})
    assert np.allclose(d_rows, expected + 2)


def test_no_gradient_at_all(rows):
    shim = make_shim()
    _, backprop = shim.run([rows], is_train=True)
    (d_rows,) = backprop({})
    assert np.array_equal(d_rows, np.zeros((4, 3)))
    assert shim.network.weight.grad is None


def test_training_mode_reaches_the_network():
    shim = NetworkShim(Dropped)
    shim.build()
    ones = np.ones((100, 3), dtype="float32")
    assert (shim.run([ones], is_train=True)[0]["y"] == 0).any()
    assert (shim.run([ones], is_train=False)[0]["y"] == 1).all()


def test_before_it_is_built(rows):
    shim = NetworkShim(Plain)
    assert not shim.is_built
    with pytest.raises(ValueError, match="VE101"):
        shim.run([rows], is_train=False)
    # Saving, copying and training other parts of the pipeline must work nevertheless.
    assert not shim.copy().is_built
    assert not NetworkShim(Plain).from_bytes(shim.to_bytes()).is_built
    shim.finish_update(Adam(0.1))
    with shim.use_params({}):
        pass


def test_bytes_bring_dimensions_and_weights():
    shim = make_shim(3, 2)
    shim.network.weight.data.normal_()
    loaded = NetworkShim(Plain).from_bytes(shim.to_bytes())
    assert loaded.dims == {"n_in": 3, "n_out": 2}
    assert_weights(loaded, weights(shim))
    # Also over a network of other dimensions.
    other = make_shim(7, 5)
    assert_weights(other.from_bytes(shim.to_bytes()), weights(shim))
    assert other.dims == shim.dims
    # What was saved before it was built leaves no old weights in place.
    assert not other.from_bytes(NetworkShim(Plain).to_bytes()).is_built


def test_only_weights_are_read(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "hacked"),)

    state = io.BytesIO()
    torch.save({"weight": torch.ones(2, 3), "more": Evil()}, state)
    data = srsly.msgpack_dumps({"dims": {"n_in": 3, "n_out": 2}, "state": state.getvalue()})
    with pytest.raises(pickle.UnpicklingError):
        NetworkShim(Plain).from_bytes(data)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_of_both_formats_of_torch_load(zipped):
    """torch has written its files in two ways since 0.4; what is in them are plain tensors under plain names."""
    shim, state = make_shim(), io.BytesIO()
    shim.network.weight.data = torch.arange(6.0).reshape(2, 3)
    torch.save(shim.network.state_dict(), state, _use_new_zipfile_serialization=zipped)
    loaded = NetworkShim(Plain).from_bytes(srsly.msgpack_dumps({"dims": shim.dims, "state": state.getvalue()}))
    assert torch.equal(loaded.network.weight, shim.network.weight)
    plain = torch.load(io.BytesIO(srsly.msgpack_loads(shim.to_bytes())["state"]), weights_only=True)
    assert {name: type(value) for name, value in plain.items()} == {"weight": torch.Tensor}


def test_copies_are_apart():
    shim = make_shim()
    copied = shim.copy()
    assert copied.id != shim.id
    assert copied.dims == shim.dims
    copied.network.weight.data += 1.0
    assert shim.network.weight.max().item() == 1.0


def test_a_copied_model_trains_apart():
    docs = [parsed.founded()]
    model = make_tok2vec()
    model.initialize(X=docs)
    copied = model.copy()
    before = model.predict(docs)[0]
    assert np.array_equal(copied.predict(docs)[0], before)
    optimizer = Adam(0.1)
    train(copied, optimizer)
    assert np.array_equal(model.predict(docs)[0], before)
    assert not np.allclose(copied.predict(docs)[0], before)
    # The same optimizer keeps moments for each of them.
    train(model, optimizer)
    ids = {key[0] for key in optimizer.mom1}
    assert {model.shims[0].id, copied.shims[0].id} <= ids


def test_another_network_gets_another_id():
    shim, optimizer = make_shim(3, 2), Adam(0.1)
    old = shim.id
    rows = np.ones((4, 3), dtype="float32")
    for network, dims in ((None, None), (Plain(3, 4), {"n_in": 3, "n_out": 4})):
        if network is not None:
            shim.replace(network, **dims)
        _, backprop = shim.run([rows], with_loss=True, is_train=True)
        backprop({})
        shim.finish_update(optimizer)
    assert shim.id != old
    assert shim.dims == {"n_in": 3, "n_out": 4}
    assert shim.network is network
    assert NetworkShim(Plain).from_bytes(shim.to_bytes()).network.weight.shape == (4, 3)


def test_use_params_swaps_and_swaps_back(rows):
    shim = make_shim()
    before = weights(shim)
    other = np.full((2, 3), 5.0, dtype="float32")
    with shim.use_params({(shim.id, "weight"): other, (shim.id + 1, "weight"): other * 0, (shim.id, "absent"): other}):
        assert_weights(shim, {"weight": other})
        assert np.array_equal(shim.run([rows], is_train=False)[0]["y"], rows @ other.T)
    assert_weights(shim, before)
    with shim.use_params({}):
        assert_weights(shim, before)
    # The copy that is in use is saved.
    with shim.use_params({(shim.id, "weight"): other}):
        data = shim.to_bytes()
    assert_weights(NetworkShim(Plain).from_bytes(data), {"weight": other})


def test_use_params_swaps_back_after_an_error():
    shim = make_shim()
    before = weights(shim)
    with (
        pytest.raises(RuntimeError, match="inside"),
        shim.use_params({(shim.id, "weight"): np.zeros((2, 3), dtype="float32")}),
    ):
        raise RuntimeError("inside")
    assert_weights(shim, before)


def test_averages_of_the_optimizer_are_used():
    docs = [parsed.founded()]
    model = make_tok2vec()
    model.initialize(X=docs)
    shim, optimizer = model.shims[0], Adam(0.05, use_averages=True)
    steps = []
    for _ in range(5):
        train(model, optimizer, n_steps=1)
        steps.append(weights(shim))
    name = "encoder.reduce.linear.weight"
    # Thinc's running average, step by step.
    average = np.zeros_like(steps[0][name])
    for n_seen, step in enumerate(steps, start=1):
        decay = min((1.0 + n_seen) / (10.0 + n_seen), 0.9999)
        average -= (1 - decay) * (average - step[name])
    after = model.predict(docs)[0]
    with model.use_params(optimizer.averages):
        used = weights(shim)
        averaged = model.predict(docs)[0]
    assert np.allclose(used[name], average, atol=1e-6)
    assert all(not np.array_equal(used[key], steps[-1][key]) for key in used)
    assert not np.allclose(averaged, after)
    assert_weights(shim, steps[-1])
    assert np.array_equal(model.predict(docs)[0], after)


def test_training_goes_on_after_use_params():
    docs = [parsed.founded()]
    model = make_tok2vec()
    model.initialize(X=docs)
    optimizer = Adam(0.05, use_averages=True)
    train(model, optimizer)
    with model.use_params(optimizer.averages):
        model.predict(docs)
    before = weights(model.shims[0])
    train(model, optimizer, n_steps=1)
    assert all(not np.array_equal(before[name], array) for name, array in weights(model.shims[0]).items())
