"""What a pair of spans can be read by. Each function gives a plain description of one part of the extractor's model;
its network is built when its dimensions are known (see `network/pair_parts.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict

from spacy.util import registry

from ..errors import check_range

PATH, CONTEXT = "spacy-vaedie.PathConvolution.v1", "spacy-vaedie.ContextConvolution.v1"
LEXICAL, CLASSES = "spacy-vaedie.LexicalFeatures.v1", "spacy-vaedie.WordClasses.v1"
LEXICAL_WEIGHTS, CLASS_WEIGHTS = "spacy-vaedie.LexicalWeights.v1", "spacy-vaedie.ClassWeights.v1"

# Kinds of parts that score the labels themselves; the networks read all others.
DIRECT = ("lexical_weights", "class_weights")
# Those that ask for a lexicon.
OF_LEXICON = ("classes", "class_weights")


@dataclass(frozen=True)
class PairPartConfig:
    """A part of the extractor's model before it is built.

    kind (str): Its name among the networks.
    settings (Dict[str, Any]): Settings of the network, of types that JSON knows.
    """

    kind: str
    settings: Dict[str, Any] = field(default_factory=dict)


@registry.architectures("spacy-vaedie.Arguments.v1")
def build_arguments() -> PairPartConfig:
    """The token vectors of head and tail: their mean, and the topmost token of each.

    RETURNS (PairPartConfig): The description.
    """
    return PairPartConfig("arguments")


@registry.architectures("spacy-vaedie.TextBetween.v1")
def build_text_between() -> PairPartConfig:
    """The mean and the maximum of the token vectors between head and tail.

    RETURNS (PairPartConfig): The description.
    """
    return PairPartConfig("between")


@registry.architectures("spacy-vaedie.PathAverage.v1")
def build_path_average() -> PairPartConfig:
    """The mean of the token vectors on the dependency path between head and tail, its ends left out.

    RETURNS (PairPartConfig): The description.
    """
    return PairPartConfig("path_average")


@registry.architectures("spacy-vaedie.PathConvolution.v1")
def build_path_convolution(width: int = 192, buckets: int = 512) -> PairPartConfig:
    """A convolution along the dependency path, over token vectors and labels with their direction, and its maximum
    (in the manner of Cai et al. 2016).

    width (int): Width of what it gives.
    buckets (int): Rows for hashed dependency labels.
    RETURNS (PairPartConfig): The description.
    RAISES (ValueError): VE107 for a number below 1.
    """
    check_range(PATH, 1, width=width, buckets=buckets)
    return PairPartConfig("path", {"width": width, "buckets": buckets})


@registry.architectures("spacy-vaedie.ContextConvolution.v1")
def build_context_convolution(width: int = 192, position_width: int = 16) -> PairPartConfig:
    """A convolution over the words around and between head and tail, which knows how far each word is from both (Zeng
    et al. 2014) and whether it stands on the path, with the maximum before, between and behind them (Zeng et al. 2015),
    and an average by an attention that the topmost tokens of head and tail ask (in the manner of Zhou et al. 2016).

    width (int): Width of each of the four.
    position_width (int): Width of each embedded distance.
    RETURNS (PairPartConfig): The description.
    RAISES (ValueError): VE107 for a width below 1.
    """
    check_range(CONTEXT, 1, width=width, position_width=position_width)
    return PairPartConfig("context", {"width": width, "position_width": position_width})


@registry.architectures("spacy-vaedie.LexicalFeatures.v1")
def build_lexical_features(width: int = 64, buckets: int = 16384) -> PairPartConfig:
    """The sum of hashed features: n-grams between head and tail, words and labels of the path, argument words and
    types, order and distance, other spans between.

    width (int): Width of a feature's row.
    buckets (int): Rows.
    RETURNS (PairPartConfig): The description.
    RAISES (ValueError): VE107 for a number below 1.
    """
    check_range(LEXICAL, 1, width=width, buckets=buckets)
    return PairPartConfig("lexical", {"width": width, "buckets": buckets})


@registry.architectures("spacy-vaedie.WordClasses.v1")
def build_word_classes(width: int = 64, buckets: int = 16384) -> PairPartConfig:
    """The sum of the classes that a lexicon gives to the topmost words of head and tail and to the words on the path,
    hashed: what kind of thing a word is, also where no label has shown it. The lexicon is the table "word_classes" of
    `nlp.vocab.lookups`, which `spacy-vaedie.Lexicon.v1` reads in the block `[initialize]`.

    width (int): Width of a class's row.
    buckets (int): Rows.
    RETURNS (PairPartConfig): The description.
    RAISES (ValueError): VE107 for a number below 1.
    """
    check_range(CLASSES, 1, width=width, buckets=buckets)
    return PairPartConfig("classes", {"width": width, "buckets": buckets})


@registry.architectures("spacy-vaedie.LexicalWeights.v1")
def build_lexical_weights(buckets: int = 65536, scale: float = 8.0) -> PairPartConfig:
    """The features of `spacy-vaedie.LexicalFeatures.v1` as a linear model beside the networks: each feature has a
    weight for each label, which is added to its score (the wide part of Cheng et al. 2016, "Wide & Deep Learning").

    buckets (int): Rows that features are hashed to.
    scale (float): Length of a pair's features. The longer, the faster are they learned, next to all else.
    RETURNS (PairPartConfig): The description.
    RAISES (ValueError): VE107 for buckets below 1, or a scale below 0.
    """
    check_range(LEXICAL_WEIGHTS, 1, buckets=buckets)
    check_range(LEXICAL_WEIGHTS, 0, scale=scale)
    return PairPartConfig("lexical_weights", {"buckets": buckets, "scale": scale})


@registry.architectures("spacy-vaedie.ClassWeights.v1")
def build_class_weights(buckets: int = 16384, scale: float = 8.0) -> PairPartConfig:
    """The classes of `spacy-vaedie.WordClasses.v1` as a linear model beside the networks, in the way of
    `spacy-vaedie.LexicalWeights.v1`.

    buckets (int): Rows that classes are hashed to.
    scale (float): Length of a pair's classes. The longer, the faster are they learned, next to all else.
    RETURNS (PairPartConfig): The description.
    RAISES (ValueError): VE107 for buckets below 1, or a scale below 0.
    """
    check_range(CLASS_WEIGHTS, 1, buckets=buckets)
    check_range(CLASS_WEIGHTS, 0, scale=scale)
    return PairPartConfig("class_weights", {"buckets": buckets, "scale": scale})


def all_parts() -> Dict[str, PairPartConfig]:
    """RETURNS (Dict[str, PairPartConfig]): Every part that needs nothing from elsewhere, with its defaults, under the
    name that the configs give it."""
    return {
        "arguments": build_arguments(),
        "between": build_text_between(),
        "path": build_path_convolution(),
        "context": build_context_convolution(),
        "lexical": build_lexical_features(),
    }
