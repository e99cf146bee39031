"""A transformer without a download: tiny, with random weights. Its tests need the extra `trf`."""

import string
from importlib.util import find_spec

import pytest

needs_transformers = pytest.mark.skipif(
    find_spec("spacy_transformers") is None, reason="the extra `trf` is not installed"
)


def write_transformer(folder):
    """Save a BERT of one layer, whose pieces are characters, where `from_pretrained` finds it."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf8")
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=len(pieces), **sizes)).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    return folder
