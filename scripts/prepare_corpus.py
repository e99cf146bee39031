"""Check annotated texts, split them into train, dev and test, and parse them and the raw text, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Dict, Iterable, List, Optional, Tuple

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from wasabi import msg

from spacy_vaedie.errors import Errors, Warnings
from spacy_vaedie.training.converters import (
    DEV,
    TEST,
    TRAIN,
    Annotation,
    ConversionReport,
    get_converter,
    make_docs,
    split_documents,
)
from spacy_vaedie.training.files import write_docbin
from spacy_vaedie.training.readers import create_raw_text
from spacy_vaedie.training.schema import Schema, find_overlaps, find_problems, read_schema

Splits = Dict[str, List[Annotation]]
# Texts from which on a score says something.
N_TELLING = 20


def main(
    annotations: Annotated[Path, typer.Argument(help="Annotated texts, a file that `spacy vaedie convert` reads")],
    raw: Annotated[Path, typer.Argument(help="Raw text: .txt with a text a line, or .jsonl with the field text")],
    out: Annotated[Path, typer.Argument(help="Folder for train.spacy, dev.spacy, test.spacy and raw.spacy")],
    base: Annotated[str, typer.Option(help="Pipeline that parses, a name or a folder")],
    lang: Annotated[str, typer.Option(help="Language that the pipeline must have")] = "en",
    source: Annotated[str, typer.Option("--from", help="Format of the annotated texts")] = "prodigy",
    schema: Annotated[str, typer.Option(help="JSON file with the labels; empty to allow any")] = "",
    doc_field: Annotated[str, typer.Option(help="Field of `meta` that names a text's document")] = "doc",
    disjoint: Annotated[bool, typer.Option("--disjoint", help="Refuse pairs of names that two parts share")] = False,
    vectors: Annotated[str, typer.Option(help="Pipeline with word vectors, `null` for none")] = "null",
    static_vectors: Annotated[str, typer.Option(help="`true` where the trainings will read them")] = "false",
) -> None:
    """Prepare a corpus for training. Nothing is written where anything is wrong with it."""
    if disjoint and not schema:
        raise typer.BadParameter("--disjoint needs --schema, which says what may be a pair")
    try:
        splits = read_splits(annotations, source, doc_field)
        check(annotations, splits, read_schema(Path(schema)) if schema else None, disjoint)
        nlp = load_base(base, lang)
        if static_vectors == "true":
            check_vectors(vectors)
        bins = convert(annotations, splits, nlp, get_converter(source).split_at_spans)
        bins["raw"] = parse(raw, nlp)
        # The VAE reads the training texts too, without their labels.
        bins["raw"].merge(bins[TRAIN])
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    for name, docs in bins.items():
        write_docbin(out / f"{name}.spacy", docs)
    msg.table([(name, len(docs)) for name, docs in bins.items()], header=("part", "texts"), aligns=("l", "r"))
    small = [name for name in (DEV, TEST) if len(bins[name]) < N_TELLING]
    if small:
        msg.warn(Warnings.VW302.format(parts=" and ".join(small), n=N_TELLING))
    msg.good(f"Saved the corpus to {out}")


def read_splits(path: Path, source: str, doc_field: str) -> Splits:
    """Read the annotated texts, and split them.

    RAISES (ValueError): VE315 where offsets do not fit or a relation names no span, and what the format's reader and
        `split_documents` raise.
    """
    report = ConversionReport()
    texts = list(get_converter(source).read(path, report))
    # A span with a wrong offset comes first: it is why a relation finds no span.
    _refuse(path, [*find_problems(texts), *report.left_out])
    try:
        return split_documents(texts, doc_field)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check(path: Path, splits: Splits, schema: Optional[Schema], disjoint: bool) -> None:
    """Name every problem, and fail if there is one.

    RAISES (ValueError): VE315.
    """
    texts = sorted(
        (text for part in splits.values() for text in part), key=lambda text: (len(text.doc_id), text.doc_id)
    )
    problems = list(find_problems(texts, schema))
    if schema is not None and disjoint:
        problems += find_overlaps(splits, schema)
    _refuse(path, problems)


def load_base(base: str, lang: str) -> Language:
    """Load the pipeline that parses.

    RAISES (ValueError): VE316 where it is not there, has another language or no parser.
    """
    try:
        nlp = spacy.load(base)
    except OSError as error:
        raise ValueError(Errors.VE316.format(base=base, reason=f"it cannot be loaded ({error})")) from error
    if nlp.lang != lang:
        raise ValueError(Errors.VE316.format(base=base, reason=f"its language is '{nlp.lang}', not '{lang}'"))
    if not any("token.dep" in nlp.get_pipe_meta(name).assigns for name in nlp.pipe_names):
        raise ValueError(Errors.VE316.format(base=base, reason="none of its components writes a dependency parse"))
    return nlp


def check_vectors(vectors: str) -> None:
    """RAISES (ValueError): VE319 where a pipeline has no word vectors, or none is named."""
    if vectors == "null" or not spacy.load(vectors).vocab.vectors_length:
        raise ValueError(Errors.VE319.format(vectors=vectors))


def convert(path: Path, splits: Splits, nlp: Language, split_at_spans: bool) -> Dict[str, DocBin]:
    """Parse the annotated texts.

    RAISES (ValueError): VE315 where a span does not fit the tokens.
    """
    report = ConversionReport()
    bins = {name: _bin(make_docs(texts, nlp, report, split_at_spans=split_at_spans)) for name, texts in splits.items()}
    _refuse(path, report.left_out)
    return bins


def parse(raw: Path, nlp: Language) -> DocBin:
    """Parse the raw text."""
    return _bin(nlp.pipe(example.predicted for example in create_raw_text(raw)(nlp)))


def _bin(docs: Iterable[Doc]) -> DocBin:
    result = DocBin(store_user_data=True)
    for doc in docs:
        result.add(doc)
    return result


def _refuse(path: Path, problems: Iterable[Tuple[str, str]]) -> None:
    found = list(problems)
    for doc_id, problem in found:
        msg.fail(f"{path}, line {doc_id}: {problem}")
    if found:
        raise ValueError(Errors.VE315.format(path=path, n=len(found)))


if __name__ == "__main__":
    typer.run(main)
