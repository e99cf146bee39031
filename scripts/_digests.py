"""What a result depends on beside its config, as short digests that are the same on every machine."""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import spacy

from spacy_vaedie.errors import Errors
from spacy_vaedie.training.files import read_docbin


def digest(value: Any) -> str:
    """RETURNS (str): Eight letters for a value that JSON knows."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


@cache
def corpus_digest(path: Path) -> str:
    """The texts of a file, their words, entities and relations. The bytes of the file, and the last digit of what a
    parser has said, differ from machine to machine.

    path (Path): A .spacy file.
    RETURNS (str): Its digest.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE307 for another one.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.VE301.format(path=path))
    total = hashlib.sha256()
    for doc in read_docbin(path, spacy.blank("en").vocab):
        ents = [(ent.start, ent.end, ent.label_) for ent in doc.ents]
        relations = doc._.relations
        if relations is not None:
            relations = sorted(
                (item.label, item.head.start, item.head.end, item.tail.start, item.tail.end) for item in relations
            )
        total.update(json.dumps([doc.text, [token.text for token in doc], ents, relations]).encode())
    return total.hexdigest()[:8]


@cache
def count_texts(path: Path) -> int:
    """RETURNS (int): How many texts a .spacy file has, empty ones aside."""
    return sum(len(doc) > 0 for doc in read_docbin(path, spacy.blank("en").vocab))


@cache
def file_digest(path: Path) -> str:
    """The bytes of a file, unpacked where its name ends with `.gz`.

    path (Path): The file.
    RETURNS (str): Its digest.
    RAISES (FileNotFoundError): VE301 for a missing file.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.VE301.format(path=path))
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return hashlib.sha256(content).hexdigest()[:8]


@cache
def folder_digest(folder: Path) -> str:
    """The files of a folder, e.g. the weights of a transformer.

    folder (Path): The folder.
    RETURNS (str): Its digest.
    RAISES (FileNotFoundError): VE301 where it has no files.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise FileNotFoundError(Errors.VE301.format(path=folder))
    return digest([(path.relative_to(folder).as_posix(), file_digest(path)) for path in paths])


@cache
def vectors_digest(pipeline: str) -> str:
    """The name and the size of a table of word vectors, and which words it has.

    pipeline (str): A folder or a package.
    RETURNS (str): Its digest.
    """
    vectors = spacy.load(pipeline).vocab.vectors
    return digest([vectors.name, list(vectors.shape), vectors.n_keys, sorted(map(int, vectors.keys()))[:1000]])
