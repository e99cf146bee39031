"""Sum up the study of few labels: metrics, a Markdown table, and a plot of F1 over labels."""

from __future__ import annotations

from collections import defaultdict
from glob import escape
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Tuple

import typer
from _arms import print_records
from _few_labels import QUICK, STUDY, TRANSFORMER, Run, plan
from _metrics import record, write_metrics
from _work_folder import read_json
from wasabi import msg

from spacy_vaedie.errors import Errors

Cell = Tuple[str, str, int]
Values = Dict[Cell, List[float]]
# What to print, and records of it.
Compared = Tuple[str, List[Dict[str, Any]]]

# Which arm is to save labels against which. What a lexicon is worth is no merit of the fusion.
SAVED = (("fused", "parse"), ("everything", "parse"), ("everything", "parse+lexicon"))
# The shares at which the fusion has to pay.
FEW = (5, 10)


def main(
    results: Annotated[Path, typer.Argument(help="Folder with the result of each run")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to; .md and .png are written beside it")],
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run few-labels .",
    quick: Annotated[bool, typer.Option("--quick", help="The runs of the quick form")] = False,
) -> None:
    """Read the results of the runs that are planned, those that are there."""
    runs = plan(QUICK if quick else (*STUDY, *TRANSFORMER))
    try:
        values = read_results(results, runs)
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    missing = len(runs) - sum(map(len, values.values()))
    if missing:
        msg.warn(f"{missing} of {len(runs)} runs have no result yet")
    figures = {run.corpus.name: run.corpus.figure for run in runs}
    records = [
        record(figures[corpus], arm_name(corpus, arm, share), found) for (corpus, arm, share), found in values.items()
    ]
    compared = [*advantages(values), *labels_saved(values)]
    write_metrics(output, [*records, *(item for _, more in compared for item in more)], command)
    output.with_suffix(".md").write_text(make_table(values), encoding="utf8")
    draw(values, output.with_suffix(".png"))
    print_records(records)
    for line, _ in compared:
        msg.info(line)
    msg.good(f"Saved the metrics to {output}")


def read_results(folder: Path, runs: List[Run]) -> Values:
    """Read the results.

    folder (Path): With a file a run.
    runs (List[Run]): The runs that are planned.
    RETURNS (Values): F1 on the test set of each seed, by corpus, arm and share.
    RAISES (FileNotFoundError): VE301 where there is none of them.
    RAISES (ValueError): VE303 for a file that is no result, for a second result of a run, and for one that was scored
        on another test set.
    """
    values: Values = defaultdict(list)
    tests: Dict[str, Optional[str]] = {}
    for run in runs:
        # The end of the name says what it was trained on.
        paths = sorted(folder.glob(f"{escape(run.name)}-*.json"))
        if not paths:
            continue
        path, *others = paths
        if others:
            reason = f"{path.name} is a result of the same run on other data; remove the one that does not count"
            raise ValueError(Errors.VE303.format(path=others[0], line=1, reason=reason))
        found = read_json(path)
        if not isinstance(found, dict) or not isinstance(found.get("test"), (int, float)):
            reason = "this is no result of a run, which has a number as 'test'; remove the file, and run again"
            raise ValueError(Errors.VE303.format(path=path, line=1, reason=reason))
        test = found.get("data", {}).get("test")
        if tests.setdefault(run.corpus.name, test) != test:
            reason = f"this was scored on another test set than earlier results of {run.corpus.name}; run it again"
            raise ValueError(Errors.VE303.format(path=path, line=1, reason=reason))
        values[run.corpus.name, run.arm.name, run.share].append(float(found["test"]))
    if not values:
        raise FileNotFoundError(Errors.VE301.format(path=folder / f"{runs[0].name}-*.json"))
    return dict(values)


def arm_name(corpus: str, arm: str, share: int) -> str:
    """RETURNS (str): E.g. `fused@10%`, `fused-masked@10%`."""
    return f"{arm}{'-masked' if corpus.endswith('-masked') else ''}@{share}%"


def make_table(values: Values) -> str:
    """A table for each corpus: arms by shares, mean and standard deviation, and the number of seeds.

    values (Values): What `read_results` gives.
    RETURNS (str): Markdown.
    """
    tables = []
    for corpus in dict.fromkeys(corpus for corpus, _, _ in values):
        shares = sorted({share for name, _, share in values if name == corpus})
        arms = dict.fromkeys(arm for name, arm, _ in values if name == corpus)
        rows = [
            f"| {arm} | " + " | ".join(_cell(values.get((corpus, arm, share))) for share in shares) + " |"
            for arm in arms
        ]
        head = f"| {corpus} | " + " | ".join(f"{share} %" for share in shares) + " |"
        tables.append("\n".join([head, "|---|" + "---:|" * len(shares), *rows]))
    return "\n\n".join(tables) + "\n"


def _cell(found: Optional[List[float]]) -> str:
    if not found:
        return ""
    summed = record("", "", found)
    return f"{summed['mean']:.1f} ± {summed['std']:.1f} ({summed['n']})"


def labels_saved(values: Values, reference: int = 30) -> List[Compared]:
    """With how many labels an arm is as good as the one that it is compared with is with many: on a straight line
    between two shares.

    values (Values): What `read_results` gives.
    reference (int): The share of the other arm.
    RETURNS (List[Compared]): For each corpus and pair of arms that can be compared, a line and the records of it:
        whether the goal was reached, and if so, with which share.
    """
    found = []
    for corpus in dict.fromkeys(corpus for corpus, _, _ in values):
        for arm, other in SAVED:
            goal = values.get((corpus, other, reference))
            curve = sorted(
                (share, _mean(at)) for (name, of, share), at in values.items() if (name, of) == (corpus, arm)
            )
            if not goal or not curve:
                continue
            needed = reach(curve, _mean(goal))
            what = f"{corpus}: {arm} for {other}@{reference}%"
            records = [record("labels_goal_reached", what, [float(needed is not None)])]
            line = f"{corpus}: {arm} does not reach what {other} has with {reference} % of the labels"
            if needed is not None:
                records.append(record("labels_needed", what, [needed]))
                line = f"{corpus}: {arm} needs {needed:.0f} % of the labels for what {other} has with {reference} %"
            found.append((line, records))
    return found


def advantages(values: Values, arm: str = "fused", other: str = "parse", least: float = 3.0) -> List[Compared]:
    """By how much an arm is ahead with few labels, and whether that is enough: by some points, and by more than the
    standard deviations of both together.

    values (Values): What `read_results` gives.
    arm (str), other (str): The arms.
    least (float): The points.
    RETURNS (List[Compared]): For each corpus and share of `FEW` that has both, a line and a record: the difference, the
        deviations together, the seeds that both have, and `met`.
    """
    found = []
    for corpus in dict.fromkeys(corpus for corpus, _, _ in values):
        for share in FEW:
            cells = [values.get((corpus, name, share)) for name in (arm, other)]
            if not all(cells):
                continue
            first, second = (record("", "", cell or []) for cell in cells)
            ahead, together = first["mean"] - second["mean"], first["std"] + second["std"]
            # One seed has no deviation to be compared with.
            n = min(first["n"], second["n"])
            met = n > 1 and ahead >= least and ahead > together
            line = (
                f"{corpus}, {share} %: {arm} is ahead of {other} by {ahead:.1f}, deviations together {together:.1f}, "
                f"{'met' if met else 'not met'} (at least {least:.0f}, and more than the deviations)"
            )
            item = {**record(f"{arm}_minus_{other}", f"{corpus}@{share}%", [ahead]), "std": together, "n": n}
            found.append((line, [{**item, "met": met}]))
    return found


def reach(curve: List[Tuple[int, float]], goal: float) -> Optional[float]:
    """The share at which a curve reaches a value.

    curve (List[Tuple[int, float]]): Shares and values, in order.
    goal (float): The value.
    RETURNS (Optional[float]): The first share, between two of the curve; None where it does not reach it.
    """
    for i, (share, value) in enumerate(curve):
        if value >= goal:
            if i == 0:
                return float(share)
            before, low = curve[i - 1]
            return before + (share - before) * (goal - low) / (value - low)
    return None


def _mean(values: List[float]) -> float:
    return sum(values) / len(values)


def draw(values: Values, path: Path) -> None:
    """Plot F1 over the share of labels, where a corpus has more than one.

    values (Values): What `read_results` gives.
    path (Path): File of the picture.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        msg.warn("No plot: `pip install matplotlib` for one")
        return
    corpora = list(dict.fromkeys(corpus for corpus, _, _ in values))
    figure, axes = pyplot.subplots(1, len(corpora), figsize=(5 * len(corpora), 4), squeeze=False)
    for axis, corpus in zip(axes[0], corpora, strict=True):
        for arm in dict.fromkeys(arm for name, arm, _ in values if name == corpus):
            points = sorted(
                (share, record("", "", found))
                for (name, other, share), found in values.items()
                if (name, other) == (corpus, arm)
            )
            axis.errorbar(
                [share for share, _ in points],
                [summed["mean"] for _, summed in points],
                [summed["std"] for _, summed in points],
                marker="o",
                label=arm,
            )
        axis.set(title=corpus, xlabel="labels (%)", ylabel="F1", xscale="log")
        axis.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


if __name__ == "__main__":
    typer.run(main)
