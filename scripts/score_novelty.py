"""Measure how well each registered kind of novelty tells other text from text like that of the training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Dict, List

import typer
from _arms import find_arms, print_records
from _metrics import record, write_metrics
from wasabi import msg

from spacy_vaedie.cli.inspect import inspect, print_report


def main(
    test: Annotated[Path, typer.Argument(help="Held-out text of the kind that the VAE was trained on")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    trained: Annotated[Path, typer.Option(help="Folder with seed-*/model-best")],
    against: Annotated[List[str], typer.Option(help="NAME=FILE, text of another kind; once for each")],
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run novelty .",
) -> None:
    """Inspect every seed, print its report, and write the areas under the ROC curve, in percent."""
    others = {Path(file): name for name, _, file in (item.partition("=") for item in against)}
    areas: Dict[str, List[float]] = {}
    try:
        for seed in find_arms([f"vae={trained}"])["vae"]:
            report = inspect(str(seed / "model-best"), test, list(others), samples=0)
            print_report(report)
            for choice, found in report["novelty"].items():
                for path, name in others.items():
                    areas.setdefault(f"{choice.split('.')[1]} {name}", []).append(100 * found[str(path)])
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    records = [record("auroc", arm, values) for arm, values in areas.items()]
    write_metrics(output, records, command)
    print_records(records)
    msg.good(f"Saved the metrics to {output}")


if __name__ == "__main__":
    typer.run(main)
