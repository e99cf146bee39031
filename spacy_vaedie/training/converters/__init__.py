"""From annotated files to spaCy's binary format. One file a format; `CONVERTERS` names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, Optional, Set, Tuple

from spacy.language import Language
from spacy.tokens import DocBin

from ...errors import Errors
from ..files import write_docbin
from .annotation import (
    DOC_ID,
    META,
    Annotation,
    ConversionReport,
    check_md5,
    get_doc_id,
    make_docs,
)
from .conll import read_conll
from .conll04 import read_conll04
from .prodigy import read_prodigy
from .scierc import read_scierc
from .semeval import read_semeval
from .splits import DEV, TEST, TRAIN, keep_split, split_dev, split_documents
from .topics import read_topics


@dataclass(frozen=True)
class Converter:
    """A format that can be converted.

    read (Callable[[Path, ConversionReport], Iterator[Annotation]]): Reads a file.
    split_at_spans (bool): Split tokens at the borders of spans, so that no text of a test set is lost.
    """

    read: Callable[[Path, ConversionReport], Iterator[Annotation]]
    split_at_spans: bool = False


CONVERTERS: Dict[str, Converter] = {
    "conll": Converter(read_conll),
    "conll04": Converter(read_conll04),
    "prodigy": Converter(read_prodigy),
    "scierc": Converter(read_scierc),
    "semeval": Converter(read_semeval, split_at_spans=True),
    "topics": Converter(read_topics),
}


def get_converter(name: str) -> Converter:
    """Look up a format.

    name (str): Its name.
    RETURNS (Converter): The converter.
    RAISES (ValueError): VE309 for an unknown name.
    """
    if name not in CONVERTERS:
        raise ValueError(Errors.VE309.format(name=name, options=", ".join(sorted(CONVERTERS))))
    return CONVERTERS[name]


def convert_file(
    path: Path,
    out: Path,
    converter: Converter,
    nlp: Language,
    *,
    spans_key: Optional[str] = None,
    split: Optional[str] = None,
    dev: Optional[Tuple[int, Path]] = None,
    md5: Optional[str] = None,
    strict: bool = False,
) -> ConversionReport:
    """Convert a file of annotated texts to a DocBin file, or to two.

    path (Path): The file to read.
    out (Path): The .spacy file to write.
    converter (Converter): The format, see `get_converter`.
    nlp (Language): Pipeline that tokenizes and parses.
    spans_key (Optional[str]): Span group to write the spans to, None for `doc.ents`.
    split (Optional[str]): Part of the corpus to convert, where each text of the file says which one it is for.
    dev (Optional[Tuple[int, Path]]): How many texts to set aside for development, and the .spacy file for them.
    md5 (Optional[str]): The checksum that the file should have.
    strict (bool): Raise, and write nothing, where a span or relation would be left out.
    RETURNS (ConversionReport): What was read, written and left out.
    RAISES (ValueError): VE305 for a wrong checksum, VE306 with `strict`, VE303 and VE304 for damaged files, VE317 for
        an unknown split.
    """
    if md5 is not None:
        check_md5(path, md5)
    report = ConversionReport()
    annotations: Iterable[Annotation] = converter.read(path, report)
    if split is not None:
        annotations = keep_split(annotations, split, path, report)
    dev_indices: Set[int] = set()
    if dev is not None:
        annotations = list(annotations)
        dev_indices = split_dev(annotations, dev[0])
    main_docs, dev_docs = DocBin(store_user_data=True), DocBin(store_user_data=True)
    docs = make_docs(annotations, nlp, report, spans_key=spans_key, split_at_spans=converter.split_at_spans)
    for index, doc in enumerate(docs):
        (dev_docs if index in dev_indices else main_docs).add(doc)
    if strict and report.left_out:
        raise ValueError(Errors.VE306.format(n=len(report.left_out), path=path, first=report.first))
    write_docbin(out, main_docs)
    if dev is not None:
        write_docbin(dev[1], dev_docs)
    return report


__all__ = [
    "CONVERTERS",
    "DEV",
    "DOC_ID",
    "META",
    "TEST",
    "TRAIN",
    "Annotation",
    "ConversionReport",
    "Converter",
    "check_md5",
    "convert_file",
    "get_converter",
    "get_doc_id",
    "keep_split",
    "make_docs",
    "split_dev",
    "split_documents",
]
