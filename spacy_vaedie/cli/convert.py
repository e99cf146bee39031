"""`spacy vaedie convert`: from annotated files to spaCy's binary format, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Dict, Iterable, Optional

import spacy
import typer
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..errors import Errors, Warnings
from ..training.converters import (
    CONVERTERS,
    DOCBIN,
    WRITERS,
    ConversionReport,
    convert_file,
    export_file,
    get_converter,
)
from ._app import app, coded_errors


@app.command("convert")
def convert_cli(
    path: Annotated[Path, typer.Argument(metavar="IN", help="File or folder to convert")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File or folder to write")],
    source: Annotated[str, typer.Option("--from", help=f"Format of IN: {DOCBIN}, {', '.join(CONVERTERS)}")] = DOCBIN,
    target: Annotated[str, typer.Option("--to", help=f"Format of OUT: {DOCBIN}, {', '.join(WRITERS)}")] = DOCBIN,
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the tokenizer, where no model is given")
    ] = "en",
    model: Annotated[
        Optional[str], typer.Option("--model", "-m", help="Pipeline whose parse, tags and lemmas are saved, too")
    ] = None,
    spans_key: Annotated[
        Optional[str], typer.Option("--spans-key", help="Span group for the spans, in place of doc.ents")
    ] = None,
    split: Annotated[
        Optional[str], typer.Option("--split", help="Part to convert, where the file says what each text is for")
    ] = None,
    dev_size: Annotated[int, typer.Option("--dev-size", help="Number of texts to set aside for development")] = 0,
    dev_out: Annotated[Optional[Path], typer.Option("--dev-out", help="File or folder for these texts")] = None,
    md5: Annotated[Optional[str], typer.Option("--md5", help="Checksum that the file should have")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail, and write nothing, if anything is left out")] = False,
    split_tokens: Annotated[
        bool, typer.Option("--split-tokens", help="Split tokens at the borders of spans, so that each span fits")
    ] = False,
    split_discontinuous: Annotated[
        bool, typer.Option("--split-discontinuous", help="Make a span of each piece of a discontinuous one (brat)")
    ] = False,
    max_docs: Annotated[
        int, typer.Option("--max-docs", help="Write a folder of .spacy files with so many texts each", min=0)
    ] = 0,
    max_mb: Annotated[int, typer.Option("--max-mb", help="The longest text or line that is read", min=1)] = 100,
) -> None:
    """Convert annotated texts to spaCy's binary format, or from it to a format that people annotate in.

    With a model, its parse is saved with the texts, so that training needn't parse them in each epoch.
    """
    if bool(dev_size) != bool(dev_out):
        raise typer.BadParameter("give --dev-size and --dev-out together")
    options: Dict[str, Any] = {"max_bytes": max_mb * 2**20}
    if split_discontinuous:
        options["split_discontinuous"] = True
    with coded_errors():
        nlp = spacy.load(model) if model else spacy.blank(lang)
        if source == DOCBIN:
            _refuse(split=split, dev_size=dev_size, md5=md5, split_tokens=split_tokens, max_docs=max_docs)
            report = export_file(path, out, nlp, target, spans_key=spans_key, progress=show_progress)
        else:
            report = convert_file(
                path,
                out,
                get_converter(source),
                nlp,
                to=target,
                spans_key=spans_key,
                split=split,
                dev=(dev_size, dev_out) if dev_out else None,
                md5=md5,
                strict=strict,
                split_at_spans=split_tokens,
                docs_per_file=max_docs,
                options=options,
                progress=show_progress,
            )
    print_report(path, report)
    msg.good(f"Saved {report.docs_written} texts to {out}" + (f" and {dev_out}" if dev_out else ""))


def _refuse(**settings: Any) -> None:
    """What says how to read annotated files means nothing for Docs."""
    given = [f"--{name.replace('_', '-')}" for name, value in settings.items() if value]
    if given:
        reason = f"{', '.join(given)} cannot be given for .spacy files; name the format of IN with --from"
        raise ValueError(Errors.VE343.format(reason=reason))


def show_progress(docs: Iterable[Doc]) -> Iterable[Doc]:
    """RETURNS (Iterable[Doc]): The same Docs, with a bar on stderr where that is a terminal."""
    bar: Iterable[Doc] = tqdm(docs, unit=" texts", leave=False, disable=None)
    return bar


def print_report(path: Path, report: ConversionReport) -> None:
    """Print what was read, written and left out.

    path (Path): The file that was converted.
    report (ConversionReport): What became of it.
    """
    rows = [
        ("texts", report.docs_read, report.docs_written),
        ("spans", report.spans_read, report.spans_written),
        ("relations", report.relations_read, report.relations_written),
    ]
    msg.table(rows, header=("", "read", "written"), aligns=("l", "r", "r"))
    if report.docs_rejected:
        msg.info(f"{report.docs_rejected} texts were rejected or ignored by the annotator")
    if report.docs_elsewhere:
        msg.info(f"{report.docs_elsewhere} texts are for other splits")
    if report.spans_moved:
        msg.info(f"{report.spans_moved} spans were moved to where their text stands, a few characters away")
    for what, n in sorted(report.ignored.items()):
        msg.info(f"{n} {what} have no place on a Doc and were not read")
    if report.docs_repeated:
        n, first = len(report.docs_repeated), report.docs_repeated[0]
        msg.warn(Warnings.VW341.format(path=path, n=n, first=first))
    if report.left_out:
        msg.warn(Warnings.VW301.format(path=path, n=len(report.left_out), first=report.first))
        for doc_id, reason in report.left_out:
            msg.text(f"document {doc_id}: {reason}")
        kinds = sorted({*report.spans_lost, *report.relations_lost})
        counts = [(kind, report.spans_lost[kind], report.relations_lost[kind]) for kind in kinds]
        msg.table(counts, header=("left out", "spans", "relations"), aligns=("l", "r", "r"))
