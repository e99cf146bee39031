"""Run a command and write down how long it took: `python scripts/timed.py OUT [--after EARLIER] -- COMMAND ...`"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, List, Optional

import typer

FILE = "seconds.txt"


def main(
    output: Annotated[Path, typer.Argument(help=f"Folder for {FILE}")],
    command: Annotated[List[str], typer.Argument(help="The command, behind --")],
    after: Annotated[Optional[Path], typer.Option(help="Folder of an earlier step, whose seconds are added")] = None,
) -> None:
    """Run a command, pass on its exit status, and write its wall-clock seconds."""
    start = time.perf_counter()
    # The project calls its own `python`, which is the one that runs this.
    status = subprocess.run([sys.executable if part == "python" else part for part in command]).returncode
    seconds = time.perf_counter() - start
    if status:
        raise typer.Exit(status)
    if after is not None:
        seconds += float((after / FILE).read_text(encoding="utf8"))
    output.mkdir(parents=True, exist_ok=True)
    (output / FILE).write_text(f"{seconds:.1f}\n", encoding="utf8")


if __name__ == "__main__":
    typer.run(main)
