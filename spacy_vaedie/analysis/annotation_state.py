"""The folder of a batch annotation: what of it is done, so that a run that was ended goes on where it was.

A part is done when its file in `state/` is there, which is written last. What was begun after the last part that is
done is thrown away and made again.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Dict, List, Sequence

from ..errors import Errors
from ..tokens.rows import COLUMNS
from ..training.part_files import part_path, write_whole

STATE = "state"
FAILURES = "failures.jsonl"
_RUN, _COMPLETE = "run.json", "complete.json"
Settings = Dict[str, Any]


class AnnotationFolder:
    """The folder. Making this object opens it for a run, and clears what no part that is done has to do with.

    path (Path): The folder, which is made where needed.
    model (str): What the pipeline is called, for people.
    settings (Dict[str, Any]): All that the output depends on, as JSON has it.
    RAISES (ValueError): VE411 for the folder of a run with other settings, VE412 for one with something else in it,
        VE414 for one where something is missing.
    """

    def __init__(self, path: Path, model: str, settings: Settings) -> None:
        self.path, self.file_format = path, settings["file_format"]
        run = path / STATE / _RUN
        if run.exists():
            _check_same(path, _read_json(path, run)["settings"], settings)
        else:
            if path.exists() and not _is_new(path):
                raise ValueError(Errors.VE412.format(output=path))
            run.parent.mkdir(parents=True, exist_ok=True)
            _write_json(run, {"model": model, "settings": settings})
        self.parts: List[Dict[str, Any]] = []
        while (state := self._state(len(self.parts))).exists():
            self.parts.append(_read_json(path, state))
        self._check_parts()
        self._clear()

    def commit(self, records: int, result: Dict[str, Any], failures: Sequence[Dict[str, Any]]) -> None:
        """Make the next part one that is done. Its files are there already.

        records (int): Documents of the input that it is made of, the failed ones too.
        result (Dict[str, Any]): Counts to be kept; `rows` holds the rows of each kind.
        failures (Sequence[Dict[str, Any]]): What could not be annotated.
        """
        with (self.path / FAILURES).open("ab") as file:
            # Half of a character can stand in an error, and no file can hold it.
            file.writelines(json.dumps(failure).encode("ascii") + b"\n" for failure in failures)
            file.flush()
            os.fsync(file.fileno())
            end = file.tell()
        part = {"part": len(self.parts), "records": records, "failures": len(failures), "failures_end": end, **result}
        _write_json(self._state(len(self.parts)), part)
        self.parts.append(part)

    def complete(self, totals: Dict[str, Any]) -> None:
        """Write down that there is no part after the last one.

        totals (Dict[str, Any]): Counts of all parts.
        """
        _write_json(self.path / STATE / _COMPLETE, totals)

    def _state(self, number: int) -> Path:
        return self.path / STATE / f"part-{number:05d}.json"

    def _check_parts(self) -> None:
        for part in self.parts:
            for kind in part["rows"]:
                file = part_path(self.path, kind, part["part"], self.file_format)
                if not file.exists():
                    raise ValueError(Errors.VE414.format(output=self.path, reason=f"there is no {file}"))

    def _clear(self) -> None:
        failures, end = self.path / FAILURES, self.parts[-1]["failures_end"] if self.parts else 0
        size = failures.stat().st_size if failures.exists() else 0
        if size < end:
            reason = f"{FAILURES} has {size} bytes of {end}"
            raise ValueError(Errors.VE414.format(output=self.path, reason=reason))
        with failures.open("ab") as data:
            data.truncate(end)
        for kind in (STATE, *COLUMNS):
            for file in (self.path / kind).glob("*"):
                number = re.match(r"part-(\d+)\.", file.name)
                if file.name.endswith(".tmp") or (number and int(number[1]) >= len(self.parts)):
                    file.unlink(missing_ok=True)


def _is_new(path: Path) -> bool:
    """Whether nothing but the empty folder of a run is there, one that was ended before it began."""
    if not path.is_dir():
        return False
    return all(
        item.name == STATE and all(file.name.endswith(".tmp") for file in item.iterdir()) for item in path.iterdir()
    )


def _check_same(path: Path, known: Settings, settings: Settings) -> None:
    different = [key for key in settings if known.get(key) != settings[key]]
    if different:
        told = {key: f"{key} was {known.get(key)!r} and is {settings[key]!r}" for key in different}
        told.update(model="the pipeline is another one", inputs="the input files are others, or were changed")
        difference = "; ".join(told[key] for key in different)
        raise ValueError(Errors.VE411.format(output=path, difference=difference))


def _read_json(path: Path, file: Path) -> Dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
        if isinstance(value, dict):
            return value
    except ValueError:
        pass
    raise ValueError(Errors.VE414.format(output=path, reason=f"{file} cannot be read"))


def _write_json(file: Path, value: Dict[str, Any]) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    write_whole(file, lambda temporary: temporary.write_bytes(text.encode("utf8", "backslashreplace")))
