"""Training that goes wrong, and corpora that are hardly any."""

import numpy as np
import pytest
import spacy
import torch
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.training import Example
from thinc.api import Config, fix_random_seed

from spacy_vaedie.training.examples import predicted_copy

from .helpers import SMALL_EXTRACTOR, SMALL_VAE, blank, copies, raw_examples, relation_examples, weights
from .test_generation import BAG, GRU

DECODERS = [None, GRU, BAG]


def make(en, decoder=None, objective=None, **model):
    nlp = blank(en)
    settings = {**SMALL_VAE["model"], **model}
    config = {"model": settings if decoder is None else {**settings, "decoder": decoder}}
    nlp.add_pipe("vae_encoder", config=config if objective is None else {**config, "objective": objective})
    return nlp


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_loss_that_is_no_number(en, parsed, decoder):
    nlp = make(en, decoder)
    raw = raw_examples(parsed)
    optimizer = nlp.initialize(lambda: raw)
    pipe = nlp.get_pipe("vae_encoder")
    before = weights(pipe)
    nlp.update(raw, sgd=optimizer)
    parameter = next(iter(pipe.model.shims[0].network.decoder.parameters()))
    parameter.data.view(-1)[-1] = float("nan")
    longest = max((doc.text for doc in parsed), key=len)
    with pytest.raises(ValueError, match=r"VE110.*became nan at step 1;") as error:
        nlp.update(raw, sgd=optimizer)
    assert longest in str(error.value)
    for name, value in weights(pipe).items():
        np.testing.assert_array_equal(value, before[name])
    assert pipe.cfg["step"] == 0


def test_a_gradient_that_is_no_number(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    examples = relation_examples(en)
    optimizer = nlp.initialize(lambda: examples)
    pipes = [nlp.get_pipe(name) for name in nlp.pipe_names]
    nlp.update(examples, sgd=optimizer)
    before = [weights(pipe) for pipe in pipes]
    nlp.update(examples, sgd=optimizer)
    nlp.update(examples, sgd=False)
    # The loss of a pair that was told right is sound, and so this one slips past it.
    for parameter in pipes[1].model.shims[0].network.parameters():
        parameter.grad = torch.full_like(parameter, float("inf"))
    longest = max((example.text for example in examples), key=len)
    with pytest.raises(ValueError, match=r"VE111.*'extractor' is no number any more \(step 2, ") as error:
        pipes[1].finish_update(optimizer)
    assert longest in str(error.value)
    # What has ruined one pipe has ruined the others.
    for pipe, expected in zip(pipes, before, strict=True):
        for name, value in weights(pipe).items():
            np.testing.assert_array_equal(value, expected[name])


def test_a_loss_of_the_extractor_that_is_no_number(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    pipe = nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    examples = relation_examples(en)
    optimizer = nlp.initialize(lambda: examples)
    nlp.update(examples, sgd=optimizer)
    next(iter(pipe.model.shims[0].network.parameters())).data.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"VE110.*'extractor' became nan at step 1;"):
        nlp.update(examples, sgd=optimizer)
    assert all(np.isfinite(value).all() for value in weights(pipe).values())


def test_a_loss_beyond_all_sense(en, parsed):
    """Weights of 1e20 give a loss that is a number still, and latents of the next text that are none."""
    nlp = make(en)
    raw = raw_examples(parsed)
    optimizer = nlp.initialize(lambda: raw)
    pipe = nlp.get_pipe("vae_encoder")
    before = weights(pipe)
    nlp.update(raw, sgd=optimizer)
    pipe.model.shims[0].network.decoder.words.weight.data *= 1e20
    with pytest.raises(ValueError, match=r"VE110.*became \d.*e\+"):
        nlp.update(raw, sgd=optimizer)
    for name, value in weights(pipe).items():
        np.testing.assert_array_equal(value, before[name])


def test_what_the_network_counts_along_goes_back(en, parsed):
    """Running means are changed by the forward pass, before the loss is known."""
    nlp = make(en, normalize_means={"@architectures": "spacy-vaedie.BatchNormMeans.v1"})
    raw = raw_examples(parsed)
    optimizer = nlp.initialize(lambda: raw)
    network = nlp.get_pipe("vae_encoder").model.shims[0].network
    parameter = network.encoder.reduce.linear.weight
    parameter.data.view(-1)[0] = float("nan")
    with pytest.raises(ValueError, match="VE110"):
        nlp.update(raw, sgd=optimizer)
    assert all(bool(torch.isfinite(buffer).all()) for buffer in network.buffers())


@pytest.mark.filterwarnings("ignore:.*VW102", "ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize("frequency", [1, 10, 200])
@pytest.mark.parametrize("averages", [False, True])
def test_spacy_train_keeps_good_models(en, parsed, tmp_path, frequency, averages):
    config = spacy.blank("en").config.merge(Config().from_str(CONFIG, interpolate=False))
    DocBin(docs=[predicted_copy(doc, entities=False) for doc in parsed]).to_disk(tmp_path / "raw.spacy")
    config.to_disk(tmp_path / "config.cfg")
    path = str(tmp_path / "raw.spacy")
    settings = {"eval_frequency": frequency, "optimizer.use_averages": averages}
    overrides = {
        "paths.train": path,
        "paths.dev": path,
        **{f"training.{key}": value for key, value in settings.items()},
    }
    with pytest.raises(ValueError, match=r"VE11[015].* step \d+[:;, ]") as error:
        train(tmp_path / "config.cfg", tmp_path / "out", overrides=overrides)
    assert max((doc.text for doc in parsed), key=len) in str(error.value)
    # The first evaluation comes with the first update, and none of the later ones may come in time.
    for name in ("model-best", "model-last"):
        nlp = spacy.load(tmp_path / "out" / name)
        pipe = nlp.get_pipe("vae_encoder")
        assert np.isfinite(pipe.score(raw_examples(parsed))["vae_score"])
        for doc in nlp.pipe(copies(parsed)):
            assert np.isfinite(doc._.latents.vectors).all()
            assert np.isfinite(doc._.novelty)
        for value in weights(pipe).values():
            assert np.isfinite(value).all()
            # Before the leap, which takes them beyond 1e20.
            assert np.abs(value).max() < 100


CONFIG = """
[paths]
train = null
dev = null

[nlp]
lang = "en"
pipeline = ["vae_encoder"]

[components]

[components.vae_encoder]
factory = "vae_encoder"

[corpora]

[corpora.train]
@readers = "spacy-vaedie.RawText.v1"
path = ${paths.train}

[corpora.dev]
@readers = "spacy-vaedie.RawText.v1"
path = ${paths.dev}

[training]
train_corpus = "corpora.train"
dev_corpus = "corpora.dev"
seed = 0
max_steps = 30
eval_frequency = 1

[training.optimizer]
@optimizers = "Adam.v1"
grad_clip = 0.0

[training.optimizer.learn_rate]
@schedules = "constant_then.v1"
rate = 0.001
steps = 3

[training.optimizer.learn_rate.schedule]
@schedules = "constant.v1"
rate = 1e30

[training.score_weights]
vae_score = 1.0
"""


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    "texts",
    [["word"], ["word word word"], ["word", "word"], ["one", "two", "three"], ["A single text of a few words."]],
)
def test_corpora_that_are_hardly_any(en, decoder, texts):
    """A vocabulary of one word, a corpus of one text, texts of one token."""
    nlp = make(en, decoder)
    raw = raw_examples(list(en.pipe(texts)))
    optimizer = nlp.initialize(lambda: raw)
    for _ in range(3):
        losses = nlp.update(raw, sgd=optimizer)
    assert np.isfinite(losses["vae_encoder"])
    assert all(np.isfinite(value) for value in nlp.get_pipe("vae_encoder").score(raw).values())
    (latents,) = [nlp(copies([en(texts[0])])[0])._.latents]
    assert np.isfinite(latents.vectors).all()


@pytest.mark.filterwarnings("ignore:.*VW102")
@pytest.mark.parametrize("normalize", [None, {"@architectures": "spacy-vaedie.BatchNormMeans.v1", "scale": 0.5}])
@pytest.mark.parametrize("decoder", DECODERS)
def test_latents_of_one_dimension(en, parsed, decoder, normalize):
    nlp = make(en, decoder, latent_width=1, doc_latent_width=1, normalize_means=normalize)
    raw = raw_examples(parsed)
    optimizer = nlp.initialize(lambda: raw)
    for _ in range(3):
        nlp.update(raw, sgd=optimizer)
    assert nlp(copies(parsed)[0])._.latent.shape == (1,)
    assert 0 <= nlp.get_pipe("vae_encoder").score(raw)["vae_doc_active_units"] <= 1


def test_one_text_a_batch_with_normalised_means(en, parsed):
    nlp = make(en, GRU, normalize_means={"@architectures": "spacy-vaedie.BatchNormMeans.v1"})
    raw = raw_examples(parsed)
    optimizer = nlp.initialize(lambda: raw)
    for example in raw:
        losses = nlp.update([example], sgd=optimizer)
    assert np.isfinite(losses["vae_encoder"])


ELBO = {
    "@misc": "spacy-vaedie.ELBO.v1",
    "kl_weight": {"@schedules": "spacy-vaedie.ConstantKL.v1", "weight": 1.0},
    "free_bits": None,
    "warmup": {"@misc": "spacy-vaedie.AutoencoderWarmup.v1", "steps": 3, "reset_decoder": True},
}


def test_the_decoder_starts_anew_after_the_warm_up(en, parsed):
    nlp = make(en, GRU, ELBO)
    raw = raw_examples(parsed)
    optimizer = nlp.initialize(lambda: raw)
    pipe = nlp.get_pipe("vae_encoder")
    changes = []
    for step in range(5):
        before = weights(pipe)
        assert pipe.objective.at(step).latents == ("mean" if step < 3 else "sampled")
        nlp.update(raw, sgd=optimizer)
        after = weights(pipe)
        changes.append(
            {
                part: max(np.abs(after[name] - before[name]).max() for name in before if name.startswith(part))
                for part in ("decoder.gru", "encoder")
            }
        )
    # New weights differ by more than an update does.
    assert changes[3]["decoder.gru"] > 5 * max(change["decoder.gru"] for i, change in enumerate(changes) if i != 3)
    assert all(0 < change["encoder"] < 0.1 for change in changes)


def test_a_language_model_learns_without_an_encoder(en, parsed):
    nlp = make(en, GRU, {"@misc": "spacy-vaedie.LanguageModel.v1"})
    raw = raw_examples(parsed)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: raw)
    pipe = nlp.get_pipe("vae_encoder")
    before, first = weights(pipe), pipe.score(raw)["vae_reconstruction"]
    for _ in range(10):
        nlp.update(raw, sgd=optimizer)
    after = weights(pipe)
    assert pipe.score(raw)["vae_reconstruction"] < first
    changed = {name.split(".")[0] for name in after if not np.array_equal(after[name], before[name])}
    # The optimizer's weight decay moves the embeddings, numbered here, in any case.
    changed = {name for name in changed if not name.isdigit()}
    assert changed == {"decoder"}


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_same_seed_gives_the_same_weights_after_50_updates(en, parsed, decoder):
    found = []
    for _ in range(2):
        nlp = make(en, decoder)
        raw = raw_examples(parsed)
        fix_random_seed(3)
        optimizer = nlp.initialize(lambda raw=raw: raw)
        for _ in range(50):
            nlp.update(raw, sgd=optimizer, drop=0.2)
        found.append(weights(nlp.get_pipe("vae_encoder")))
    for name in found[0]:
        np.testing.assert_array_equal(found[0][name], found[1][name])


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_likelihood_is_among_the_scores_where_it_is_asked_for(en, parsed, decoder):
    nlp = blank(en)
    model = SMALL_VAE["model"] if decoder is None else {**SMALL_VAE["model"], "decoder": decoder}
    evaluation = {"@misc": "spacy-vaedie.ImportanceWeighted.v1", "samples": 3, "max_docs": 4}
    pipe = nlp.add_pipe("vae_encoder", config={"model": model, "evaluation": evaluation})
    raw: list[Example] = raw_examples(parsed)
    nlp.initialize(lambda: raw)
    scores = pipe.score(raw)
    assert scores["vae_nll"] > 0
    assert scores["vae_perplexity"] == pytest.approx(1 / scores["vae_likelihood"])
    assert scores == pipe.score(raw)
