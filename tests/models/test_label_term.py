"""Words of a pair from its label and a latent."""

import numpy as np
import pytest
import torch
from spacy.tokens import Span
from thinc.api import fix_random_seed

from spacy_vaedie.models.candidates import build_entity_pairs, build_span_pairs
from spacy_vaedie.models.label_term import build_label_term, draw_pairs
from spacy_vaedie.models.labelling import UNKNOWN
from spacy_vaedie.models.network.encoder import sample
from spacy_vaedie.models.network.label_term import LabelTerm
from spacy_vaedie.models.network.pairs import PairNetwork
from spacy_vaedie.models.pair_features import TYPE_BUCKETS
from spacy_vaedie.models.pair_index import index_pairs
from spacy_vaedie.models.relations import build_pair_classifier, resize

from . import parsed
from .gradients import assert_gradients, double
from .layers import make_embed, make_parts, make_tok2vec

DOCS = [parsed.founded(), parsed.random_doc(1), parsed.random_doc(2)]
TERM = {"width": 6, "latent_width": 3, "buckets": 20, "weight": 0.5, "kl_weight": 0.2}


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def propose(docs=DOCS):
    return [build_entity_pairs()(doc) for doc in docs]


def some_targets(n_pairs, n_labels=3):
    """Every third pair is not annotated."""
    targets = np.zeros((n_pairs, n_labels), dtype="int8")
    targets[np.arange(n_pairs), np.arange(n_pairs) % n_labels] = 1
    targets[::3] = UNKNOWN
    return targets


def draw(most=100, docs=DOCS, targets=None):
    candidates = propose(docs)
    targets = some_targets(sum(len(item.pairs) for item in candidates)) if targets is None else targets
    return draw_pairs(docs, candidates, targets, most, np.random.default_rng(0))


def test_drawn_pairs():
    every = draw()
    assert every.rows.tolist() == list(range(18))
    assert every.labels.tolist() == [UNKNOWN if i % 3 == 0 else i % 3 for i in range(18)]
    index = index_pairs(DOCS, propose())
    assert np.array_equal(every.pairs.heads, index.head_roots)
    assert np.array_equal(every.pairs.tails, index.tail_roots)
    assert np.array_equal(every.types, index.types)
    assert every.words.shape == (8 + 12 + 12,)
    few = draw(5)
    assert len(few.rows) == 5
    place = [every.rows.tolist().index(row) for row in few.rows]
    assert np.array_equal(few.pairs.heads, every.pairs.heads[place])
    assert np.array_equal(few.labels, every.labels[place])


def test_spans_with_one_root_are_no_pair():
    doc = parsed.founded()
    doc.spans["sc"] = [Span(doc, 0, 2, "A"), Span(doc, 1, 2, "B"), Span(doc, 3, 5, "A")]
    candidates = [build_span_pairs()(doc)]
    found = draw_pairs([doc], candidates, some_targets(6), 100, np.random.default_rng(0))
    assert len(candidates[0].pairs) == 6
    assert len(found.rows) == 4
    assert (found.pairs.heads != found.pairs.tails).all()


def make_network(n_labels=3):
    settings = build_pair_classifier(make_embed(), make_parts(), width=8, n_heads=2).attrs["settings"]
    settings = {**settings, "term": TERM}
    network = PairNetwork(n_in=4, n_labels=n_labels, type_buckets=TYPE_BUCKETS, **settings).double()
    network.output.data = double(*network.output.shape)
    network.prior.data = double(*network.prior.shape)
    return network


def test_gradients():
    """Also of the logits, through the labels that are summed out. The term does not move the prior."""
    batch = draw()
    term = make_network().term
    vectors, logits, prior = double(32, 4), double(2, 18, 3), torch.log_softmax(double(18, 3), dim=1)

    def function():
        torch.manual_seed(1)
        return term(vectors, batch, logits, prior)

    assert_gradients(function, {"vectors": vectors, "logits": logits, **dict(term.named_parameters())})
    known = torch.as_tensor(batch.labels != UNKNOWN)
    assert not logits.grad[:, known].any()
    assert logits.grad[:, ~known].abs().sum() > 0


def test_the_network_adds_it_to_what_it_gives():
    network = make_network()
    index, vectors = index_pairs(DOCS, propose()), double(32, 4).requires_grad_()
    assert set(network(vectors, index, 0.0)) == {"logits"}
    found = network(vectors, index, 0.0, labelled=draw())
    assert set(found) == {"logits", "loss"}
    assert torch.equal(found["logits"], network(vectors, index, 0.0)["logits"])
    found["loss"].backward()
    # Of the prior only what it adds to the logits: the term takes it as given.
    assert network.prior.grad is not None
    assert network.output.grad.abs().sum() > 0


def test_the_bound_by_hand():
    """Two labels, one pair each way: annotated, and summed out."""
    batch = draw(targets=np.concatenate([some_targets(18)[:3], np.full((15, 3), UNKNOWN, dtype="int8")]))
    term = LabelTerm(n_in=4, n_labels=3, **TERM).double()
    vectors, logits, prior = double(32, 4), double(2, 18, 3), torch.log_softmax(double(18, 3), dim=1)
    torch.manual_seed(2)
    found = term(vectors, batch, logits, prior).item()
    torch.manual_seed(2)
    mean, log_variance = term._infer(vectors, batch.pairs)
    latents = sample(mean, log_variance)
    rows = (batch.words % np.uint64(20)).astype(int)
    beliefs = torch.softmax(logits, dim=2).mean(dim=0)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
    total, n_words = 0.0, 0
    for i in range(18):
        words = batch.pairs.words[batch.pairs.owners == i].tolist()
        asked = [(0, int(batch.pairs.heads[i])), (1, int(batch.pairs.tails[i])), *((2, word) for word in words)]
        n_words += len(asked)
        each = []
        for label in range(3):
            likelihood = 0.0
            for layer, word in asked:
                state = term.norm(torch.nn.functional.gelu(term.hidden[layer](latents[i]) + term.label[label]))
                likelihood += torch.log_softmax(term.words(state), dim=0)[rows[word]].item()
            each.append(likelihood)
        if batch.labels[i] != UNKNOWN:
            total += each[batch.labels[i]]
        else:
            q, p = beliefs[i].detach().numpy(), prior[i].numpy()
            total += float((q * (np.array(each) + p - np.log(q))).sum())
        total -= 0.2 * kl[i].item()
    assert n_words == 36 + len(batch.pairs.words)
    assert found == pytest.approx(-0.5 * total / n_words)


def make_classifier(**settings):
    model = build_pair_classifier(
        make_tok2vec(), make_parts(), width=8, n_heads=2, term=build_label_term(**{**TERM, **settings})
    )
    model.set_dim("nO", 3)
    model.initialize(X=(DOCS, propose()))
    model.shims[0].network.output.data.normal_()
    return model


def test_it_takes_part_in_training_alone():
    model = make_classifier(max_pairs=7)
    inputs = (DOCS, propose())
    targets = some_targets(18)
    logits, backprop = model.begin_update((*inputs, targets))
    assert np.allclose(logits, model.predict(inputs), atol=1e-6)
    backprop(np.zeros_like(logits))
    network = model.shims[0].network
    # No loss of the pairs, and still there is something to learn.
    assert network.term.words.weight.grad.abs().sum() > 0
    assert network.output.grad.abs().sum() > 0
    network.zero_grad()
    logits, backprop = model.begin_update(inputs)
    backprop(np.zeros_like(logits))
    assert network.term.words.weight.grad is None or not network.term.words.weight.grad.any()


@pytest.mark.parametrize("docs", [[parsed.single()], [parsed.empty(), parsed.single()]])
def test_no_pairs(docs):
    model = make_classifier()
    logits, backprop = model.begin_update((docs, propose(docs), some_targets(0)))
    assert logits.shape == (2, 0, 3)
    backprop(logits)


def test_more_labels_and_a_round_trip():
    model = make_classifier()
    resize(model, 5)
    assert model.shims[0].network.term.label.shape == (5, 6)
    copy = build_pair_classifier(make_tok2vec(DOCS), make_parts(), width=8, n_heads=2, term=build_label_term(**TERM))
    copy.from_bytes(model.to_bytes())
    assert np.array_equal(copy.predict((DOCS, propose())), model.predict((DOCS, propose())))
    logits, backprop = copy.begin_update((DOCS, propose(), some_targets(18, 5)))
    backprop(logits)


@pytest.mark.parametrize(
    "settings",
    [{"width": 0}, {"latent_width": 0}, {"buckets": 0}, {"weight": -1.0}, {"kl_weight": -0.1}, {"max_pairs": 0}],
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=rf"VE107.*{next(iter(settings))}"):
        build_label_term(**settings)
