"""The arms of a study: a folder each, with a trained pipeline a seed in `seed-*/model-best`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Sequence

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


def print_records(records: Sequence[Dict[str, Any]]) -> None:
    """Print metrics as a table.

    records (Sequence[Dict[str, Any]]): What `record` of `_metrics` gives.
    """
    rows = [
        (item["arm"], item["figure"], f"{item['mean']:.2f} ± {item['std']:.2f}", str(item["n"])) for item in records
    ]
    msg.table(rows, header=("arm", "figure", "mean ± std", "seeds"), aligns=("l", "l", "r", "r"))
