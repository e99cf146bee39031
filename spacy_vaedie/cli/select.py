"""`spacy vaedie select`: which texts to label next."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Iterator, List, Optional, Sequence

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from ..analysis.annotation_tasks import FORMATS, Task, task_spans
from ..analysis.raw_docs import read_raw_docs
from ..analysis.selection import POOL, TERMS, Selection, check_terms, select_texts
from ..analysis.uncertainty import MEASURES
from ..training.text_keys import read_meta, read_text_keys, text_key
from ._app import app, coded_errors


class Format(StrEnum):
    """What `--format` takes."""

    prodigy = "prodigy"
    label_studio = "label-studio"


@app.command("select")
def select_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline")],
    raw: Annotated[Path, typer.Argument(help="Texts to choose from: .txt, .jsonl, .conllu or .spacy, or a folder")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .jsonl for Prodigy, else .json")],
    n: Annotated[int, typer.Option("--n", "-n", help="How many texts to select", min=1)] = 50,
    by: Annotated[
        str, typer.Option("--by", help=f"Any of {', '.join(TERMS)}, with commas in between; or random")
    ] = ",".join(TERMS),
    task_format: Annotated[Format, typer.Option("--format", help="Whose tasks to write")] = Format.prodigy,
    exclude: Annotated[
        Optional[List[Path]], typer.Option("--exclude", help="Texts that are labelled already; several times for more")
    ] = None,
    gold_entities: Annotated[
        bool, typer.Option("--gold-entities", help="Give the entities and spans of the files to the pipeline")
    ] = False,
    measure: Annotated[str, typer.Option("--measure", help=f"Of uncertainty: {', '.join(MEASURES)}")] = "margin",
    pool: Annotated[
        int, typer.Option("--pool", help="Cluster so many of the best texts for each one that is selected", min=1)
    ] = POOL,
    seed: Annotated[int, typer.Option("--seed", help="The same one selects the same texts", min=0)] = 0,
) -> None:
    """Select the texts of a raw corpus to label next, by uncertainty of the extractor times novelty, spread over
    clusters of latents, and write them as tasks with the relations that were found filled in.
    """
    with coded_errors():
        terms = check_terms([term.strip() for term in by.split(",")])
        nlp = spacy.load(model)
        selection = select(
            nlp,
            model,
            raw,
            n,
            by=terms,
            exclude=exclude or (),
            gold_entities=gold_entities,
            measure=measure,
            pool=pool,
            seed=seed,
        )
        tasks = make_tasks(nlp, raw, selection, task_format.value)
        output.parent.mkdir(parents=True, exist_ok=True)
        (srsly.write_jsonl if task_format is Format.prodigy else srsly.write_json)(output, tasks)
    print_selection(selection)
    msg.good(f"Saved {len(tasks)} texts to {output}")


def select(
    nlp: Language,
    model: str,
    raw: Path,
    n: int,
    *,
    by: Sequence[str],
    exclude: Sequence[Path] = (),
    gold_entities: bool = False,
    **settings: Any,
) -> Selection:
    """Select the texts of a file to label next.

    nlp (Language), model (str): The pipeline, and what it is called.
    raw (Path): The texts.
    n (int): How many texts to select.
    by (Sequence[str]): See `choose_texts`.
    exclude (Sequence[Path]): Files with texts that are labelled already. They are parsed only where novelty counts.
    gold_entities (bool): Whether the entities and spans of the files are given to the pipeline.
    settings (Any): Further settings of `select_texts`.
    RETURNS (Selection): See `select_texts`.
    RAISES (ValueError), (FileNotFoundError): As `select_texts` and the readers.
    """

    def read(path: Path) -> Iterator[Doc]:
        return read_raw_docs(nlp, path, entities=gold_entities)

    return select_texts(
        nlp,
        lambda: read(raw),
        n,
        by=by,
        excluded={key for path in exclude for key in read_text_keys(path, nlp.vocab)},
        labelled=(doc for path in exclude if "novelty" in by for doc in read(path)),
        given_entities=gold_entities,
        model=model,
        **settings,
    )


def make_tasks(nlp: Language, raw: Path, selection: Selection, task_format: str) -> List[Task]:
    """Write tasks for the texts that were selected.

    nlp (Language): The pipeline.
    raw (Path): Where the texts come from: what stands there as `meta` is kept.
    selection (Selection): The texts.
    task_format (str): One of `FORMATS`.
    RETURNS (List[Task]): The tasks.
    """
    extractors = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory == "extractor"]
    extractor = nlp.get_pipe(extractors[0]) if extractors else None
    keys = [text_key(doc.text) for doc in selection.docs]
    known = read_meta(raw, set(keys), nlp.vocab)
    return [
        FORMATS[task_format](doc, task_spans(doc, extractor), {**known.get(key, {}), **meta})
        for doc, key, meta in zip(selection.docs, keys, selection.meta, strict=True)
    ]


def print_selection(selection: Selection) -> None:
    """Print how many texts were read and left out, and what the selected ones score.

    selection (Selection): The texts.
    """
    scores = selection.scores
    rows = [
        ("texts read", str(scores.n_texts)),
        ("left out, labelled already", str(scores.n_excluded)),
        ("left out, repeated", str(scores.n_repeated)),
    ]
    if scores.n_without_pairs is not None:
        rows.append(("without a pair of spans", str(scores.n_without_pairs)))
    for name in ("uncertainty", "novelty"):
        values = [meta[name] for meta in selection.meta if name in meta]
        if values:
            rows.append((f"{name} of the selected, on average", f"{sum(values) / len(values):.3f}"))
    relations = sum(len(doc._.relations or ()) for doc in selection.docs)
    rows.append(("relations found in the selected", str(relations)))
    msg.table(rows, aligns=("l", "r"))
