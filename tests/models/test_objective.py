import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl

from spacy_vaedie.models.network.objective import Bound, VAENetwork, choose_tokens, floor_kl, kl_divergence
from spacy_vaedie.tokens.dependency import read_parse

from . import parsed
from .gradients import assert_gradients, double, weigh

CPU = torch.device("cpu")
WORDS, SYNTAX, N_WORDS = 5, 3, 9


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def make_vae(**settings):
    sizes = {
        "word_width": WORDS,
        "syntax_width": SYNTAX,
        "n_words": N_WORDS,
        "latent_width": 4,
        "doc_latent_width": 2,
        "corruption": 0.5,
        "masked": 0.6,
        "width": 6,
        "window_layers": 1,
        "parse_layers": 1,
        "pieces": 2,
        "decoder": {"kind": "words", "width": 6},
    }
    network = VAENetwork(**{**sizes, **settings}).double()
    # The mask and the output layers start at zero or near it, where mistakes would not show.
    network.mask.data = double(network.mask.shape[0])
    return network


@pytest.mark.parametrize("free_bits", [0.0, 0.25, 100.0])
@pytest.mark.parametrize("read", [True, False])
def test_gradients_of_the_bound(read, free_bits):
    parse = read_parse(parsed.batch())
    network = make_vae()
    words, syntax = double(len(parse.heads), WORDS), double(len(parse.heads), SYNTAX)
    bound = Bound(np.arange(len(words)) % N_WORDS, kl_weight=0.7, free_bits=free_bits, seed=1)
    kept = {"loss", "mean", "log_variance", "hidden", "doc_mean", "doc_log_variance"}

    def function():
        outputs = network(words, syntax, parse, read=read, bound=bound)
        assert set(outputs) == {"reconstruction", "kl", "doc_kl", "n_units", *(kept if read else {"loss"})}
        return weigh({name: output for name, output in outputs.items() if name in kept})

    assert_gradients(function, {"words": words, "syntax": syntax, **dict(network.named_parameters())})


def test_the_posterior_does_not_mix_docs():
    docs = parsed.batch()
    network = make_vae()
    words, syntax = double(sum(len(doc) for doc in docs), WORDS), double(sum(len(doc) for doc in docs), SYNTAX)
    together = network(words, syntax, read_parse(docs))
    row = 0
    for i, doc in enumerate(docs):
        part = slice(row, row + len(doc))
        alone = network(words[part], syntax[part], read_parse([doc]))
        for name in ("mean", "log_variance", "hidden"):
            assert torch.allclose(alone[name], together[name][part])
        for name in ("doc_mean", "doc_log_variance"):
            assert torch.allclose(alone[name][0], together[name][i])
        row += len(doc)


def test_kl_divergence_against_torch():
    mean, log_variance = 2 * double(20, 4), double(20, 4)
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch_kl(Normal(mean, torch.exp(0.5 * log_variance)), prior)
    found = kl_divergence(mean, log_variance)
    assert torch.allclose(found, expected)
    assert float(found.min()) >= 0.0
    assert float(kl_divergence(torch.zeros(1, 1), torch.zeros(1, 1))) == 0.0


def test_kl_divergence_by_integration():
    grid = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    for mean, log_variance in ((0.0, 0.0), (1.5, -2.0), (-0.3, 1.2)):
        q = Normal(torch.tensor(mean, dtype=torch.float64), torch.tensor(math.exp(0.5 * log_variance)))
        p = Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0))
        expected = torch.trapezoid(q.log_prob(grid).exp() * (q.log_prob(grid) - p.log_prob(grid)), grid)
        found = kl_divergence(torch.tensor(mean), torch.tensor(log_variance))
        assert float(found) == pytest.approx(float(expected), abs=1e-5)


def test_free_bits():
    kl = torch.tensor([0.0, 0.1, 0.25, 2.0], requires_grad=True)
    floored = floor_kl(kl, 0.25)
    assert floored.item() == pytest.approx(0.25 * 3 + 2.0)
    floored.backward()
    assert kl.grad.tolist()[:2] == [0.0, 0.0]
    assert float(kl.grad[3]) == 1.0
    assert floor_kl(kl, 0.0).item() == pytest.approx(2.35)


@pytest.mark.parametrize(("corruption", "masked"), [(0.3, 0.8), (0.05, 0.5), (1.0, 1.0), (1.0, 0.3)])
def test_chosen_tokens_have_their_shares(corruption, masked):
    chosen, hidden = choose_tokens(40_000, corruption, masked, CPU, torch.Generator().manual_seed(1))
    assert len(chosen) / 40_000 == pytest.approx(corruption, abs=0.01)
    assert float(hidden[chosen].float().mean()) == pytest.approx(masked, abs=0.02)
    others = torch.ones(40_000, dtype=torch.bool)
    others[chosen] = False
    assert not hidden[others].any()
    assert chosen.tolist() == sorted(set(chosen.tolist()))


def test_one_token_is_always_chosen():
    for n_tokens in (1, 2, 5):
        for seed in range(20):
            chosen, _ = choose_tokens(n_tokens, 1e-6, 0.5, CPU, torch.Generator().manual_seed(seed))
            assert len(chosen) == 1
            assert 0 <= int(chosen[0]) < n_tokens


def test_choices_follow_the_seed():
    first, second = (choose_tokens(200, 0.3, 0.8, CPU, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    other = choose_tokens(200, 0.3, 0.8, CPU, torch.Generator().manual_seed(8))
    assert not torch.equal(first[1], other[1])


def bound_terms(network, words, syntax, parse, **settings):
    settings = {"targets": np.arange(len(words)) % N_WORDS, "kl_weight": 1.0, "free_bits": 0.0, "seed": 2, **settings}
    with torch.no_grad():
        return network(words, syntax, parse, read=False, bound=Bound(**settings))


def test_hidden_words_are_hidden():
    """A hidden word changes nothing but through its target; a visible one does."""
    docs = [parsed.founded(), parsed.rained(), parsed.founded()]
    parse, network = read_parse(docs), make_vae(corruption=0.6, masked=0.7)
    words, syntax = double(20, WORDS), double(20, SYNTAX)
    chosen, hidden = choose_tokens(20, 0.6, 0.7, CPU, torch.Generator().manual_seed(2))
    assert 0 < int(hidden.sum()) < len(chosen) < 20
    before = bound_terms(network, words, syntax, parse)
    changed = torch.where(hidden.unsqueeze(1), double(20, WORDS), words)
    after = bound_terms(network, changed, syntax, parse)
    for name in before:
        assert torch.equal(before[name], after[name]), name
    # Its target counts, and its place in the parse stays visible.
    row = int(hidden.nonzero()[0])
    targets = np.arange(20) % N_WORDS
    targets[row] = (targets[row] + 1) % N_WORDS
    after = bound_terms(network, words, syntax, parse, targets=targets)
    assert float(after["reconstruction"]) != float(before["reconstruction"])
    assert float(after["kl"]) == float(before["kl"])
    moved = syntax.clone()
    moved[row] += 1.0
    assert float(bound_terms(network, words, moved, parse)["kl"]) != float(before["kl"])
    # A word that was not chosen is read, but not reconstructed.
    seen = next(i for i in range(20) if i not in chosen.tolist())
    changed = words.clone()
    changed[seen] += 1.0
    assert float(bound_terms(network, changed, syntax, parse)["kl"]) != float(before["kl"])
    targets = np.arange(20) % N_WORDS
    targets[seen] = (targets[seen] + 1) % N_WORDS
    after = bound_terms(network, words, syntax, parse, targets=targets)
    assert float(after["reconstruction"]) == float(before["reconstruction"])


def test_nothing_shows_through_when_all_words_are_hidden():
    docs = [parsed.founded(), parsed.rained()]
    network, syntax = make_vae(corruption=1.0, masked=1.0), double(12, SYNTAX)
    first = bound_terms(network, double(12, WORDS), syntax, read_parse(docs))
    second = bound_terms(network, double(12, WORDS), syntax, read_parse(docs))
    for name in first:
        assert torch.equal(first[name], second[name])


def test_the_loss_is_the_sum_of_its_terms():
    docs = [doc for doc in parsed.batch() if len(doc)]
    parse, network = read_parse(docs), make_vae()
    words, syntax = double(21, WORDS), double(21, SYNTAX)
    for weight in (0.0, 0.003, 1.0):
        found = bound_terms(network, words, syntax, parse, kl_weight=weight)
        terms = {name: float(value) for name, value in found.items()}
        expected = terms["reconstruction"] + weight * (terms["kl"] + terms["doc_kl"])
        assert terms["loss"] == pytest.approx(expected)
    floored = bound_terms(network, words, syntax, parse, free_bits=50.0)
    # 4 dimensions a token, and 2 a text, shared by its tokens.
    penalty = float(floored["loss"] - floored["reconstruction"])
    assert penalty == pytest.approx(4 * 50.0 + 2 * 50.0 * len(docs) / 21)


def test_a_decoder_that_knows_nothing_costs_the_log_of_the_vocabulary():
    network = make_vae()
    network.decoder.words.weight.data.zero_()
    network.decoder.words.bias.data.zero_()
    parse = read_parse([parsed.founded()])
    terms = bound_terms(network, double(8, WORDS), double(8, SYNTAX), parse)
    assert float(terms["reconstruction"]) == pytest.approx(math.log(N_WORDS))


def test_a_posterior_at_the_prior_costs_nothing():
    network = make_vae()
    for posterior in (network.posterior, network.doc_posterior):
        for layer in (posterior.mean, posterior.log_variance):
            layer.weight.data.zero_()
            layer.bias.data.zero_()
    terms = bound_terms(network, double(8, WORDS), double(8, SYNTAX), read_parse([parsed.founded()]))
    assert float(terms["kl"]) == float(terms["doc_kl"]) == 0.0


def test_the_bound_follows_the_seed():
    docs = [parsed.founded(), parsed.rained()]
    parse, network = read_parse(docs), make_vae()
    words, syntax = double(12, WORDS), double(12, SYNTAX)
    first, second, other, free, free_again = (
        float(bound_terms(network, words, syntax, parse, seed=seed)["loss"]) for seed in (1, 1, 2, None, None)
    )
    assert first == second
    assert first != other
    assert free != free_again


def test_the_seed_of_a_bound_leaves_the_global_one_alone():
    parse, network = read_parse([parsed.founded()]), make_vae()
    words, syntax = double(8, WORDS), double(8, SYNTAX)
    state = torch.get_rng_state()
    bound_terms(network, words, syntax, parse)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_posterior_does_not_depend_on_the_bound():
    parse, network = read_parse(parsed.batch()), make_vae()
    words, syntax = double(21, WORDS), double(21, SYNTAX)
    plain = network(words, syntax, parse)
    both = network(words, syntax, parse, bound=Bound(np.zeros(21, dtype="int64"), 1.0, 0.0))
    for name, output in plain.items():
        assert torch.equal(output, both[name])


@pytest.mark.parametrize("make", [parsed.single, parsed.empty])
def test_docs_of_one_token_or_none(make):
    docs = [make()]
    network, n_tokens = make_vae(), len(docs[0])
    outputs = network(double(n_tokens, WORDS), double(n_tokens, SYNTAX), read_parse(docs))
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "hidden": (n_tokens, 6),
        "mean": (n_tokens, 4),
        "log_variance": (n_tokens, 4),
        "doc_mean": (1, 2),
        "doc_log_variance": (1, 2),
    }
    assert all(torch.isfinite(output).all() for output in outputs.values())
    if n_tokens:
        terms = bound_terms(network, double(1, WORDS), double(1, SYNTAX), read_parse(docs))
        assert all(math.isfinite(float(term)) for term in terms.values())


def test_words_are_decoded_from_samples():
    """What the decoder gets scatters around the posterior of its token and of its own text."""
    docs = [parsed.founded(), parsed.rained()]
    parse, syntax = read_parse(docs), double(12, SYNTAX)
    network, draws = make_vae(corruption=1.0, masked=1.0), {"token": [], "doc": []}

    def keep(layer, inputs, output):
        _, latents, graph, rows, _ = inputs
        draws["token"].append(latents.tokens)
        draws["doc"].append(latents.docs[graph.doc_index[rows]])

    network.decoder.register_forward_hook(keep)
    for seed in range(600):
        bound_terms(network, double(12, WORDS), syntax, parse, seed=seed)
    # Nothing but the mask is seen, so that the posterior is that of masks throughout.
    with torch.no_grad():
        posterior = network(network.mask.expand(12, WORDS), syntax, parse)
    of_token = torch.as_tensor(parse.doc_index)
    for name, mean, log_variance in (
        ("token", posterior["mean"], posterior["log_variance"]),
        ("doc", posterior["doc_mean"][of_token], posterior["doc_log_variance"][of_token]),
    ):
        found, std = torch.stack(draws[name]), torch.exp(0.5 * log_variance)
        assert float(((found.mean(0) - mean) / std).abs().max()) < 5 / math.sqrt(600)
        assert torch.allclose(found.std(0), std, rtol=0.2)
    assert torch.equal(draws["doc"][0][0], draws["doc"][0][7])
    assert not torch.equal(draws["doc"][0][7], draws["doc"][0][8])
