import math

import pytest
import torch

from spacy_vaedie.models.network.encoder import (
    LOG_VARIANCE_RANGE,
    Graph,
    Maxout,
    ParseEncoder,
    Posterior,
    Tok2VecNetwork,
    pool_docs,
    sample,
)
from spacy_vaedie.models.network.objective import kl_divergence
from spacy_vaedie.tokens.dependency import read_parse

from . import parsed
from .gradients import assert_gradients, double, weigh

CPU = torch.device("cpu")
WORDS, SYNTAX, N_WORDS = 5, 3, 9


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_gradients_of_the_encoder():
    parse = read_parse(parsed.batch())
    network = ParseEncoder(WORDS, 6, window_layers=2, parse_layers=2, pieces=3).double()
    x, graph = double(len(parse.heads), WORDS), Graph(parse, CPU)
    assert_gradients(lambda: weigh({"hidden": network(x, graph, 0.0)}), {"x": x, **dict(network.named_parameters())})


def test_neighbours():
    docs = [parsed.empty(), parsed.rained(), parsed.single(), parsed.empty(), parsed.founded()]
    graph = Graph(read_parse(docs), CPU)
    nobody, row = 13, 0
    for doc in docs:
        for token in doc:
            i = row + token.i
            assert int(graph.left[i]) == (nobody if token.i == 0 else i - 1)
            assert int(graph.right[i]) == (nobody if token.i == len(doc) - 1 else i + 1)
            assert int(graph.head[i]) == (nobody if token.head == token else row + token.head.i)
            children = graph.children[graph.parents == i].tolist()
            assert children == [row + child.i for child in token.children]
            assert int(graph.n_children[i]) == max(len(children), 1)
        row += len(doc)


def test_the_encoder_does_not_mix_docs():
    docs = parsed.batch()
    network = Tok2VecNetwork(n_in=WORDS + SYNTAX, width=6, window_layers=2, parse_layers=2, pieces=3)
    words, syntax = torch.randn(sum(len(doc) for doc in docs), WORDS), torch.randn(sum(map(len, docs)), SYNTAX)
    together = network(words, syntax, read_parse(docs), 0.0)["hidden"]
    row = 0
    for doc in docs:
        part = slice(row, row + len(doc))
        alone = network(words[part], syntax[part], read_parse([doc]), 0.0)["hidden"]
        assert alone.shape == (len(doc), 6)
        assert torch.allclose(alone, together[part], atol=1e-5)
        row += len(doc)


def test_the_encoder_reads_neighbours_head_and_children_only():
    doc = parsed.founded()
    parse = read_parse([doc])
    graph, x = Graph(parse, CPU), double(len(doc), WORDS)
    for window_layers, parse_layers in ((1, 0), (0, 1), (2, 0), (0, 2)):
        network = ParseEncoder(WORDS, 6, window_layers, parse_layers, 2).double()
        before = network(x, graph, 0.0)
        for changed in range(len(doc)):
            other = x.clone()
            other[changed] += 5.0
            moved = {int(i) for i in (network(other, graph, 0.0) - before).abs().sum(1).nonzero().squeeze(1)}
            if window_layers:
                reach = {i for i in range(len(doc)) if abs(i - changed) <= window_layers}
            else:
                reach = {changed}
                for _ in range(parse_layers):
                    reach |= {doc[i].head.i for i in reach} | {child.i for i in reach for child in doc[i].children}
            assert moved <= reach
            assert len(moved) > 1


def test_children_are_averaged():
    """A second child that says the same changes nothing."""
    one = parsed.make_doc(["a", "b"], [0, 0])
    two = parsed.make_doc(["a", "b", "b"], [0, 0, 0])
    network, x = ParseEncoder(WORDS, 6, 0, 2, 2).double(), double(2, WORDS)
    first = network(x, Graph(read_parse([one]), CPU), 0.0)
    second = network(x[[0, 1, 1]], Graph(read_parse([two]), CPU), 0.0)
    assert torch.allclose(first[[0, 1, 1]], second)
    assert not torch.allclose(first[0], network(x[:1], Graph(read_parse([parsed.single()]), CPU), 0.0)[0])


def test_dropout_is_for_training_only():
    layer, x = Maxout(WORDS, 6, 2), torch.randn(50, WORDS)
    layer.eval()
    assert torch.equal(layer(x, 0.5), layer(x, 0.0))
    layer.train()
    dropped = float((layer(x, 0.5) == 0).float().mean())
    assert 0.35 < dropped < 0.65
    assert torch.equal(layer(x, 0.0), layer(x, 0.0))


def test_pool_docs():
    docs = parsed.batch()
    hidden = double(sum(len(doc) for doc in docs), 6)
    pooled = pool_docs(hidden, Graph(read_parse(docs), CPU))
    for part, found in zip(hidden.split([len(doc) for doc in docs]), pooled, strict=True):
        assert torch.allclose(found, part.mean(0) if len(part) else torch.zeros_like(found))


def test_log_variances_are_bounded():
    with torch.no_grad():
        mean, log_variance = Posterior(6, 4)(1000.0 * torch.randn(50, 6))
    low, high = LOG_VARIANCE_RANGE
    assert float(log_variance.min()) == low
    assert float(log_variance.max()) == high
    assert float(mean.abs().max()) > high
    assert torch.isfinite(kl_divergence(mean, log_variance)).all()


def test_samples_have_mean_and_variance():
    mean, log_variance = torch.tensor([[0.5, -2.0]]), torch.tensor([[0.0, math.log(4.0)]])
    draws = sample(mean.expand(200_000, 2), log_variance.expand(200_000, 2), torch.Generator().manual_seed(0))
    assert torch.allclose(draws.mean(0), mean[0], atol=0.02)
    assert torch.allclose(draws.var(0), torch.tensor([1.0, 4.0]), rtol=0.02)
    again = sample(mean, log_variance, torch.Generator().manual_seed(4))
    assert torch.equal(again, sample(mean, log_variance, torch.Generator().manual_seed(4)))
    assert not torch.equal(again, sample(mean, log_variance, torch.Generator().manual_seed(5)))
