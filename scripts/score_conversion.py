"""Convert public data sets, and score whether every relation comes through or is counted as lost."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Dict, List, Tuple

import spacy
import typer
from _arms import print_records
from _metrics import record, write_metrics
from wasabi import msg

from spacy_vaedie.errors import Errors
from spacy_vaedie.training.converters import ConversionReport, convert_file, get_converter
from spacy_vaedie.training.converters.annotation import DISCONTINUOUS

# What may be lost of a set, in percent, discontinuous spans aside.
BAR = 0.5


@dataclass(frozen=True)
class DataSet:
    """A data set: its name, format, language and files, and how its spans are kept."""

    name: str
    source: str
    lang: str
    files: Tuple[str, ...]
    spans_key: str | None = None


_CHINESE = "lancopku/Chinese-Literature-NER-RE-Dataset/master/relation_extraction"
_CONLL04 = "LorrinWWW/two-are-better-than-one/master/datasets/unified"
_SCIERC = "JerryHao2001/thesis-tanl/main/data/scierc"
_SEMEVAL = "onehaitao/SemEval2010-to-TACRED/master/SemEval2010_task8_all_data"
DATA_SETS = (
    DataSet(
        "rel_component", "prodigy", "en", ("explosion/projects/v3/tutorials/rel_component/assets/annotations.jsonl",)
    ),
    # Its spans nest.
    DataSet("chinese_literature", "brat", "zh", (f"{_CHINESE}/Training", f"{_CHINESE}/Validation"), "sc"),
    DataSet(
        "conll04", "conll04", "en", tuple(f"{_CONLL04}/{part}.CoNLL04.json" for part in ("train", "valid", "test"))
    ),
    DataSet("scierc", "scierc", "en", tuple(f"{_SCIERC}/{part}.json" for part in ("train", "dev")), "sc"),
    DataSet(
        "semeval",
        "semeval",
        "en",
        (
            f"{_SEMEVAL}/SemEval2010_task8_training/TRAIN_FILE.TXT",
            f"{_SEMEVAL}/SemEval2010_task8_testing_keys/TEST_FILE_FULL.TXT",
        ),
    ),
)


def main(
    data_root: Annotated[Path, typer.Argument(help="Folder with the public data sets, laid out as their URLs")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run conversion .",
) -> None:
    """Score the conversion of each data set. Exits with 1 where a relation is neither written nor counted, or where
    more are lost than may be."""
    if not data_root.is_dir():
        msg.fail(Errors.VE301.format(path=data_root), exits=1)
    records: List[Dict[str, Any]] = []
    failed: List[str] = []
    for data_set in DATA_SETS:
        report = convert(data_set, data_root)
        records += make_records(data_set.name, report)
        failed += [f"{data_set.name}: {problem}" for problem in find_problems(report)]
    write_metrics(output, records, command)
    print_records(records)
    for problem in failed:
        msg.fail(problem)
    if failed:
        raise typer.Exit(1)
    msg.good(f"Every relation is written or counted. Saved the metrics to {output}")


def convert(data_set: DataSet, data_root: Path) -> ConversionReport:
    """RETURNS (ConversionReport): What became of all files of a data set together."""
    total = ConversionReport()
    nlp = spacy.blank(data_set.lang)
    with tempfile.TemporaryDirectory() as folder:
        for i, file in enumerate(data_set.files):
            converter = get_converter(data_set.source)
            out = Path(folder) / f"{i}.spacy"
            report = convert_file(data_root / file, out, converter, nlp, spans_key=data_set.spans_key)
            for name, value in vars(report).items():
                # Counters and lists add up as numbers do.
                setattr(total, name, getattr(total, name) + value)
    return total


def make_records(name: str, report: ConversionReport) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The figures of a data set, with losses by their reason."""
    counts = {"relations_in": report.relations_read, "relations_out": report.relations_written}
    counts.update({f"lost: {reason}": n for reason, n in sorted(report.relations_lost.items())})
    records = [record(figure, name, [n], "all") for figure, n in counts.items()]
    records.append(record("spans_moved", name, [report.spans_moved], "all"))
    records.append(record("texts", name, [report.docs_written], "all"))
    return [*records, record("loss_share", name, [lost_share(report)], "all")]


def lost_share(report: ConversionReport) -> float:
    """RETURNS (float): Relations that were lost for other reasons than a discontinuous span, in percent."""
    lost = report.relations_lost.total() - report.relations_lost[DISCONTINUOUS]
    return 100 * lost / max(1, report.relations_read)


def find_problems(report: ConversionReport) -> List[str]:
    """RETURNS (List[str]): What does not add up, in words."""
    problems = []
    missing = report.relations_read - report.relations_written - report.relations_lost.total()
    if missing:
        problems.append(f"{missing} relations are neither written nor counted as lost")
    if lost_share(report) > BAR:
        problems.append(f"{lost_share(report):.2f} % of the relations are lost, more than {BAR} %")
    return problems


if __name__ == "__main__":
    typer.run(main)
