"""Writing with small models that were trained for a moment: what comes out has a form, not a meaning."""

import numpy as np
import pytest
import spacy
import torch
from thinc.api import fix_random_seed

from .helpers import SMALL_VAE, blank, copies, raw_examples

GRU = {"@architectures": "spacy-vaedie.GRUDecoder.v1", "width": 16, "embed_width": 8}
BAG = {"@architectures": "spacy-vaedie.BagOfWordsDecoder.v1"}


LANGUAGE_MODEL = {"@misc": "spacy-vaedie.LanguageModel.v1"}


def make(en, parsed, decoder=None, steps=5, objective=None):
    nlp = blank(en)
    model = SMALL_VAE["model"] if decoder is None else {**SMALL_VAE["model"], "decoder": decoder}
    config = {"model": model} if objective is None else {"model": model, "objective": objective}
    nlp.add_pipe("vae_encoder", config=config)
    raw = raw_examples(parsed)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: raw)
    for _ in range(steps):
        nlp.update(raw, sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def gru(en, parsed):
    return make(en, parsed, GRU)


@pytest.fixture(scope="module")
def bag(en, parsed):
    return make(en, parsed, BAG)


@pytest.fixture(scope="module")
def words(en, parsed):
    return make(en, parsed)


def known(nlp, text):
    return set(text.split()) <= set(nlp.get_pipe("vae_encoder").model.attrs["words"])


def test_samples(gru):
    encoder = gru.get_pipe("vae_encoder")
    texts = encoder.sample(6, seed=1, max_length=9)
    assert len(texts) == 6
    assert texts == encoder.sample(6, seed=1, max_length=9)
    assert texts != encoder.sample(6, seed=2, max_length=9)
    assert all(known(gru, text) and len(text.split()) <= 9 for text in texts)
    assert encoder.sample(0) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"n": -1},
        {"max_length": -1},
        {"seed": -1},
        {"seed": 2**63},
        {"temperature": -0.5},
        {"temperature": float("inf")},
        {"temperature": float("nan")},
    ],
)
def test_settings_out_of_range(gru, settings):
    with pytest.raises(ValueError, match=f"VE107.*'{next(iter(settings))}'"):
        gru.get_pipe("vae_encoder").sample(**{"n": 1, **settings})


def test_settings_of_the_others_out_of_range(gru, bag, parsed):
    encoder = gru.get_pipe("vae_encoder")
    docs = copies(parsed[:2])
    with pytest.raises(ValueError, match="VE107.*'max_length'"):
        encoder.reconstruct(docs, max_length=-1)
    with pytest.raises(ValueError, match="VE107.*'max_length'"):
        encoder.interpolate(*docs, max_length=-1)
    with pytest.raises(ValueError, match="VE107.*'steps'"):
        encoder.interpolate(*docs, steps=0)
    with pytest.raises(ValueError, match="VE107.*'n'"):
        encoder.nearest(docs[0], docs, n=-1)
    with pytest.raises(ValueError, match="VE107.*'n'"):
        bag.get_pipe("vae_encoder").top_words(0, n=-1)


@pytest.mark.parametrize("temperature", [1e-6, 1e-40, 1e-300])
def test_a_tiny_temperature(gru, temperature):
    encoder = gru.get_pipe("vae_encoder")
    assert encoder.sample(4, seed=3, temperature=temperature) == encoder.sample(4, seed=3, temperature=0.0)


def test_a_high_temperature(gru):
    assert len(gru.get_pipe("vae_encoder").sample(2, seed=3, temperature=1e6)) == 2


def test_an_empty_text_has_no_place(gru, parsed):
    encoder = gru.get_pipe("vae_encoder")
    doc, other, empty = *copies(parsed[:2]), gru.make_doc("")
    for ends in ((doc, empty), (empty, doc)):
        with pytest.raises(ValueError, match="VE119.*interpolate"):
            encoder.interpolate(*ends)
        with pytest.raises(ValueError, match="VE119.*find near texts"):
            encoder.nearest(ends[0], [doc, other], other=ends[1])
    assert encoder.nearest(doc, [empty, other, empty, doc], n=4) == [doc, other]
    with pytest.raises(ValueError, match="VE114"):
        encoder.nearest(doc, [empty])


def test_an_empty_text_has_nothing_to_reconstruct(gru, parsed):
    encoder = gru.get_pipe("vae_encoder")
    texts = encoder.reconstruct([gru.make_doc(""), *copies(parsed[:1])])
    assert texts == ["", *encoder.reconstruct(copies(parsed[:1]))]


def test_temperature_zero_takes_the_likeliest_words(gru):
    encoder = gru.get_pipe("vae_encoder")
    assert encoder.sample(4, seed=3, temperature=0.0) == encoder.sample(4, seed=3, temperature=0.0)


def test_what_is_written_does_not_change_the_pipe(gru, parsed):
    encoder = gru.get_pipe("vae_encoder")
    before = encoder.to_bytes()
    doc = copies(parsed[:1])[0]
    encoder.reconstruct([doc])
    encoder.sample(2)
    assert encoder.to_bytes() == before
    assert doc._.latents is None


def test_interpolation_starts_and_ends_at_the_texts(gru, parsed):
    encoder = gru.get_pipe("vae_encoder")
    first, last = copies([parsed[0], parsed[3]])
    texts = encoder.interpolate(first, last, steps=4)
    assert len(texts) == 4
    assert [texts[0], texts[-1]] == encoder.reconstruct([first, last])


def test_reconstruction_of_words(words, parsed):
    encoder = words.get_pipe("vae_encoder")
    docs = copies(parsed)
    texts = encoder.reconstruct(docs)
    assert [len(text.split()) for text in texts] == [len(doc) for doc in docs]
    assert all(known(words, text) for text in texts)
    assert encoder.reconstruct([]) == []


def test_a_model_that_has_learned_its_text_reconstructs_it(en, parsed):
    nlp = make(en, parsed[:3], {**GRU, "word_dropout": 0.5}, steps=0)
    raw = raw_examples(parsed[:3])
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    for _ in range(150):
        nlp.update(raw, sgd=optimizer)
    texts = nlp.get_pipe("vae_encoder").reconstruct(copies(parsed[:3]))
    assert texts == [" ".join(token.lower_ for token in doc) for doc in parsed[:3]]


def test_nearest(gru, parsed):
    encoder = gru.get_pipe("vae_encoder")
    docs = copies(parsed)
    assert encoder.nearest(docs[2], docs, n=1) == [docs[2]]
    found = encoder.nearest(docs[0], docs, n=3, other=docs[1])
    means = np.stack([doc._.latent for doc in gru.pipe(copies(parsed))])
    distances = np.linalg.norm(means - (means[0] + means[1]) / 2, axis=1)
    assert [docs.index(doc) for doc in found] == np.argsort(distances)[:3].tolist()
    with pytest.raises(ValueError, match="VE114"):
        encoder.nearest(docs[0], [])


def test_top_words(bag):
    encoder = bag.get_pipe("vae_encoder")
    found = encoder.top_words(2, n=4)
    assert len(set(found)) == 4
    topics = encoder.model.shims[0].network.decoder.topics
    row = encoder.model.attrs["words"].index("mills") + 1
    topics.data[2, row] += 100.0
    assert encoder.top_words(2, n=4)[0] == "mills"
    for dim in (-1, 4):
        with pytest.raises(ValueError, match=f"VE113.*no dimension {dim} .*there are 4"):
            encoder.top_words(dim)


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        ("words", ["sample", "interpolate", "top_words"]),
        ("bag", ["sample", "interpolate", "reconstruct"]),
        ("gru", ["top_words"]),
    ],
)
def test_what_a_decoder_cannot_do(request, parsed, kind, calls):
    nlp = request.getfixturevalue(kind)
    encoder = nlp.get_pipe("vae_encoder")
    docs = copies(parsed[:2])
    arguments = {"sample": [1], "interpolate": docs, "top_words": [0], "reconstruct": [docs]}
    for call in calls:
        with pytest.raises(ValueError, match=r"VE112.*'vae_encoder' cannot .*spacy-vaedie\.\w+\.v1"):
            getattr(encoder, call)(*arguments[call])


def test_a_language_model_writes_from_zeros(en, parsed):
    encoder = make(en, parsed, GRU, objective=LANGUAGE_MODEL).get_pipe("vae_encoder")
    texts = encoder.sample(5, seed=1)
    assert len(set(texts)) > 1
    # The likeliest text is one, since no latents tell texts apart.
    assert len(set(encoder.sample(5, seed=1, temperature=0.0))) == 1
    # Weights of the latents are as they were made.
    torch.nn.init.normal_(encoder.model.shims[0].network.decoder.first.weight, std=100.0)
    assert encoder.sample(5, seed=1) == texts


@pytest.mark.parametrize(
    ("decoder", "calls"),
    [
        (None, {"reconstruct": "WordDecoder.v1, spacy-vaedie.GRUDecoder", "nearest": "BagOfWords"}),
        (GRU, {"reconstruct": "GRUDecoder", "interpolate": "GRUDecoder", "nearest": "BagOfWords"}),
        (BAG, {"top_words": "BagOfWords", "nearest": "GRUDecoder"}),
    ],
)
def test_what_a_language_model_cannot_do(en, parsed, decoder, calls):
    encoder = make(en, parsed, decoder, steps=0, objective=LANGUAGE_MODEL).get_pipe("vae_encoder")
    docs = copies(parsed[:2])
    arguments = {"interpolate": docs, "top_words": [0], "reconstruct": [docs], "nearest": [docs[0], docs]}
    for call, options in calls.items():
        with pytest.raises(ValueError, match=rf"VE117.*'vae_encoder' cannot .*that can: .*{options}"):
            getattr(encoder, call)(*arguments[call])


def test_a_pipe_without_weights(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={"model": {**SMALL_VAE["model"], "decoder": GRU}})
    with pytest.raises(ValueError, match="VE101"):
        nlp.get_pipe("vae_encoder").sample(1)


@pytest.mark.parametrize("kind", ["gru", "bag"])
def test_saved_and_loaded(request, parsed, kind, tmp_path):
    nlp = request.getfixturevalue(kind)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    one, other = nlp.get_pipe("vae_encoder"), loaded.get_pipe("vae_encoder")
    assert one.model.attrs["words"] == other.model.attrs["words"]
    if kind == "gru":
        assert one.sample(3, seed=5) == other.sample(3, seed=5)
    else:
        assert one.top_words(1) == other.top_words(1)
    for doc, again in zip(nlp.pipe(copies(parsed)), loaded.pipe(copies(parsed)), strict=True):
        np.testing.assert_allclose(doc._.latent, again._.latent, atol=1e-5)
        # Nothing is learned of single tokens by these decoders, so they have no latents.
        assert doc[0]._.latent.shape == (0,)
        assert doc._.latents.vectors.shape == (len(doc), 16)
