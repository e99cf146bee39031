"""The arms of a study: a folder each, with a trained pipeline a seed in `seed-*/model-best`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import typer
from _metrics import record, write_metrics
from wasabi import msg

from spacy_vaedie.errors import Errors


def find_arms(arms: List[str]) -> Dict[str, List[Path]]:
    """Find the seeds of each arm.

    arms (List[str]): `NAME=DIR` of each arm.
    RETURNS (Dict[str, List[Path]]): The folders of the seeds by name of the arm.
    RAISES (ValueError): VE005 for another form and for a name that was given twice.
    RAISES (FileNotFoundError): VE301 where an arm has no seeds, or a seed no trained pipeline.
    """
    found: Dict[str, List[Path]] = {}
    for arm in arms:
        name, _, folder = arm.partition("=")
        if not name or not folder or name in found:
            raise ValueError(Errors.VE005.format(value=arm, what="new arm", options="NAME=DIR, each name once"))
        seeds = sorted(path for path in Path(folder).glob("seed-*") if path.is_dir())
        if not seeds:
            raise FileNotFoundError(Errors.VE301.format(path=Path(folder) / "seed-*"))
        for seed in seeds:
            if not (seed / "model-best").is_dir():
                raise FileNotFoundError(Errors.VE301.format(path=seed / "model-best"))
        found[name] = seeds
    return found


def read_seconds(seed: Path) -> List[float]:
    """Read the time of training that `timed.py` wrote.

    seed (Path): Folder of the seed.
    RETURNS (List[float]): The seconds, nothing where they were not taken.
    RAISES (ValueError): VE303 where the file holds something else.
    """
    path = seed / "seconds.txt"
    if not path.is_file():
        msg.warn(f"{path}: no such file, so the time of this seed is not counted")
        return []
    try:
        return [float(path.read_text())]
    except ValueError as error:
        raise ValueError(Errors.VE303.format(path=path, line=1, reason="this is no number of seconds")) from error


def score_arms(
    arms: List[str], score: Callable[[List[Path]], Dict[str, List[float]]], output: Path, command: str
) -> None:
    """Score the seeds of each arm, print the figures, and write them down. Where something is missing, say so and exit
    with 1.

    arms (List[str]): `NAME=DIR` of each arm.
    score (Callable[[List[Path]], Dict[str, List[float]]]): Gives the values of each figure, for the seeds of an arm.
    output (Path): File to write the metrics to.
    command (str): The command that measures them again.
    """
    try:
        scored = {name: score(seeds) for name, seeds in find_arms(arms).items()}
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    records = [record(figure, name, values) for name, figures in scored.items() for figure, values in figures.items()]
    write_metrics(output, records, command)
    print_records(records)
    msg.good(f"Saved the metrics to {output}")


def print_records(records: Sequence[Dict[str, Any]]) -> None:
    """Print metrics as a table.

    records (Sequence[Dict[str, Any]]): What `record` of `_metrics` gives.
    """
    rows = [
        (item["arm"], item["figure"], f"{item['mean']:.2f} ± {item['std']:.2f}", str(item["n"])) for item in records
    ]
    msg.table(rows, header=("arm", "figure", "mean ± std", "seeds"), aligns=("l", "l", "r", "r"))
