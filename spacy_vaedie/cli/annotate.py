"""`spacy vaedie annotate`: relations, triples and entities of a corpus of any size, as tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated, List, Optional

import typer
from tqdm import tqdm
from wasabi import msg

from ..analysis.annotation import BATCH_SIZE, PART_DOCS, AnnotationSummary, annotate
from ..analysis.annotation_state import FAILURES
from ..training.text_stream import StreamFields
from ._app import app, coded_errors


class Format(StrEnum):
    """What `--format` takes."""

    parquet = "parquet"
    jsonl = "jsonl"
    csv = "csv"


@app.command("annotate")
def annotate_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline")],
    inputs: Annotated[
        List[str],
        typer.Argument(help="Files, folders or patterns: .txt, .jsonl, .parquet, .spacy or .conllu, also with .gz"),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tables; one that was begun goes on")],
    file_format: Annotated[Format, typer.Option("--format", help="Kind of the files")] = Format.parquet,
    latents: Annotated[bool, typer.Option("--latents", help="Write the latents of the texts, too")] = False,
    gold_entities: Annotated[
        bool, typer.Option("--gold-entities", help="Give the entities and spans of .spacy files to the pipeline")
    ] = False,
    n_process: Annotated[int, typer.Option("--n-process", "-n", help="Processes, each on one core", min=1)] = 1,
    part_docs: Annotated[int, typer.Option("--part-docs", help="Documents of a file", min=1)] = PART_DOCS,
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Documents that the pipeline gets at a time", min=1)
    ] = BATCH_SIZE,
    text_field: Annotated[str, typer.Option("--text-field", help="Field or column of the text")] = "text",
    id_field: Annotated[str, typer.Option("--id-field", help="Field or column of the id, which may be missing")] = "id",
) -> None:
    """Annotate a corpus and write relations, triples, entities and documents as tables. Ended at any point, the same
    command goes on. What cannot be annotated is in failures.jsonl.
    """
    with coded_errors(), _Progress() as progress:
        summary = annotate(
            model,
            inputs,
            output,
            file_format=file_format.value,
            part_docs=part_docs,
            batch_size=batch_size,
            n_process=n_process,
            latents=latents,
            gold_entities=gold_entities,
            fields=StreamFields(text=text_field, id=id_field),
            on_progress=progress.show,
        )
    print_summary(summary, progress.words_per_second)
    if summary.failures:
        msg.warn(f"Not annotated: {summary.failures}, see {output / FAILURES}")
    msg.good(f"Saved {summary.parts} parts to {output}")


class _Progress:
    """A bar over the bytes of the input, with words per second and the time left, where a person looks at it."""

    def __init__(self) -> None:
        self._bar: Optional[tqdm] = None
        self._start = perf_counter()
        self._words_before = 0
        self.words_per_second = 0.0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, summary: AnnotationSummary) -> None:
        """Show how far it is.

        summary (AnnotationSummary): What is done.
        """
        if self._bar is None:
            self._start, self._words_before = perf_counter(), summary.words
            self._bar = tqdm(
                total=summary.size,
                initial=summary.position,
                unit="B",
                unit_scale=True,
                disable=None,
                dynamic_ncols=True,
            )
            return
        seconds = perf_counter() - self._start
        self.words_per_second = (summary.words - self._words_before) / max(seconds, 1e-9)
        self._bar.set_postfix_str(f"{self.words_per_second:,.0f} words/s", refresh=False)
        self._bar.update(summary.position - self._bar.n)


def print_summary(summary: AnnotationSummary, words_per_second: float) -> None:
    """Print what was written.

    summary (AnnotationSummary): What `annotate` gives.
    words_per_second (float): How fast it was.
    """
    rows = [("documents", summary.documents), ("words", summary.words)]
    rows.extend((kind, n) for kind, n in summary.rows.items() if kind != "documents")
    if summary.resumed:
        rows.append(("read by earlier runs", summary.resumed))
    rows.append(("words per second", round(words_per_second)))
    msg.table([(name, f"{n:,}") for name, n in rows], aligns=("l", "r"))
