import numpy as np
import pytest
from thinc.api import fix_random_seed

from spacy_vaedie.models.network.objective import VAENetwork
from spacy_vaedie.models.reading import NoisyReading, build_noisy_reading
from spacy_vaedie.models.vae import VAEBatch
from spacy_vaedie.tokens.dependency import read_parse

from . import parsed
from .gradients import assert_gradients, double, weigh
from .layers import make_vae
from .test_objective import SYNTAX, WORDS
from .test_objective import make_vae as make_network
from .test_vae import DOCS, assert_same


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def read(vae, docs=DOCS):
    return vae.begin_update(VAEBatch(docs))[0]


def test_samples_lie_around_the_means_and_only_in_training():
    vae = make_vae(DOCS, reading=build_noisy_reading())
    clean = vae.predict(VAEBatch(DOCS))
    assert_same(vae.predict(VAEBatch(DOCS)), clean)
    noisy = [read(vae) for _ in range(400)]
    assert not np.allclose(noisy[0]["mean"], noisy[1]["mean"])
    for name in ("hidden", "log_variance", "doc_mean"):
        assert np.allclose(noisy[0][name], clean[name], atol=1e-6), name
    draws = np.stack([item["mean"] for item in noisy])
    std = np.exp(0.5 * clean["log_variance"])
    assert np.abs((draws.mean(axis=0) - clean["mean"]) / std).max() < 0.3
    assert np.allclose(draws.std(axis=0) / std, 1.0, atol=0.2)


def test_hidden_words():
    vae = make_vae(DOCS, reading=build_noisy_reading(sampled=False, masked=1.0), window_layers=0, parse_layers=0)
    network: VAENetwork = vae.shims[0].network
    found = read(vae)
    # Nothing but parts of speech and labels is seen: tokens that share both look alike.
    rows = {}
    for i, token in enumerate(token for doc in DOCS for token in doc):
        rows.setdefault((token.pos, token.dep), []).append(i)
    assert any(len(group) > 1 for group in rows.values())
    for group in rows.values():
        assert np.allclose(found["mean"][group], found["mean"][group[0]], atol=1e-6)
    assert network.mask.grad is None
    assert not np.allclose(vae.predict(VAEBatch(DOCS))["mean"], found["mean"])


def test_gradients():
    parse = read_parse(parsed.batch())
    network = make_network()
    words, syntax = double(len(parse.heads), WORDS), double(len(parse.heads), SYNTAX)

    def function():
        fix_random_seed(1)
        outputs = network(words, syntax, parse, noise=NoisyReading(True, 0.5))
        return weigh({name: outputs[name] for name in ("mean", "hidden")})

    used = {"encoder", "posterior", "mask"}
    weights = {name: value for name, value in network.named_parameters() if name.split(".")[0] in used}
    assert_gradients(function, {"words": words, "syntax": syntax, **weights})


@pytest.mark.parametrize("masked", [-0.1, 1.1])
def test_settings_out_of_range(masked):
    with pytest.raises(ValueError, match=r"VE107.*masked"):
        build_noisy_reading(masked=masked)
