"""Small models over hand-made Docs."""

import numpy as np
from spacy.ml import FeatureExtractor
from thinc.api import HashEmbed, chain, list2ragged, ragged2list, with_array

from spacy_vaedie.models.tok2vec import build_parse_tok2vec
from spacy_vaedie.models.vae import VAEBatch, build_vae


def make_embed(width=6):
    columns = with_array(HashEmbed(width, 200, column=0, seed=1))
    return chain(FeatureExtractor(["NORM"]), list2ragged(), columns, ragged2list())


def make_vae(docs=None, **settings):
    """A VAE, initialized where there are Docs to do so."""
    sizes = {"width": 6, "latent_width": 4, "doc_latent_width": 2, "window_layers": 1, "parse_layers": 1}
    vae = build_vae(make_embed(), **{**sizes, "syntax_width": 4, **settings})
    if docs:
        vae.attrs["vocabulary"] = vocabulary(docs)
        vae.initialize(X=VAEBatch(docs))
    return vae


def make_tok2vec(docs=None, **settings):
    """A tok2vec layer, initialized where there are Docs to do so."""
    sizes = {"width": 5, "window_layers": 1, "parse_layers": 1, "maxout_pieces": 2, "syntax_width": 4}
    model = build_parse_tok2vec(make_embed(), **{**sizes, **settings})
    if docs:
        model.initialize(X=docs)
    return model


def vocabulary(docs):
    return np.array(sorted({token.lower for doc in docs for token in doc}), dtype="uint64")


def hash_embeddings(model):
    """The nodes of a model that hold hash embeddings."""
    return [node for node in model.walk() if node.has_param("E")]
