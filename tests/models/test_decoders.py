import math

import numpy as np
import pytest
import spacy
import torch

from spacy_vaedie.models.decoders import build_batch_norm_means, build_gru_decoder, build_word_decoder
from spacy_vaedie.models.network.decoders import DECODERS, Sample, build_decoder
from spacy_vaedie.models.network.encoder import Graph, MeanNorm
from spacy_vaedie.models.network.objective import Bound, Importance, VAENetwork, log_ratio
from spacy_vaedie.tokens.dependency import read_parse

from . import parsed
from .gradients import assert_gradients, double, weigh

CPU = torch.device("cpu")
LATENT, DOC_LATENT, N_WORDS, WORDS, SYNTAX = 4, 3, 9, 5, 3
KINDS = {
    "words": {"kind": "words", "width": 6},
    "gru": {"kind": "gru", "width": 6, "embed_width": 4, "word_dropout": 0.0},
    "bag": {"kind": "bag", "frequencies": [5, 1, 2, 9, 1, 1, 3, 4]},
}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def make_decoder(kind, **settings):
    settings = {**KINDS[kind], **settings}
    settings.pop("kind")
    return build_decoder(kind, settings, LATENT, doc_latent_width=DOC_LATENT, n_words=N_WORDS).double()


def make_vae(kind, mean_scale=None, **settings):
    sizes = {"doc_latent_width": DOC_LATENT, "n_words": N_WORDS, "corruption": 0.5, "masked": 0.6}
    encoder = {"width": 6, "window_layers": 1, "parse_layers": 1, "pieces": 2}
    latent_width = LATENT if DECODERS[kind].reads_tokens else 0
    network = VAENetwork(
        word_width=WORDS,
        syntax_width=SYNTAX,
        latent_width=latent_width,
        decoder={**KINDS[kind], **settings},
        mean_scale=mean_scale,
        **sizes,
        **encoder,
    ).double()
    network.mask.data = double(WORDS)
    return network


def make_batch(docs=None):
    docs = parsed.batch() if docs is None else docs
    n_tokens = sum(len(doc) for doc in docs)
    words = torch.as_tensor(np.arange(n_tokens) % N_WORDS)
    return Graph(read_parse(docs), CPU), words, Sample(double(n_tokens, LATENT), double(len(docs), DOC_LATENT))


def test_every_decoder_is_tested():
    assert set(KINDS) == set(DECODERS)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    graph, words, latents = make_batch()
    decoder = make_decoder(kind)
    tensors = {"docs": latents.docs, **dict(decoder.named_parameters())}
    if decoder.reads_tokens:
        tensors["tokens"] = latents.tokens
    weights = double(len(words))
    assert_gradients(lambda: (weights * decoder(words, latents, graph, torch.arange(len(words)))).sum(), tensors)


@pytest.mark.parametrize("mean_scale", [None, 0.5])
@pytest.mark.parametrize("latents", ["sampled", "mean", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_the_bound(kind, latents, mean_scale):
    network = make_vae(kind, mean_scale)
    parse = read_parse(parsed.batch())
    words, syntax = double(len(parse.heads), WORDS), double(len(parse.heads), SYNTAX)
    bound = Bound(np.arange(len(words)) % N_WORDS, kl_weight=0.7, free_bits=0.1, seed=1, latents=latents)
    reached = network.decoder if latents == "none" else network
    tensors = dict(reached.named_parameters())
    if latents == "none":
        # With latents of zero, what reads them only gets a gradient of zero.
        tensors = {name: tensor for name, tensor in tensors.items() if name != "first.weight"}
    else:
        tensors.update(words=words, syntax=syntax)
    assert_gradients(lambda: network(words, syntax, parse, read=False, bound=bound)["loss"], tensors)


def test_gradients_with_dropped_words():
    """The words that are dropped are drawn anew in each pass, so each pass starts from the same seed."""
    graph, words, latents = make_batch()
    decoder, weights = make_decoder("gru", word_dropout=0.5), double(len(words))
    network = make_vae("gru", 0.5, word_dropout=0.5)
    parse = read_parse(parsed.batch())
    inputs = {"words": double(len(words), WORDS), "syntax": double(len(words), SYNTAX)}
    bound = Bound(np.arange(len(words)) % N_WORDS, kl_weight=0.7, free_bits=0.1, seed=1)

    def likelihood():
        torch.manual_seed(5)
        return (weights * decoder(words, latents, graph, torch.arange(len(words)))).sum()

    def loss():
        torch.manual_seed(5)
        return network(*inputs.values(), parse, read=False, bound=bound)["loss"]

    assert_gradients(likelihood, {"docs": latents.docs, **dict(decoder.named_parameters())})
    # The row that stands for a dropped word is learned.
    assert bool(decoder.embed.weight.grad[decoder.dropped].abs().sum() > 0)
    assert_gradients(loss, {**inputs, **dict(network.named_parameters())})


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_what_listeners_read(kind):
    network = make_vae(kind, 0.5)
    parse = read_parse(parsed.batch())
    words, syntax = double(len(parse.heads), WORDS), double(len(parse.heads), SYNTAX)
    assert_gradients(lambda: weigh(network(words, syntax, parse)), {"words": words, "syntax": syntax})


@pytest.mark.parametrize("kind", KINDS)
def test_texts_do_not_mix(kind):
    docs = [doc for doc in parsed.batch() if len(doc)]
    graph, words, latents = make_batch(docs)
    decoder = make_decoder(kind)
    together = decoder(words, latents, graph, torch.arange(len(words)))
    row = 0
    for i, doc in enumerate(docs):
        part = slice(row, row + len(doc))
        alone = decoder(
            words[part],
            Sample(latents.tokens[part], latents.docs[i : i + 1]),
            Graph(read_parse([doc]), CPU),
            torch.arange(len(doc)),
        )
        assert torch.allclose(alone, together[part])
        row += len(doc)


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_that_knows_nothing_costs_the_log_of_its_choices(kind):
    decoder = make_decoder(kind)
    for parameter in decoder.parameters():
        parameter.data.zero_()
    graph, words, latents = make_batch()
    with torch.no_grad():
        found = decoder(words, latents, graph, torch.arange(len(words))).sum()
    n_choices = {"words": N_WORDS, "gru": N_WORDS + 1, "bag": N_WORDS - 1}[kind]
    assert float(found) == pytest.approx(-math.log(n_choices) * float(decoder.units(words, graph).sum()))


def test_a_recurrent_decoder_sums_to_one():
    """The likelihoods of all texts of up to two words, and of all longer ones, are one in all."""
    decoder, docs = make_decoder("gru"), double(1, DOC_LATENT)

    def likelihood(rows):
        graph = Graph(read_parse([parsed.make_doc(["x"] * len(rows), [0] * len(rows))]), CPU)
        words = torch.as_tensor(rows)
        with torch.no_grad():
            return math.exp(float(decoder(words, Sample(None, docs), graph, torch.arange(len(rows))).sum()))

    # p(w1) = p(w1, end) + p(w1, any second word): compare the sum over second words with a longer prefix.
    with torch.no_grad():
        state = decoder._start(docs)
        states, state = decoder.gru(decoder._read(torch.tensor([[decoder.border]]), docs, 0.0), state)
        first = torch.softmax(decoder._logits(states[:, 0], docs), dim=1)[0]
        for word in range(N_WORDS):
            states, _ = decoder.gru(decoder._read(torch.tensor([[word]]), docs, 0.0), state)
            second = torch.softmax(decoder._logits(states[:, 0], docs), dim=1)[0]
            assert likelihood([word]) == pytest.approx(float(first[word] * second[decoder.border]))
            assert float(second.sum()) == pytest.approx(1.0)


def test_a_bag_starts_from_the_frequencies():
    decoder = make_decoder("bag")
    decoder.topics.data.zero_()
    graph, words, latents = make_batch()
    with torch.no_grad():
        found = decoder(words, latents, graph, torch.arange(len(words)))
    frequencies = torch.tensor([0, *KINDS["bag"]["frequencies"]], dtype=torch.float64)
    known = words > 0
    assert torch.allclose(found[known].exp(), (frequencies / frequencies.sum())[words[known]])
    assert not found[~known].any()


def test_words_of_a_dimension():
    decoder = make_decoder("bag")
    decoder.topics.data[1, 4] = 3.0
    ranked = decoder.dimension_words()
    assert ranked.shape == (DOC_LATENT, N_WORDS - 1)
    # Row 4 of the vocabulary stands in column 3, since the unknown word is left out.
    assert int(ranked[1].argmax()) == 3


def test_dropped_words_are_for_training_only():
    graph, words, latents = make_batch()
    decoder = make_decoder("gru", word_dropout=0.9)
    rows = torch.arange(len(words))
    first, second = decoder(words, latents, graph, rows), decoder(words, latents, graph, rows)
    assert not torch.equal(first, second)
    decoder.eval()
    assert torch.equal(decoder(words, latents, graph, rows), decoder(words, latents, graph, rows))


def test_writing():
    decoder, docs = make_decoder("gru").eval(), double(5, DOC_LATENT)
    greedy = decoder.generate(docs, 7, 0.0)
    assert greedy == decoder.generate(docs, 7, 0.0)
    drawn = [decoder.generate(docs, 7, 1.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    for rows in (*greedy, *drawn[0]):
        assert len(rows) <= 7
        assert all(1 <= row < N_WORDS for row in rows)
    assert decoder.generate(docs[:0], 7, 1.0) == []
    assert decoder.generate(docs[:1], 0, 1.0) == [[]]


def test_the_likeliest_text_is_written():
    decoder, docs = make_decoder("gru").eval(), double(3, DOC_LATENT)
    for rows, latent in zip(decoder.generate(docs, 1, 0.0), docs, strict=True):
        with torch.no_grad():
            states, _ = decoder.gru(
                decoder._read(torch.tensor([[decoder.border]]), latent[None], 0.0), decoder._start(latent[None])
            )
            logits = decoder._logits(states[:, 0], latent[None])[0]
        best = int(logits[1:].argmax()) + 1
        assert rows == ([] if best == decoder.border else [best])


@pytest.mark.parametrize("kind", KINDS)
def test_the_importance_weighted_bound_grows_with_the_samples(kind):
    network = make_vae(kind).eval()
    docs = [parsed.founded(), parsed.empty(), parsed.rained()]
    parse, words, syntax = read_parse(docs), double(12, WORDS), double(12, SYNTAX)
    targets = np.arange(12) % N_WORDS

    def bound(samples, seed):
        with torch.no_grad():
            found = network(words, syntax, parse, read=False, importance=Importance(targets, samples, seed))
        assert float(found["log_likelihood"][1]) == float(found["units"][1]) == 0.0
        return float(found["log_likelihood"].sum())

    means = [np.mean([bound(samples, seed) for seed in range(40)]) for samples in (1, 10, 100)]
    assert means[0] < means[1] < means[2]
    assert bound(5, 3) == bound(5, 3) != bound(5, 4)


def test_one_sample_gives_the_bound_itself():
    """With one sample the importance-weighted bound is, on average, reconstruction and KL divergence."""
    network = make_vae("gru").eval()
    network.masked = 0.0
    docs = [parsed.founded(), parsed.rained()]
    parse, words, syntax = read_parse(docs), double(12, WORDS), double(12, SYNTAX)
    targets = np.arange(12) % N_WORDS
    with torch.no_grad():
        found = [
            float(network(words, syntax, parse, importance=Importance(targets, 1, seed))["log_likelihood"].sum())
            for seed in range(400)
        ]
        terms = [network(words, syntax, parse, bound=Bound(targets, 1.0, 0.0, seed)) for seed in range(400)]
    expected = -14 * np.mean([float(term["loss"]) for term in terms])
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / 20)


def test_without_latents_the_likelihood_is_exact():
    network = make_vae("gru").eval()
    docs = [parsed.founded(), parsed.rained()]
    parse, words, syntax = read_parse(docs), double(12, WORDS), double(12, SYNTAX)
    targets = np.arange(12) % N_WORDS
    with torch.no_grad():
        found = network(words, syntax, parse, importance=Importance(targets, 7, 0, "none"))
        bound = network(words, syntax, parse, bound=Bound(targets, 1.0, 0.0, latents="none"))
    assert float(found["log_likelihood"].sum()) == pytest.approx(-14 * float(bound["loss"]))
    assert found["units"].tolist() == [9.0, 5.0]
    assert float(bound["kl"]) == float(bound["doc_kl"]) == 0.0


def test_log_ratio_against_torch():
    from torch.distributions import Normal

    z, mean, log_variance = double(7, 4), double(7, 4), double(7, 4)
    prior = Normal(torch.zeros_like(z), torch.ones_like(z))
    expected = (prior.log_prob(z) - Normal(mean, torch.exp(0.5 * log_variance)).log_prob(z)).sum(dim=1)
    assert torch.allclose(log_ratio(z, mean, log_variance), expected)


def test_means_without_noise():
    network = make_vae("gru").eval()
    parse, words, syntax = read_parse([parsed.founded()]), double(8, WORDS), double(8, SYNTAX)
    network.masked = 0.0
    bounds = [Bound(np.zeros(8, dtype="int64"), 0.0, 0.0, seed, "mean") for seed in range(3)]
    with torch.no_grad():
        assert len({float(network(words, syntax, parse, bound=bound)["loss"]) for bound in bounds}) == 1


def test_a_new_decoder():
    network = make_vae("gru")
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    network.reset_decoder()
    for name, parameter in network.named_parameters():
        same = parameter.shape == before[name].shape and torch.equal(parameter.double(), before[name])
        # What starts at zero starts there again.
        assert same == (not name.startswith("decoder.") or not before[name].any()), name


def test_normalised_means():
    norm = MeanNorm(3, 0.5).double()
    with torch.no_grad():
        found = norm(7.0 + 4.0 * double(50, 3))
    assert torch.allclose(found.mean(dim=0), torch.zeros(3, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(found.std(dim=0, unbiased=False), torch.full((3,), 0.5, dtype=torch.float64), atol=1e-4)
    # One row alone is measured by what was seen before.
    before = norm.running_mean.clone()
    assert torch.isfinite(norm(double(1, 3))).all()
    assert torch.equal(norm.running_mean, before)
    norm.eval()
    row = double(1, 3)
    assert torch.equal(norm(row), norm(torch.cat([row, double(4, 3)]))[:1])


@pytest.mark.parametrize(
    ("build", "setting", "value"),
    [
        (build_word_decoder, "width", 0),
        (build_gru_decoder, "width", 0),
        (build_gru_decoder, "embed_width", -1),
        (build_gru_decoder, "word_dropout", 1.5),
        (build_batch_norm_means, "scale", 0.0),
    ],
)
def test_settings_out_of_range(build, setting, value):
    with pytest.raises(ValueError, match=f"VE107.*'{setting}' is {value}.*spacy-vaedie"):
        build(**{setting: value})


@pytest.mark.parametrize("name", ["WordDecoder", "GRUDecoder", "BagOfWordsDecoder", "BatchNormMeans"])
def test_they_are_registered(name):
    assert spacy.registry.architectures.get(f"spacy-vaedie.{name}.v1")
