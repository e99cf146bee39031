"""Components that listen to an encoder whose decoder explains whole texts: they read hidden states alone."""

import numpy as np
import pytest
import spacy

from .helpers import SMALL_EXTRACTOR, SMALL_VAE, blank, copies, relation_examples, triples, weights
from .test_generation import BAG, GRU

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "vae_encoder"}
NORM = {"@architectures": "spacy-vaedie.BatchNormMeans.v1"}


def ents(docs):
    return [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]


@pytest.fixture(params=[GRU, BAG], ids=["gru", "bag"])
def nlp(en, request):
    nlp = blank(en)
    model = {**SMALL_VAE["model"], "decoder": request.param, "normalize_means": NORM}
    nlp.add_pipe("vae_encoder", config={"model": model})
    nlp.add_pipe("ner", config={"model": {"tok2vec": LISTENER}})
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    nlp.initialize(lambda: relation_examples(en))
    return nlp


def test_both_kinds_of_listeners_reach_the_encoder(nlp, en):
    examples = relation_examples(en)
    encoder = nlp.get_pipe("vae_encoder")
    # Nothing but the listeners' gradients moves the encoder where the bound has none for it.
    encoder.objective = spacy.registry.misc.get("spacy-vaedie.LanguageModel.v1")()
    before = weights(encoder)
    optimizer = nlp.resume_training()
    # The output layers of the listening components start at zero, and pass nothing on in the first update.
    for _ in range(3):
        losses = nlp.update(examples, sgd=optimizer, losses={})
    after = weights(encoder)
    assert all(np.isfinite(loss) for loss in losses.values())
    assert any(not np.array_equal(before[name], after[name]) for name in before if name.startswith("encoder."))


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_alone_batched_and_shuffled(nlp, en, batch_size):
    """Means that were normalised over a batch in training, and a Doc without tokens among the others."""
    examples = relation_examples(en)
    nlp.update(examples, sgd=nlp.resume_training())
    texts = [example.predicted for example in examples]
    encoder = nlp.get_pipe("vae_encoder")
    alone = [encoder.predict([doc])[0] for doc in copies(texts, entities=False)]
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = [texts[i] for i in order]
    shuffled = [*copies(shuffled[:2], entities=False), nlp.make_doc(""), *copies(shuffled[2:], entities=False)]
    found = [doc._.latents for doc in nlp.pipe(shuffled, batch_size=batch_size) if len(doc)]
    assert len(found) == len(alone)
    for place, latents in zip(order, found, strict=True):
        for name in ("hidden", "mean", "doc_mean", "doc_log_variance"):
            np.testing.assert_allclose(getattr(latents, name), getattr(alone[place], name), atol=1e-5)


def test_replaced_saved_and_loaded(nlp, en, tmp_path):
    examples = relation_examples(en)
    nlp.update(examples, sgd=nlp.resume_training())
    texts = [example.predicted for example in examples]
    found = list(nlp.pipe(copies(texts, entities=False)))
    nlp.replace_listeners("vae_encoder", "ner", ["model.tok2vec"])
    nlp.to_disk(tmp_path)
    again = list(spacy.load(tmp_path).pipe(copies(texts, entities=False)))
    assert ents(again) == ents(found)
    assert [triples(doc) for doc in again] == [triples(doc) for doc in found]
