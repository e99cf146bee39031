"""Measure batch annotation: peak memory by size of the corpus, output after SIGKILL, and speed of two processes."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Dict, List, NamedTuple

import typer
from _arms import print_records
from _metrics import record, write_metrics
from wasabi import msg

from spacy_vaedie.training.text_stream import expand_inputs, read_stream


class Run(NamedTuple):
    """What a run took: wall-clock and CPU seconds, and the peak memory of the largest of its processes, in MB."""

    seconds: float
    cpu_seconds: float
    peak: float


def main(
    model: Annotated[Path, typer.Argument(help="The pipeline")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    texts: Annotated[List[str], typer.Option(help="Texts, which are repeated: files that `annotate` reads")],
    work: Annotated[Path, typer.Option(help="Folder for the annotations, which is emptied")] = Path(
        "training/annotate"
    ),
    small: Annotated[int, typer.Option(help="Sentences of the smaller corpus", min=1)] = 20_000,
    large: Annotated[int, typer.Option(help="Sentences of the larger corpus", min=1)] = 200_000,
    kills: Annotated[int, typer.Option(help="How often a run is killed", min=0)] = 5,
    part_docs: Annotated[int, typer.Option(help="Documents of a part", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="For the times of the kills")] = 0,
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run annotate .",
) -> None:
    """Annotate a smaller and a larger corpus, the smaller one again with two processes, and again with kills."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    corpora = {n: write_corpus(texts, n, work / f"{n}.txt.gz") for n in (small, large)}

    def annotate(n: int, name: str, *options: str) -> List[str]:
        arguments = [str(model), str(corpora[n]), "--output", str(work / name), "--part-docs", str(part_docs)]
        return [sys.executable, "-m", "spacy", "vaedie", "annotate", *arguments, *options]

    runs = {
        "small": measure(annotate(small, "small")),
        "two": measure(annotate(small, "two", "--n-process", "2")),
        "large": measure(annotate(large, "large")),
    }
    if read_tree(work / "two") != read_tree(work / "small"):
        msg.fail("Two processes write something else than one", exits=1)
    same = kill_and_go_on(annotate(small, "killed"), kills, runs["small"].seconds, random.Random(seed))
    identical = same and read_tree(work / "killed") == read_tree(work / "small")
    records = [
        *(record("peak_mb", name, [run.peak]) for name, run in runs.items()),
        *(record("seconds", name, [run.seconds]) for name, run in runs.items()),
        *(record("cpu_seconds", name, [run.cpu_seconds]) for name, run in runs.items()),
        record("peak_ratio", "default", [runs["large"].peak / runs["small"].peak]),
        record("speed_up", "two", [runs["small"].seconds / runs["two"].seconds]),
        record("identical_after_kills", "default", [100.0 * identical]),
    ]
    write_metrics(output, records, command)
    print_records(records)
    msg.good(f"Saved the metrics to {output}")


def write_corpus(texts: List[str], n: int, path: Path) -> Path:
    """Write so many texts, those of the files over and over.

    texts (List[str]): The files.
    n (int): How many.
    path (Path): The .txt.gz file to write.
    RETURNS (Path): The same.
    """
    files = expand_inputs(texts)
    known = [" ".join(item.text.split()) for item in read_stream(files) if item.error is None]
    with gzip.open(path, "wt", encoding="utf8") as file:
        file.writelines(f"{text}\n" for text in islice(cycle(known), n))
    return path


def measure(command: List[str]) -> Run:
    """Run a command to its end.

    command (List[str]): The command.
    RETURNS (Run): What it took.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise typer.Exit(1)
    # Kilobytes, but bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Run(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def kill_and_go_on(command: List[str], kills: int, seconds: float, rng: random.Random) -> bool:
    """Kill a run at random times, and let it come to its end.

    command (List[str]): The command.
    kills (int): How often.
    seconds (float): How long a whole run takes.
    rng (random.Random): Draws the times.
    RETURNS (bool): Whether all kills came before the end.
    """
    in_time = True
    for _ in range(kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0.2, 1) * seconds / max(kills, 1))
            in_time = False
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    measure(command)
    return in_time


def read_tree(folder: Path) -> Dict[str, bytes]:
    """RETURNS (Dict[str, bytes]): Every file of an annotation, by its name below the folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


if __name__ == "__main__":
    typer.run(main)
