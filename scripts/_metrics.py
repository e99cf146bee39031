"""The files that measuring workflows write: `metrics/<workflow>.json`."""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from spacy_vaedie.errors import Errors

FIELDS: Dict[str, Any] = {"figure": str, "arm": str, "split": str, "mean": (int, float), "std": (int, float), "n": int}


def record(figure: str, arm: str, values: Sequence[float], split: str = "test") -> Dict[str, Any]:
    """Sum up a figure over seeds.

    figure (str): What was measured.
    arm (str): The system that was measured, `default` where there is one.
    values (Sequence[float]): One value a seed. Shares are written in percent.
    split (str): The part of the data.
    RETURNS (Dict[str, Any]): The record, with the standard deviation of the sample, 0.0 for one seed.
    """
    std = statistics.stdev(values) if len(values) > 1 else 0.0
    mean = statistics.fmean(values)
    return {"figure": figure, "arm": arm, "split": split, "mean": mean, "std": std, "n": len(values)}


def write_metrics(path: Path, records: Sequence[Dict[str, Any]], command: str) -> None:
    """Write a file of metrics.

    path (Path): The file, its folder is made.
    records (Sequence[Dict[str, Any]]): What `record` gives.
    command (str): The command that measures them again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metrics = {"command": command, "commit": current_commit(), "records": list(records)}
    # Not srsly, which rounds to ten digits.
    path.write_text(json.dumps(metrics, indent=2, ensure_ascii=False) + "\n", encoding="utf8")


def read_metrics(path: Path) -> Dict[str, Any]:
    """Read a file of metrics.

    path (Path): The file.
    RETURNS (Dict[str, Any]): The command, the commit (None where it is not known) and the records.
    RAISES (ValueError): VE303 where the file is not made of these.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf8"))
    except ValueError as error:
        raise ValueError(Errors.VE303.format(path=path, line=1, reason=f"this is not JSON ({error})")) from error
    fits = isinstance(metrics, dict) and isinstance(metrics.get("command"), str)
    records: List[Any] = metrics.get("records", []) if fits else []
    if not records or not all(_is_record(item) for item in records):
        reason = f"metrics are a 'command', a 'commit' and 'records' with {', '.join(FIELDS)}; measure again"
        raise ValueError(Errors.VE303.format(path=path, line=1, reason=reason))
    return {"command": metrics["command"], "commit": metrics.get("commit"), "records": records}


def _is_record(item: Any) -> bool:
    return isinstance(item, dict) and all(isinstance(item.get(name), kind) for name, kind in FIELDS.items())


def current_commit() -> Optional[str]:
    """RETURNS (Optional[str]): Short name of the commit, None outside of a repository."""
    try:
        result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def is_changed() -> Optional[bool]:
    """RETURNS (Optional[bool]): Whether a file of the commit has been changed since, None outside of a repository."""
    command = ["git", "status", "--porcelain", "--untracked-files=no"]
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return bool(result.stdout.strip()) if result.returncode == 0 else None
