"""Finding, reading and writing corpus files, with errors that name the file and the line."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Iterator, List, Optional, Sequence, Tuple, cast

import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..errors import Errors


def find_files(path: Path, suffixes: Sequence[str]) -> List[Path]:
    """List the files to read: the path itself, or everything of a known kind in the folder and below it.

    path (Path): A file or a folder.
    suffixes (Sequence[str]): What the names end with, e.g. `.jsonl.gz`.
    RETURNS (List[Path]): The files, sorted. Hidden files are left out.
    RAISES (FileNotFoundError): VE301 where there is no such path, VE311 where the folder holds no such file.
    RAISES (ValueError): VE302 for a file of another kind.
    """
    options = ", ".join(suffixes)
    if path.is_dir():
        files = [
            file
            for file in sorted(path.rglob("*"))
            if file.is_file() and file.name.endswith(tuple(suffixes)) and not file.name.startswith(".")
        ]
        if not files:
            raise FileNotFoundError(Errors.VE311.format(path=path, options=options))
        return files
    if not path.exists():
        raise FileNotFoundError(Errors.VE301.format(path=path))
    if not path.name.endswith(tuple(suffixes)):
        raise ValueError(Errors.VE302.format(path=path, suffix=path.suffix, options=options))
    return [path]


def read_lines(path: Path) -> Iterator[Tuple[int, str]]:
    """Stream the lines of a text file, gzipped where its name ends with `.gz`. A byte order mark is dropped.

    path (Path): A file in UTF-8.
    YIELDS (Tuple[int, str]): Number of the line, counted from 1, and the line without its line break.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE303 for bytes that are no UTF-8, or a damaged gzip file.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.VE301.format(path=path))
    number = 0
    with cast(BinaryIO, gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")) as file:
        try:
            for number, raw in enumerate(file, start=1):
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            reason = f"not UTF-8 ({error.reason} at byte {error.start}); save the file as UTF-8"
            raise ValueError(Errors.VE303.format(path=path, line=number, reason=reason)) from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            reason = f"damaged gzip file ({error}); fetch it again"
            raise ValueError(Errors.VE303.format(path=path, line=number + 1, reason=reason)) from error


def read_jsonl(path: Path) -> Iterator[Tuple[int, Any]]:
    """Stream the values of a file with a JSON value a line. Blank lines are skipped.

    path (Path): A .jsonl or .jsonl.gz file.
    YIELDS (Tuple[int, Any]): Number of the line, counted from 1, and its value.
    RAISES (ValueError): VE303 for a line that is no JSON.
    """
    for number, line in read_lines(path):
        if line.strip():
            try:
                value = srsly.json_loads(line)
            except ValueError as error:
                reason = f"no valid JSON ({error})"
                raise ValueError(Errors.VE303.format(path=path, line=number, reason=reason)) from error
            yield number, value


def read_docbin(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read the Docs of a DocBin file.

    path (Path): A .spacy file.
    vocab (Vocab): The shared vocab.
    YIELDS (Doc): The Docs.
    RAISES (ValueError): VE307 where the file is no DocBin.
    """
    docs: Optional[Iterator[Doc]] = None
    while True:
        try:
            docs = DocBin().from_disk(path).get_docs(vocab) if docs is None else docs
            doc = next(docs, None)
        # Damaged bytes can fail anywhere in zlib, msgpack or NumPy, with any exception.
        except Exception as error:
            raise ValueError(Errors.VE307.format(path=path, reason=f"{type(error).__name__}: {error}")) from error
        if doc is None:
            return
        yield doc


def write_docbin(path: Path, docs: DocBin) -> None:
    """Write a DocBin so that nobody ever sees a half-written file.

    path (Path): Where to write; its folder is made where needed.
    docs (DocBin): What to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        docs.to_disk(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
