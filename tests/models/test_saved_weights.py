"""Weights that other versions of torch have saved.

`tests/fixtures/weights-torch-*.msgpack` hold networks as they stand in a saved pipe, and what they answered. To add one
of the version that is installed: `python -m tests.models.test_saved_weights`.
"""

from pathlib import Path

import numpy as np
import pytest
import srsly
import torch

from spacy_vaedie.models.network.objective import Importance, VAENetwork
from spacy_vaedie.models.network.shim import NetworkShim
from spacy_vaedie.tokens.dependency import read_parse

from . import parsed

FOLDER = Path(__file__).parents[1] / "fixtures"
FILES = sorted(FOLDER.glob("weights-torch-*.msgpack"))
N_WORDS, WORDS, SYNTAX = 9, 5, 3
DIMS = {
    "word_width": WORDS,
    "syntax_width": SYNTAX,
    "n_words": N_WORDS,
    "doc_latent_width": 2,
    "corruption": 0.5,
    "masked": 0.6,
    "width": 6,
    "window_layers": 1,
    "parse_layers": 1,
    "pieces": 2,
}
# With buffers, and with each kind of layer that a network is made of.
KINDS = {
    "words": {"latent_width": 4, "decoder": {"kind": "words", "width": 6}, "mean_scale": 0.5},
    "gru": {"latent_width": 0, "decoder": {"kind": "gru", "width": 6, "embed_width": 4, "word_dropout": 0.3}},
    "bag": {"latent_width": 0, "decoder": {"kind": "bag", "frequencies": [5, 1, 2, 9, 1, 1, 3, 4]}},
}


def answers(shim):
    """What a network makes of a text. Nothing of it is drawn: random numbers may change with the version."""
    parse = read_parse([parsed.founded(), parsed.rained()])
    n_tokens = len(parse.heads)
    words, syntax = (np.sin(np.arange(n_tokens * n, dtype="float32")).reshape(-1, n) for n in (WORDS, SYNTAX))
    importance = Importance(np.arange(n_tokens) % N_WORDS, samples=1, seed=0, latents="none")
    outputs, _ = shim.run([words, syntax], parse, importance=importance, is_train=False)
    return {name: array.tolist() for name, array in outputs.items()}


def write_fixture():
    found = {}
    for kind, dims in KINDS.items():
        torch.manual_seed(0)
        shim = NetworkShim(VAENetwork)
        shim.build(**DIMS, **dims)
        # Zeros and ones would hide an array that was not read.
        for tensor in shim.network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape) + 0.1)
        found[kind] = {"saved": shim.to_bytes(), "answers": answers(shim)}
    version = torch.__version__.partition("+")[0]
    (FOLDER / f"weights-torch-{version}.msgpack").write_bytes(srsly.msgpack_dumps(found))


def test_there_is_one():
    assert FILES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_weights_of_another_version_load(file, kind, monkeypatch):
    found = srsly.msgpack_loads(file.read_bytes())[kind]
    load = torch.load
    asked = []
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: asked.append(kwargs) or load(*args, **kwargs))
    shim = NetworkShim(VAENetwork).from_bytes(found["saved"])
    assert [kwargs["weights_only"] for kwargs in asked] == [True]
    outputs = answers(shim)
    assert set(outputs) == set(found["answers"])
    for name, array in outputs.items():
        np.testing.assert_allclose(array, found["answers"][name], atol=1e-5, err_msg=name)


if __name__ == "__main__":
    write_fixture()
