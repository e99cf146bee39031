"""Small models over hand-made Docs."""

import numpy as np
from spacy.ml import FeatureExtractor
from thinc.api import HashEmbed, chain, list2ragged, ragged2list, with_array

from spacy_vaedie.models.pair_parts import (
    build_arguments,
    build_context_convolution,
    build_lexical_features,
    build_lexical_weights,
    build_path_average,
    build_path_convolution,
    build_text_between,
)
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


def make_parts():
    """Every part that a pair can be read by without a lexicon, small."""
    return {
        "arguments": build_arguments(),
        "between": build_text_between(),
        "average": build_path_average(),
        "path": build_path_convolution(width=8, buckets=16),
        "context": build_context_convolution(width=8, position_width=4),
        "lexical": build_lexical_features(width=8, buckets=64),
        "weights": build_lexical_weights(buckets=64),
    }


def vocabulary(docs):
    return np.array(sorted({token.lower for doc in docs for token in doc}), dtype="uint64")


def hash_embeddings(model):
    """The nodes of a model that hold hash embeddings."""
    return [node for node in model.walk() if node.has_param("E")]
