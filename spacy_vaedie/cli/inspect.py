"""`spacy vaedie inspect`: how good the VAE of a trained pipeline is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional

import spacy
import srsly
import typer
from wasabi import msg

from ..analysis.inspection import find_encoder, inspect_encoder, read_corpus, read_labels
from ..analysis.novelty import compare_novelty
from ..visualize.latents import plot_kl
from ._app import app, coded_errors


@app.command("inspect")
def inspect_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline")],
    corpus: Annotated[Path, typer.Argument(help="Held-out text: .spacy, .txt, .jsonl or .conllu, or a folder of them")],
    against: Annotated[
        Optional[List[Path]], typer.Option("--against", help="Text of another kind, to tell apart by novelty")
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", help="Importance-weighted samples of each text, 0 for no likelihood", min=0)
    ] = 100,
    max_evaluated: Annotated[
        int, typer.Option("--max-evaluated", help="Texts whose likelihood is taken, 0 for all", min=0)
    ] = 500,
    n_labels: Annotated[
        Optional[int],
        typer.Option(
            "--n-labels",
            help="Labels that a linear probe learns from, where texts have categories; 0 for no probe. 100 by default, "
            "or half of the texts",
            min=0,
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="Texts to read of each corpus, 0 for all", min=0)] = 0,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="JSON file to write the report to")] = None,
    plot: Annotated[
        Optional[Path], typer.Option("--plot", help="Picture of the KL of each dimension: .svg, .png or .pdf")
    ] = None,
) -> None:
    """Measure the VAE of a trained pipeline on held-out text: what it reconstructs, what its latents say, how likely
    the text is, and, with --against, how well each kind of novelty tells other text from it.
    """
    with coded_errors():
        report = inspect(model, corpus, against or [], samples, max_evaluated, n_labels, limit)
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_json(output, report)
        if plot is not None:
            plot_kl(report["levels"], plot)
    print_report(report)
    for path in (output, plot):
        if path is not None:
            msg.good(f"Saved {path}")


def inspect(
    model: str,
    corpus: Path,
    against: List[Path],
    samples: int = 100,
    max_evaluated: int = 500,
    n_labels: Optional[int] = None,
    limit: int = 0,
) -> Dict[str, Any]:
    """Measure the VAE of a trained pipeline.

    model (str): Name or path of the pipeline.
    corpus (Path): Held-out text.
    against (List[Path]): Text of other kinds.
    samples (int), max_evaluated (int), n_labels (Optional[int]): See `inspect_encoder`. Labels are the categories of
        the texts.
    limit (int): Texts to read of each corpus, 0 for all.
    RETURNS (Dict[str, Any]): What `inspect_encoder` gives, and as `novelty` the AUROC of each registered choice by
        path, None without `against`, and for a language model, whose latents say nothing.
    RAISES (ValueError): VE503 where the pipeline has no `vae_encoder`.
    """
    nlp = spacy.load(model)
    encoder = find_encoder(nlp, model)
    examples = read_corpus(nlp, corpus, encoder, limit)
    docs = [example.predicted for example in examples]
    report = inspect_encoder(
        encoder,
        docs,
        samples=samples,
        max_evaluated=max_evaluated,
        labels=read_labels(examples),
        n_labels=n_labels,
    )
    # What tells texts apart are their latents.
    paths = against if report["levels"] is not None else []
    others = {str(path): [example.predicted for example in read_corpus(nlp, path, encoder, limit)] for path in paths}
    return {**report, "novelty": compare_novelty(encoder, docs, others) if others else None}


def print_report(report: Dict[str, Any]) -> None:
    """Print what `inspect` returns as tables.

    report (Dict[str, Any]): The report.
    """
    msg.divider(f"{report['n_docs']} texts, {report['n_tokens']} tokens")
    rows = [
        ("decoder", report["decoder"]),
        ("words it knows", str(report["n_words"])),
        (
            "tokens it does not know",
            f"{_percent(report['unknown'])}, in training {_percent(report['unknown_in_training'])}",
        ),
    ]
    if report["reconstruction"] is not None:
        rows.append(("reconstruction", f"{report['reconstruction']:.3f} nats a prediction"))
    if report["likelihood"] is not None:
        found = report["likelihood"]
        how = f"{found['samples']} samples, {found['n_docs']} texts"
        rows.append(("negative log-likelihood", f"{found['nll_iw']:.2f} nats a text ({how})"))
        rows.append(("perplexity", f"{found['perplexity']:.2f}"))
    if report["probe"] is not None:
        found = report["probe"]
        accuracy = f"{100 * found['accuracy']:.1f} ± {100 * found['std']:.1f} %"
        rows.append(("linear probe", f"{accuracy}, {found['n_labels']} labels of {found['n_classes']} classes"))
    if report["levels"] is None:
        rows.append(("latents", "none, it is a language model"))
    msg.table(rows, aligns=("l", "l"))
    if report["levels"] is not None:
        _print_latents(report["levels"])
    if report["novelty"] is not None:
        paths = list(next(iter(report["novelty"].values())))
        areas = [(name, *(f"{found[path]:.3f}" for path in paths)) for name, found in report["novelty"].items()]
        msg.table(areas, header=("novelty, AUROC against", *paths), aligns=("l", *("r" for _ in paths)))


def _print_latents(levels: Dict[str, Any]) -> None:
    latents = [
        (
            level,
            f"{found['active_units']} of {found['width']}",
            f"{found['kl']:.2f}",
            f"{found['mutual_information']:.2f}",
            f"{found['mutual_information_limit']:.2f} (batch of {found['mutual_information_batch']})",
        )
        for level, found in levels.items()
    ]
    header = ("latents", "active", "KL (nats)", "mutual information (nats)", "at most")
    msg.table(latents, header=header, aligns=("l", "r", "r", "r", "r"))


def _percent(share: Optional[float]) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
