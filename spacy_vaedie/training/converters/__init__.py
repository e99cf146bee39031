"""From annotated files to spaCy's binary format and back. One file a format; `CONVERTERS` names those that are read,
`WRITERS` those that are written, too."""

from __future__ import annotations

from typing import Dict

from ...errors import Errors
from .annotation import (
    DOC_ID,
    META,
    Annotation,
    ConversionReport,
    check_md5,
    get_doc_id,
    make_docs,
)
from .bioc import read_bioc
from .brat import read_brat
from .conll import read_conll
from .conll04 import read_conll04
from .conversion import DOCBIN, WRITERS, Converter, convert_file, export_file, open_writer
from .doccano import read_doccano
from .label_studio import read_label_studio
from .prodigy import read_prodigy
from .pubtator import read_pubtator
from .scierc import read_scierc
from .semeval import read_semeval
from .spert import read_spert
from .splits import DEV, TEST, TRAIN, keep_split, split_dev, split_documents
from .topics import read_topics

CONVERTERS: Dict[str, Converter] = {
    "bioc": Converter(read_bioc),
    "brat": Converter(read_brat, options=("max_bytes", "split_discontinuous")),
    "conll": Converter(read_conll),
    "conll04": Converter(read_conll04),
    "doccano": Converter(read_doccano),
    "label-studio": Converter(read_label_studio),
    "prodigy": Converter(read_prodigy),
    "pubtator": Converter(read_pubtator),
    "scierc": Converter(read_scierc),
    "semeval": Converter(read_semeval, split_at_spans=True),
    "spert": Converter(read_spert),
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


__all__ = [
    "CONVERTERS",
    "DEV",
    "DOCBIN",
    "DOC_ID",
    "META",
    "TEST",
    "TRAIN",
    "WRITERS",
    "Annotation",
    "ConversionReport",
    "Converter",
    "check_md5",
    "convert_file",
    "export_file",
    "get_converter",
    "get_doc_id",
    "keep_split",
    "make_docs",
    "open_writer",
    "split_dev",
    "split_documents",
]
