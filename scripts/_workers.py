"""Many trainings, some at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Callable, List, Mapping

from wasabi import msg


def work_on(jobs: Mapping[str, Callable[[], str]], workers: int) -> List[str]:
    """Do several jobs, and go on where one fails. Each is told when it is done, with an estimate of the time left.

    jobs (Mapping[str, Callable[[], str]]): What is to do, by name. Each gives a line to print.
    workers (int): How many at once.
    RETURNS (List[str]): A line for each that failed.
    """
    failed: List[str] = []
    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        names = {pool.submit(job): name for name, job in jobs.items()}
        for count, job in enumerate(as_completed(names), start=1):
            passed = time.perf_counter() - start
            progress = f"{count} of {len(jobs)} runs, {in_words(passed / count * (len(jobs) - count))} left"
            try:
                msg.good(f"{progress}: {job.result()}")
            # Whatever it is, the other runs of the night do not suffer from it.
            except Exception as error:
                failed.append(f"{names[job]}: {type(error).__name__}: {error}")
                msg.fail(f"{progress}: {failed[-1]}")
    return failed


def tell_failures(failed: List[str]) -> None:
    """List what failed, and end with status 1 where something did.

    failed (List[str]): A line for each.
    """
    for line in failed:
        msg.fail(line)
    if failed:
        msg.fail(f"{len(failed)} runs failed, see above; the next start tries them again", exits=1)


def in_words(seconds: float) -> str:
    """RETURNS (str): A time as people say it, e.g. `3 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
