"""The folders of a study: results that are never half written, and one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

from spacy_vaedie.errors import Errors

LOCK = "lock"


def write_json(path: Path, value: Any) -> None:
    """Write a file as a whole or not at all.

    path (Path): The file, its folder is made.
    value (Any): What JSON knows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """Read a file that `write_json` wrote.

    path (Path): The file.
    RETURNS (Any): What is in it.
    RAISES (ValueError): VE303 where it is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except ValueError as error:
        reason = f"this is not JSON ({error}); remove the file, and run again"
        raise ValueError(Errors.VE303.format(path=path, line=1, reason=reason)) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder of trainings, which would delete each other's.

    folder (Path): The folder, it is made. A file in it says which process works there. The system releases it with the
        end of the process, however that ends, so that what is left of a dead one keeps nobody out.
    RAISES (ValueError): VE303 where another process works there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    with path.open("a+", encoding="utf8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            reason = f"process {file.read().strip()} works in this folder; wait for it, or name another folder"
            raise ValueError(Errors.VE303.format(path=path, line=1, reason=reason)) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
