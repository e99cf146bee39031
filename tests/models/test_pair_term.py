import numpy as np
import pytest
import torch
from thinc.api import fix_random_seed

from spacy_vaedie.models.network.objective import Bound
from spacy_vaedie.models.network.pair_term import PairTerm
from spacy_vaedie.models.noun_pairs import build_pair_term, draw_noun_pairs
from spacy_vaedie.models.vae import VAEBatch
from spacy_vaedie.tokens.dependency import read_parse

from . import parsed
from .gradients import assert_gradients, double
from .layers import make_vae
from .test_objective import N_WORDS, SYNTAX, WORDS
from .test_objective import make_vae as make_network
from .test_vae import DOCS, objective

PAIRS = {"width": 5, "latent_width": 3, "masked": 0.5, "weight": 0.7}


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def make_pairs(docs=None, per_doc=2):
    parse = read_parse(parsed.batch() if docs is None else docs)
    return parse, draw_noun_pairs(parse, per_doc, np.random.default_rng(1))


@pytest.mark.parametrize("latents", ["sampled", "mean"])
@pytest.mark.parametrize("free_bits", [0.0, 0.1, 100.0])
def test_gradients(latents, free_bits):
    parse, pairs = make_pairs()
    network = make_network(pairs=PAIRS)
    words, syntax = double(len(parse.heads), WORDS), double(len(parse.heads), SYNTAX)
    targets = np.arange(len(words)) % N_WORDS
    bound = Bound(targets, kl_weight=0.7, free_bits=free_bits, seed=1, latents=latents, pairs=pairs)
    used = {name: value for name, value in network.named_parameters() if latents == "sampled" or "log_var" not in name}
    assert_gradients(
        lambda: network(words, syntax, parse, read=False, bound=bound)["loss"],
        {"words": words, "syntax": syntax, **used},
    )


def test_the_loss_by_hand():
    """One pair, no mask, means in place of samples: softmaxes worked out apart from the network."""
    parse, pairs = make_pairs([parsed.founded()], per_doc=1)
    network = make_network(pairs={**PAIRS, "masked": 0.0}, masked=0.0)
    words, syntax = double(len(parse.heads), WORDS), double(len(parse.heads), SYNTAX)
    targets = np.arange(len(words)) % N_WORDS
    settings = {"kl_weight": 0.3, "free_bits": 0.0, "seed": 1, "latents": "mean"}
    losses = [
        network(words, syntax, parse, read=True, bound=Bound(targets, **settings, pairs=item)) for item in (None, pairs)
    ]
    mean, log_variance = network.pairs.infer(losses[0]["hidden"], pairs, 0.0)
    asked = [pairs.heads, pairs.tails, pairs.words]
    total = 0.0
    for layer, rows in zip(network.pairs.decoder.hidden, asked, strict=True):
        decoder = network.pairs.decoder
        scores = torch.softmax(decoder.words(decoder.norm(torch.nn.functional.gelu(layer(mean)))), dim=1)
        total -= scores[0, targets[rows]].log().sum().item()
    kl = (0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)).sum().item()
    expected = 0.7 * (total + 0.3 * kl) / (2 + len(pairs.words))
    assert (losses[1]["loss"] - losses[0]["loss"]).item() == pytest.approx(expected)
    # The figures of the words do not change.
    assert losses[1]["reconstruction"].item() == losses[0]["reconstruction"].item()


def test_nouns_are_hidden_in_their_share():
    parse, pairs = make_pairs([parsed.founded()] * 400, per_doc=1)
    term = PairTerm(n_in=4, n_words=9, width=5, latent_width=3, masked=0.6, weight=1.0)
    before = torch.zeros(len(parse.heads), dtype=torch.bool)
    before[0] = True
    hidden = term.hide(pairs, before, torch.Generator().manual_seed(0))
    assert hidden[0]
    assert int(before.sum()) == 1
    both = hidden[torch.as_tensor(pairs.heads)], hidden[torch.as_tensor(pairs.tails)]
    assert float(both[0].float().mean()) == pytest.approx(0.6, abs=0.08)
    assert (both[0] != both[1]).sum() <= 1
    others = np.setdiff1d(np.arange(len(before)), [0, *pairs.heads, *pairs.tails])
    assert not hidden[torch.as_tensor(others)].any()


def test_no_pairs_no_loss():
    parse, pairs = make_pairs([parsed.single()])
    network = make_network(pairs=PAIRS)
    words, syntax = double(1, WORDS), double(1, SYNTAX)
    losses = [
        network(words, syntax, parse, bound=Bound(np.array([1]), 0.5, 0.0, seed=1, pairs=item))["loss"].item()
        for item in (None, pairs)
    ]
    assert losses[0] == losses[1]


def test_a_new_decoder_after_the_warm_up():
    network = make_network(pairs=PAIRS)
    before = network.pairs.decoder.words.weight.clone()
    network.reset_decoder()
    assert not torch.equal(network.pairs.decoder.words.weight, before)


def test_the_model_draws_pairs_in_training_alone():
    vae = make_vae(DOCS, pairs=build_pair_term(width=5, latent_width=3, weight=100.0))
    batch = VAEBatch(DOCS, read=False, objective=objective())
    with_term, _ = vae.begin_update(batch)
    vae.attrs["pairs_per_doc"] = 0
    without, _ = vae.begin_update(batch)
    assert float(with_term["loss"]) > float(without["loss"]) + 1.0
    vae.attrs["pairs_per_doc"] = 1
    held_out = [vae.predict(VAEBatch(DOCS, read=False, objective=objective()))["loss"] for _ in range(2)]
    assert held_out[0] == held_out[1] == pytest.approx(float(without["loss"]), rel=1e-5)


def test_the_same_seed_draws_the_same_pairs():
    vae = make_vae(DOCS, pairs=build_pair_term(width=5, latent_width=3))
    losses = []
    for seed in (3, 3, 4):
        fix_random_seed(seed)
        losses.append(float(vae.begin_update(VAEBatch(DOCS, read=False, objective=objective()))[0]["loss"]))
    assert losses[0] == losses[1] != losses[2]
