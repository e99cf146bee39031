"""Finding, reading and writing corpus files, with errors that name the file and the line."""

from __future__ import annotations

import codecs
import gzip
import os
import shutil
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Iterator, List, Optional, Sequence, Tuple, cast

import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..errors import Errors

# The longest line, or object of a list, that is read: a longer one is no text, but a file without line breaks.
MAX_BYTES = 100 * 2**20


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


def read_lines(path: Path, max_bytes: int = MAX_BYTES) -> Iterator[Tuple[int, str]]:
    """Stream the lines of a text file, gzipped where its name ends with `.gz`. A byte order mark is dropped.

    path (Path): A file in UTF-8.
    max_bytes (int): The longest line, so that memory stays bounded.
    YIELDS (Tuple[int, str]): Number of the line, counted from 1, and the line without its line break.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE303 for bytes that are no UTF-8 (it names the byte of the file), or a damaged gzip file,
        VE341 for a line that is too long.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.VE301.format(path=path))
    number, offset = 0, 0
    with cast(BinaryIO, gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")) as file:
        try:
            while raw := file.readline(max_bytes + 1):
                number += 1
                if len(raw) > max_bytes:
                    raise ValueError(Errors.VE341.format(path=path, line=number, limit=max_bytes / 2**20))
                yield number, decode(raw, path, number, offset).rstrip("\r\n")
                offset += len(raw)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            reason = f"damaged gzip file ({error}); fetch it again"
            raise ValueError(Errors.VE303.format(path=path, line=number + 1, reason=reason)) from error


def decode(raw: bytes, path: Path, line: int = 1, offset: int = 0) -> str:
    """Decode a piece of a file. A byte order mark at the start of the file is dropped.

    raw (bytes): The piece.
    path (Path): The file, for the message.
    line (int): Number of its first line.
    offset (int): Where it starts in the file, in bytes.
    RETURNS (str): The text.
    RAISES (ValueError): VE303, with line and byte, where it is no UTF-8.
    """
    skipped = len(codecs.BOM_UTF8) if not offset and raw.startswith(codecs.BOM_UTF8) else 0
    try:
        return raw[skipped:].decode("utf-8")
    except UnicodeDecodeError as error:
        start = skipped + error.start
        reason = f"not UTF-8 ({error.reason} at byte {offset + start} of the file); save the file as UTF-8"
        where = line + raw.count(b"\n", 0, start)
        raise ValueError(Errors.VE303.format(path=path, line=where, reason=reason)) from error


def read_jsonl(path: Path, max_bytes: int = MAX_BYTES) -> Iterator[Tuple[int, Any]]:
    """Stream the values of a file with a JSON value a line. Blank lines are skipped.

    path (Path): A .jsonl or .jsonl.gz file.
    max_bytes (int): The longest line.
    YIELDS (Tuple[int, Any]): Number of the line, counted from 1, and its value.
    RAISES (ValueError): VE303 for a line that is no JSON, VE341 for one that is too long.
    """
    for number, line in read_lines(path, max_bytes):
        # Files that were put together have the byte order mark of each of them.
        line = line.lstrip("\ufeff")
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
    with replacing(path) as temporary:
        docs.to_disk(temporary)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or a folder so that nobody ever sees a half of it: it takes its place when all is written, and
    where that fails, what stood there stays.

    path (Path): Where it is to stand; its folder is made where needed. A folder that stands there must be empty.
    YIELDS (Path): Where to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if path.is_dir():
            path.rmdir()
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)
