"""Which texts are the same: a short key of each, so that what was seen of a large corpus fits into memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Dict, Iterator, Set, Tuple

from spacy.vocab import Vocab

from .converters.annotation import META
from .files import find_files, read_docbin, read_jsonl
from .raw_text import RAW_SUFFIXES, read_texts

# Among a thousand million texts, two have the same key with a probability of 1 in 10^21.
_KEY_SIZE = 16


def text_key(text: str) -> bytes:
    """A short key of a text. White space counts for nothing but as a border of words: files differ in it.

    text (str): The text.
    RETURNS (bytes): The same for the same words, and practically never for others.
    """
    words = " ".join(text.split())
    return hashlib.blake2b(words.encode("utf8", "surrogatepass"), digest_size=_KEY_SIZE).digest()


def read_text_keys(path: Path, vocab: Vocab) -> Set[bytes]:
    """The keys of all texts that stand somewhere, annotated or not.

    path (Path): Any file or folder that `spacy-vaedie.RawText.v1` reads.
    vocab (Vocab): For the Docs of .spacy files.
    RETURNS (Set[bytes]): The keys.
    RAISES (ValueError), (FileNotFoundError): As that reader, but for files without text.
    """
    keys: Set[bytes] = set()
    for file in find_files(path, RAW_SUFFIXES):
        texts = (doc.text for doc in read_docbin(file, vocab)) if file.suffix == ".spacy" else read_texts(file)
        keys.update(map(text_key, texts))
    return keys


def read_meta(path: Path, keys: Set[bytes], vocab: Vocab) -> Dict[bytes, Dict[str, Any]]:
    """What files say about some of their texts in the field `meta`, or in `doc.user_data["meta"]`.

    path (Path): Any file or folder that `spacy-vaedie.RawText.v1` reads.
    keys (Set[bytes]): The keys of the texts.
    vocab (Vocab): For the Docs of .spacy files.
    RETURNS (Dict[bytes, Dict[str, Any]]): By key; of several texts with one key the first, and none without `meta`.
    """
    found: Dict[bytes, Dict[str, Any]] = {}
    for file in find_files(path, RAW_SUFFIXES):
        for text, meta in _texts_with_meta(file, vocab):
            key = text_key(text)
            if key in keys and isinstance(meta, dict):
                found.setdefault(key, meta)
    return found


def _texts_with_meta(file: Path, vocab: Vocab) -> Iterator[Tuple[str, Any]]:
    if file.suffix == ".spacy":
        yield from ((doc.text, doc.user_data.get(META)) for doc in read_docbin(file, vocab))
    elif file.name.endswith((".jsonl", ".jsonl.gz")):
        yield from ((value["text"], value.get("meta")) for _, value in read_jsonl(file))
