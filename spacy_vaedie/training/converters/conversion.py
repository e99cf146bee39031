"""The way from annotated files to files: read, make Docs, write, one text at a time."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from ...errors import Errors
from ..files import find_files, read_docbin, replacing
from .annotation import META, Annotation, ConversionReport, check_md5, get_doc_id, make_docs
from .brat import brat_lines
from .label_studio import label_studio_annotation
from .prodigy import prodigy_task
from .splits import keep_split, split_dev
from .tasks import doc_spans

DOCBIN = "docbin"
Add = Callable[[Doc], object]
# What stands around a stream, e.g. a progress bar.
Progress = Callable[[Iterable[Doc]], Iterable[Doc]]


@dataclass(frozen=True)
class Converter:
    """A format that can be converted.

    read (Callable[..., Iterator[Annotation]]): Reads a file. It takes the path, the report, and what `options` names.
    split_at_spans (bool): Split tokens at the borders of spans, so that no text of a test set is lost.
    options (Tuple[str, ...]): Names of the settings that `read` takes, as keywords.
    """

    read: Callable[..., Iterator[Annotation]]
    split_at_spans: bool = False
    options: Tuple[str, ...] = ("max_bytes",)


def convert_file(
    path: Path,
    out: Path,
    converter: Converter,
    nlp: Language,
    *,
    to: str = DOCBIN,
    spans_key: Optional[str] = None,
    split: Optional[str] = None,
    dev: Optional[Tuple[int, Path]] = None,
    md5: Optional[str] = None,
    strict: bool = False,
    split_at_spans: bool = False,
    docs_per_file: int = 0,
    options: Optional[Mapping[str, Any]] = None,
    progress: Progress = iter,
) -> ConversionReport:
    """Convert annotated texts to another format, one at a time. Memory holds the whole of them only with `dev`, and
    where a single .spacy file is written.

    path (Path): The file or folder to read.
    out (Path): The file or folder to write.
    converter (Converter): The format, see `get_converter`.
    nlp (Language): Pipeline that tokenizes and parses.
    to (str): The format to write: `docbin`, or one of `WRITERS`.
    spans_key (Optional[str]): Span group to write the spans to, None for `doc.ents`.
    split (Optional[str]): Part of the corpus to convert, where each text of the file says which one it is for.
    dev (Optional[Tuple[int, Path]]): How many texts to set aside for development, and the file or folder for them.
    md5 (Optional[str]): The checksum that the file should have.
    strict (bool): Raise, and write nothing, where a span or relation would be left out.
    split_at_spans (bool): Split tokens where a span starts or ends inside of them. Some formats always do.
    docs_per_file (int): Write a folder of .spacy files with so many texts each. 0 for a single file.
    options (Optional[Mapping[str, Any]]): Settings of the format's reader, e.g. `max_bytes`.
    progress (Callable[[Iterable[Doc]], Iterable[Doc]]): What to draw the Docs through, e.g. a progress bar.
    RETURNS (ConversionReport): What was read, written and left out.
    RAISES (ValueError): VE305 for a wrong checksum, VE306 with `strict`, VE303, VE304 and VE341 for damaged files,
        VE317 for an unknown split, VE342 for a folder that is not empty, VE343 for settings that do not go together.
    """
    if md5 is not None:
        check_md5(path, md5)
    unknown = set(options or ()) - set(converter.options)
    if unknown:
        raise ValueError(Errors.VE343.format(reason=f"this format has no setting {', '.join(sorted(unknown))}"))
    report = ConversionReport()
    annotations: Iterable[Annotation] = converter.read(path, report, **(options or {}))
    if split is not None:
        annotations = keep_split(annotations, split, path, report)
    dev_indices: Set[int] = set()
    if dev is not None:
        annotations = list(annotations)
        dev_indices = split_dev(annotations, dev[0])
    cut = converter.split_at_spans or split_at_spans
    docs = make_docs(annotations, nlp, report, spans_key=spans_key, split_at_spans=cut)
    with ExitStack() as stack:
        add = add_dev = stack.enter_context(open_writer(out, to, spans_key, docs_per_file))
        if dev is not None:
            add_dev = stack.enter_context(open_writer(dev[1], to, spans_key, docs_per_file))
        for index, doc in enumerate(progress(docs)):
            (add_dev if index in dev_indices else add)(doc)
        if strict and report.left_out:
            raise ValueError(Errors.VE306.format(n=len(report.left_out), path=path, first=report.first))
    return report


def export_file(
    path: Path,
    out: Path,
    nlp: Language,
    to: str,
    *,
    spans_key: Optional[str] = None,
    progress: Progress = iter,
) -> ConversionReport:
    """Write the Docs of .spacy files in a format that people annotate in. Nothing of them is left out.

    path (Path): A .spacy file, or a folder of them.
    out (Path): The file or folder to write.
    nlp (Language): Pipeline whose vocab the Docs get.
    to (str): The format, one of `WRITERS`.
    spans_key (Optional[str]): Span group to write, None for `doc.ents`. The spans of the relations are always written.
    progress (Callable[[Iterable[Doc]], Iterable[Doc]]): What to draw the Docs through, e.g. a progress bar.
    RETURNS (ConversionReport): What was read and written.
    RAISES (FileNotFoundError): VE301, VE311 for a path without .spacy files.
    RAISES (ValueError): VE302, VE307 for other or damaged files, VE309 for an unknown format, VE342 for a folder that
        is not empty, VE343 where it would be written as it is.
    """
    if to == DOCBIN:
        raise ValueError(Errors.VE343.format(reason="it is a .spacy file already; name another format with --to"))
    report = ConversionReport()
    files = find_files(path, (".spacy",))
    docs = (doc for file in files for doc in read_docbin(file, nlp.vocab))
    with open_writer(out, to, spans_key) as add:
        for doc in progress(docs):
            add(doc)
            n_spans, n_relations = len(doc_spans(doc, spans_key)), len(doc._.relations or ())
            report.docs_read, report.docs_written = report.docs_read + 1, report.docs_written + 1
            report.spans_read, report.spans_written = report.spans_read + n_spans, report.spans_written + n_spans
            report.relations_read += n_relations
            report.relations_written += n_relations
    return report


@contextmanager
def open_writer(
    path: Path, to: str = DOCBIN, spans_key: Optional[str] = None, docs_per_file: int = 0
) -> Iterator[Callable[[Doc], object]]:
    """Write Docs one by one. What is written takes its place at the end, and only where nothing failed.

    path (Path): The file or folder.
    to (str): The format: `docbin`, or one of `WRITERS`.
    spans_key (Optional[str]): Span group to write to other formats, None for `doc.ents`.
    docs_per_file (int): Write a folder of .spacy files with so many Docs each. 0 for a single file.
    YIELDS (Callable[[Doc], object]): Takes a Doc.
    RAISES (ValueError): VE309 for an unknown format, VE342 for a folder that is not empty, VE343 where another format
        than `docbin` should be cut in files.
    """
    if to != DOCBIN and to not in WRITERS:
        raise ValueError(Errors.VE309.format(name=to, options=", ".join(sorted([DOCBIN, *WRITERS]))))
    if docs_per_file and to != DOCBIN:
        raise ValueError(Errors.VE343.format(reason="only .spacy files are cut into several (--max-docs)"))
    if path.is_dir() and next(path.iterdir(), None) is not None:
        raise ValueError(Errors.VE342.format(path=path))
    with replacing(path) as temporary:
        if to != DOCBIN:
            opened = WRITERS[to](temporary, spans_key)
        elif docs_per_file:
            opened = _write_parts(temporary, docs_per_file)
        else:
            opened = _write_docbin(temporary)
        with opened as add:
            yield add


@contextmanager
def _write_docbin(path: Path) -> Iterator[Add]:
    docs = DocBin(store_user_data=True)
    yield docs.add
    docs.to_disk(path)


@contextmanager
def _write_parts(folder: Path, size: int) -> Iterator[Add]:
    folder.mkdir()
    docs, n_files = DocBin(store_user_data=True), 0

    def save() -> None:
        nonlocal docs, n_files
        n_files += 1
        docs.to_disk(folder / f"part-{n_files:06}.spacy")
        docs = DocBin(store_user_data=True)

    def add(doc: Doc) -> None:
        docs.add(doc)
        if len(docs) == size:
            save()

    yield add
    if len(docs) or not n_files:
        save()


@contextmanager
def _write_prodigy(path: Path, spans_key: Optional[str]) -> Iterator[Add]:
    with path.open("w", encoding="utf8", newline="\n") as file:

        def add(doc: Doc) -> None:
            task = prodigy_task(doc, doc_spans(doc, spans_key), doc.user_data.get(META, {}))
            file.write(json.dumps(task, ensure_ascii=False) + "\n")

        yield add


@contextmanager
def _write_label_studio(path: Path, spans_key: Optional[str]) -> Iterator[Add]:
    with path.open("w", encoding="utf8", newline="\n") as file:
        before = "[\n"

        def add(doc: Doc) -> None:
            nonlocal before
            task = label_studio_annotation(doc, doc_spans(doc, spans_key))
            file.write(before + json.dumps(task, ensure_ascii=False))
            before = ",\n"

        yield add
        file.write("[]\n" if before == "[\n" else "\n]\n")


@contextmanager
def _write_brat(folder: Path, spans_key: Optional[str]) -> Iterator[Add]:
    folder.mkdir()
    n_docs = 0

    def add(doc: Doc) -> None:
        nonlocal n_docs
        n_docs += 1
        name = get_doc_id(doc) or ""
        # A name must be one of a file, and stand for one text only.
        if not re.fullmatch(r"\w[\w.-]{0,99}", name) or (folder / f"{name}.txt").exists():
            name = f"text-{n_docs:06}"
        spans = doc_spans(doc, spans_key)
        (folder / f"{name}.txt").write_bytes(doc.text.encode())
        if doc._.relations is not None or spans:
            lines: List[str] = [f"{line}\n" for line in brat_lines(doc, spans)]
            (folder / f"{name}.ann").write_bytes("".join(lines).encode())

    yield add


WRITERS: Dict[str, Callable[[Path, Optional[str]], AbstractContextManager[Add]]] = {
    "brat": _write_brat,
    "label-studio": _write_label_studio,
    "prodigy": _write_prodigy,
}
