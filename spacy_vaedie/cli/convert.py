"""`spacy vaedie convert`: from annotated files to spaCy's binary format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import spacy
import typer
from wasabi import msg

from ..errors import Warnings
from ..training.converters import CONVERTERS, ConversionReport, convert_file, get_converter
from ._app import app, coded_errors


@app.command("convert")
def convert_cli(
    path: Annotated[Path, typer.Argument(metavar="IN", help="File to convert")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help=".spacy file to write")],
    source: Annotated[str, typer.Option("--from", help=f"Format: {', '.join(CONVERTERS)}")],
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
    dev_out: Annotated[Optional[Path], typer.Option("--dev-out", help=".spacy file for these texts")] = None,
    md5: Annotated[Optional[str], typer.Option("--md5", help="Checksum that the file should have")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail, and write nothing, if anything is left out")] = False,
) -> None:
    """Convert annotated texts to spaCy's binary format.

    With a model, its parse is saved with the texts, so that training needn't parse them in each epoch.
    """
    if bool(dev_size) != bool(dev_out):
        raise typer.BadParameter("give --dev-size and --dev-out together")
    with coded_errors():
        converter = get_converter(source)
        report = convert_file(
            path,
            out,
            converter,
            spacy.load(model) if model else spacy.blank(lang),
            spans_key=spans_key,
            split=split,
            dev=(dev_size, dev_out) if dev_out else None,
            md5=md5,
            strict=strict,
        )
    print_report(path, report)
    msg.good(f"Saved {report.docs_written} texts to {out}" + (f" and {dev_out}" if dev_out else ""))


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
    if report.left_out:
        msg.warn(Warnings.VW301.format(path=path, n=len(report.left_out), first=report.first))
        for doc_id, reason in report.left_out:
            msg.text(f"document {doc_id}: {reason}")
