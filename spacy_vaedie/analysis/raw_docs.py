"""Large corpora as streams of Docs, and running a part of a pipeline over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Iterator, List, Sequence

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Warnings, warn
from ..models.embed import listens
from ..tokens.dependency import has_parse
from ..training.converters import ConversionReport, make_docs
from ..training.converters.prodigy import read_prodigy
from ..training.examples import predicted_copy
from ..training.files import find_files, read_docbin
from ..training.readers import create_raw_text

# Docs that are in memory at a time.
BATCH_SIZE = 64
_ENTITY_SUFFIXES = (".jsonl", ".jsonl.gz", ".spacy")
_ENTITIES = {"doc.ents", "doc.spans"}
_PARSE = {"token.dep", "token.head", "token.tag", "token.pos", "token.lemma", "token.morph", "token.is_sent_start"}


def read_raw_docs(nlp: Language, path: Path, *, entities: bool = False) -> Iterator[Doc]:
    """Stream the texts of a corpus. The parse that .spacy files have is kept; these are read one file at a time, all
    others one text at a time.

    nlp (Language): The pipeline that tokenizes.
    path (Path): Any file or folder that `spacy-vaedie.RawText.v1` reads.
    entities (bool): Keep the entities and span groups of .spacy files, and the `spans` and `tokens` of .jsonl files,
        as Prodigy writes them. Files of other kinds have none.
    YIELDS (Doc): The texts that are not blank, with nothing else on them.
    RAISES (ValueError), (FileNotFoundError): As that reader; VE302 with `entities` for files that have none.
    """
    if not entities:
        yield from (example.predicted for example in create_raw_text(path)(nlp))
        return
    for file in find_files(path, _ENTITY_SUFFIXES):
        for doc in read_docbin(file, nlp.vocab) if file.suffix == ".spacy" else _read_spans(nlp, file):
            if len(doc) and not doc.text.isspace():
                yield predicted_copy(doc)


def _read_spans(nlp: Language, file: Path) -> Iterator[Doc]:
    # The parse is for later, when it is known which texts it takes.
    bare = type(nlp)(vocab=nlp.vocab)
    bare.tokenizer = nlp.tokenizer
    report = ConversionReport()
    yield from make_docs(read_prodigy(file, report), bare, report)
    if report.left_out:
        warn(Warnings.VW301.format(path=file, n=len(report.left_out), first=report.first))


def entity_writers(nlp: Language) -> List[str]:
    """Find the components that must not run where entities and spans are given.

    nlp (Language): The pipeline.
    RETURNS (List[str]): Names of the components that write entities or span groups.
    """
    return _writers(nlp, _ENTITIES)


def annotate(nlp: Language, docs: Sequence[Doc], *, disable: Iterable[str] = ()) -> List[Doc]:
    """Run a pipeline over some Docs. Where all of them have a parse, it is not parsed again.

    nlp (Language): The pipeline.
    docs (Sequence[Doc]): The Docs, which are changed.
    disable (Iterable[str]): Names of the components that do not run.
    RETURNS (List[Doc]): The same Docs.
    """
    parsed = _writers(nlp, _PARSE) if all(map(has_parse, docs)) else []
    return list(nlp.pipe(docs, disable=[*disable, *parsed]))


def parse_bare(nlp: Language, docs: Iterable[Doc], encoder: Any) -> None:
    """Run the components before an encoder over the Docs that need them: those without a parse, or all of them where
    the encoder's embedding listens to another component, since what that writes is not saved with a parse.

    nlp (Language): The pipeline.
    docs (Iterable[Doc]): The Docs, which are changed.
    encoder (VAEEncoder): The encoder.
    """
    later = nlp.pipe_names[nlp.pipe_names.index(encoder.name) :]
    reads_others = listens(encoder.model.layers[0])
    for _ in nlp.pipe([doc for doc in docs if reads_others or not has_parse(doc)], disable=later):
        pass


def _writers(nlp: Language, attributes: Iterable[str]) -> List[str]:
    return [name for name in nlp.pipe_names if set(attributes).intersection(nlp.get_pipe_meta(name).assigns)]
