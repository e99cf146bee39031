"""`spacy vaedie debug`: look at annotated data before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Dict, Optional

import srsly
import typer
from wasabi import msg

from ..analysis.configured_gate import ConfiguredGate, read_config_gate, read_model_gate
from ..analysis.corpus_check import check_corpus
from ..analysis.corpus_checks import ERROR, GOOD, WARNING
from ._app import app, coded_errors

_STDOUT = "-"
_PARTS = {"train": "Training data", "dev": "Development data"}
_TYPES_SHOWN = 3


@app.command("debug")
def debug_cli(
    data: Annotated[Path, typer.Argument(help="Training data: a .spacy file, or a folder of them")],
    dev: Annotated[Optional[Path], typer.Option("--dev", help="Development data, to compare with")] = None,
    config: Annotated[
        Optional[Path], typer.Option("--config", "-c", help="Config whose extractor proposes the candidates")
    ] = None,
    model: Annotated[
        Optional[str], typer.Option("--model", "-m", help="Pipeline whose extractor proposes the candidates")
    ] = None,
    min_examples: Annotated[
        int, typer.Option("--min-examples", help="Warn of labels with fewer relations", min=0)
    ] = 10,
    json: Annotated[
        Optional[Path], typer.Option("--json", help="JSON file to write the report to, - for the console")
    ] = None,
) -> None:
    """Look at annotated data before training: what stands in it, what of it can be learned, and what is wrong.

    Exits with 1 where something keeps the extractor from learning, and with 0 where there are no more than warnings.
    """
    if config is not None and model is not None:
        raise typer.BadParameter("give --config or --model, not both")
    with coded_errors():
        gate: Optional[ConfiguredGate] = None
        if config is not None:
            gate = read_config_gate(config)
        elif model is not None:
            gate = read_model_gate(model)
        report = check_corpus(data, dev, gate=gate, min_examples=min_examples)
        if json is not None and str(json) != _STDOUT:
            json.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_json(json, report)
    if str(json) == _STDOUT:
        typer.echo(srsly.json_dumps(report, indent=2))
    else:
        print_report(report)
        if json is not None:
            msg.good(f"Saved the report to {json}")
    if not report["ok"]:
        raise typer.Exit(1)


def print_report(report: Dict[str, Any]) -> None:
    """Print what `check_corpus` returns.

    report (Dict[str, Any]): The report.
    """
    for name, title in _PARTS.items():
        if report[name] is not None:
            msg.divider(title)
            _print_part(report[name])
    gate, learned = report["gate"], report["gate"]["learned_types"]
    settings = ", ".join(f"{key} = {value}" for key, value in gate["candidates"].items() if not key.startswith("@"))
    msg.divider("Checks")
    kind = gate["candidates"].get("@misc", "")
    msg.text(f"Candidates: {kind} ({settings}), from: {gate['source']}")
    if learned is not None:
        msg.text(f"Learned types: {', '.join(' > '.join(pair) for pair in learned)}")
    overlap = report["overlap"]
    if overlap is not None:
        shares = f"{overlap['n_seen_pairs']} of {report['dev']['n_relations']} relations"
        msg.text(f"Development data: {shares} join names that are related in the training data, too")
    _print_checks(report)


def _print_part(part: Dict[str, Any]) -> None:
    n_annotated = part["n_docs"] - part["n_empty"] - part["n_unannotated"]
    msg.text(f"{part['n_docs']} texts, {part['n_tokens']} tokens: {part['path']}")
    msg.text(f"{n_annotated} of them annotated, {part['n_without_relations']} of these without relations")
    msg.text(f"{part['n_relations']} relations, {part['n_across_sentences']} of them across sentences")
    if part["n_candidates"] is not None:
        msg.text(f"{part['n_candidates']} candidate pairs")
    _print_counts("entities", part["entities"])
    rows = [
        (
            label,
            str(found["n"]),
            str(found["n_docs"]),
            _percent(found["candidate_recall"]),
            _types(found["types"]),
        )
        for label, found in part["labels"].items()
    ]
    if rows:
        header = ("label", "relations", "texts", "candidates", "head > tail")
        msg.table(rows, header=header, aligns=("l", "r", "r", "r", "l"))
    for key, title in (("path_length", "path (steps)"), ("distance", "tokens between")):
        _print_counts(title, part[key])
    if set(part["polarities"]) - {"none"}:
        _print_counts("polarity", part["polarities"])


def _print_counts(title: str, counts: Dict[str, int]) -> None:
    total = sum(counts.values())
    if total:
        rows = [(name, str(n), f"{100 * n / total:.1f} %", "#" * round(30 * n / total)) for name, n in counts.items()]
        msg.table(rows, header=(title, "number", "share", ""), aligns=("l", "r", "r", "l"))


def _print_checks(report: Dict[str, Any]) -> None:
    say = {GOOD: msg.good, WARNING: msg.warn, ERROR: msg.fail}
    for check in report["checks"]:
        say[check["level"]](f"{check['part']}: {check['message']}")
        for example in check["examples"]:
            msg.text(f"  {example}")
    msg.divider("Summary")
    n_good = sum(check["level"] == GOOD for check in report["checks"])
    msg.good(f"{n_good} {'check' if n_good == 1 else 'checks'} passed")
    for key, name, tell in (("n_warnings", "warning", msg.warn), ("n_errors", "error", msg.fail)):
        if report[key]:
            tell(f"{report[key]} {name if report[key] == 1 else name + 's'}")


def _types(types: Any) -> str:
    shown = [f"{found['head'] or '-'} > {found['tail'] or '-'} ({found['n']})" for found in types[:_TYPES_SHOWN]]
    rest = len(types) - _TYPES_SHOWN
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def _percent(share: Optional[float]) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
