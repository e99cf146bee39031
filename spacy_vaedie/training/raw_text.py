"""Raw text in files: which files hold any, and their texts as Docs."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors
from .files import read_docbin, read_jsonl, read_lines

RAW_SUFFIXES = (".txt", ".txt.gz", ".jsonl", ".jsonl.gz", ".conllu", ".spacy")
# Where a treebank has the text of a sentence.
_TREEBANK_TEXT = "# text = "


def read_raw_docs(file: Path, nlp: Language) -> Iterator[Doc]:
    """Stream the Docs of one file of raw text that hold anything but white space.

    file (Path): A file of one of `RAW_SUFFIXES`.
    nlp (Language): The pipeline, whose tokenizer reads what is no DocBin.
    YIELDS (Doc): The Docs.
    RAISES (ValueError): VE303 for a damaged line, VE304 for a file without text, VE307 for a damaged DocBin.
    """
    docs = read_docbin(file, nlp.vocab) if file.suffix == ".spacy" else map(nlp.make_doc, read_texts(file))
    empty = True
    for doc in docs:
        if not doc.text.isspace() and len(doc):
            empty = False
            yield doc
    if empty:
        raise ValueError(Errors.VE304.format(path=file))


def read_texts(file: Path) -> Iterator[str]:
    """Stream the texts of one file that is no DocBin, blank ones too.

    file (Path): A .txt, .txt.gz, .jsonl, .jsonl.gz or .conllu file, see `create_raw_text`.
    YIELDS (str): The texts.
    RAISES (ValueError): VE303 for a damaged line, or one without a text.
    """
    if file.name.endswith((".txt", ".txt.gz")):
        for _, line in read_lines(file):
            yield line.strip()
        return
    if file.suffix == ".conllu":
        for _, line in read_lines(file):
            if line.startswith(_TREEBANK_TEXT):
                yield line.removeprefix(_TREEBANK_TEXT).strip()
        return
    for number, value in read_jsonl(file):
        text = value.get("text") if isinstance(value, dict) else None
        if not isinstance(text, str):
            reason = "expected an object with a text in the field 'text'"
            raise ValueError(Errors.VE303.format(path=file, line=number, reason=reason))
        yield text


def cut_doc(doc: Doc, max_length: int) -> Iterator[Doc]:
    """Cut a Doc in pieces of at most `max_length` tokens, after the last sentence that fits where it knows them.

    doc (Doc): The Doc.
    max_length (int): Tokens of the longest piece, 0 for the whole Doc.
    YIELDS (Doc): The pieces, together all of it.
    """
    start = 0
    while 0 < max_length < len(doc) - start:
        latest = start + max_length
        end = next((i for i in range(latest, start, -1) if doc[i].is_sent_start), latest)
        yield doc[start:end].as_doc()
        start = end
    yield doc[start:].as_doc() if start else doc
