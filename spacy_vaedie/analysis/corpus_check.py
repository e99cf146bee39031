"""Whether an annotated corpus can be learned from: what stands in it, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, List, Optional, Set, Tuple

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import check_range
from ..training.files import find_files, read_docbin
from ..training.overlap import HeldOut
from .configured_gate import ConfiguredGate, default_gate
from .corpus_checks import DEV, ERROR, TRAIN, WARNING, CorpusChecks, Report
from .corpus_counts import CorpusCounter


def check_corpus(
    train: Path,
    dev: Optional[Path] = None,
    *,
    gate: Optional[ConfiguredGate] = None,
    min_examples: int = 10,
) -> Report:
    """Look at annotated data before training, as `spacy debug data` does for the pipes of spaCy.

    train (Path): The training data, a .spacy file or a folder with them.
    dev (Optional[Path]): The development data.
    gate (Optional[ConfiguredGate]): Which pairs the extractor will look at, None for the default.
    min_examples (int): Labels with fewer relations in training are warned of.
    RETURNS (Dict[str, Any]): The keys of docs/debug.md: `train` and `dev`, the counts of the parts, None for one that
        was not given; `gate`; `overlap` of the two, None without `dev`; `checks`, each with `level` (`good`, `warning`
        or `error`), `kind`, `part`, `n`, `message` and `examples`; the numbers of each level, and `ok`: no errors.
    RAISES (FileNotFoundError): VE301 or VE311 for a path without such files.
    RAISES (ValueError): VE302 for a file of another kind, VE307 for a damaged one, VE107 for a negative number.
    """
    check_range("check_corpus", 0, min_examples=min_examples)
    gate = default_gate() if gate is None else gate
    vocab = Vocab() if gate.vocab is None else gate.vocab
    counter = CorpusCounter(gate, _learn_types(train, vocab, gate) if gate.learns_types else None)
    checks = CorpusChecks(gate, min_examples)
    held_out = None if dev is None else HeldOut([dev], allowed=True)
    n_shared = 0
    for file, doc in _read(train, vocab):
        counter.add(doc)
        n_shared += bool(held_out is not None and len(doc) and held_out.has(doc, file))
    report: Report = {TRAIN: {"path": str(train), **counter.report()}, DEV: None, "overlap": None}
    checks.look_at(TRAIN, report[TRAIN], counter.failure)
    if dev is not None:
        other = CorpusCounter(gate, counter.types)
        for _, doc in _read(dev, vocab):
            other.add(doc, counter.names)
        report[DEV] = {"path": str(dev), **other.report()}
        shared = {"n_texts": n_shared, "n_seen_pairs": other.n_seen_pairs}
        report["overlap"] = {**shared, **_compare_labels(report[TRAIN], report[DEV])}
        checks.look_at(DEV, report[DEV], other.failure)
        checks.compare(report["overlap"])
    learned = None if counter.types is None else sorted(map(list, counter.types))
    levels = [check["level"] for check in checks.found]
    return {
        **report,
        "gate": {"source": gate.source, "candidates": gate.candidates, "learned_types": learned},
        "checks": checks.found,
        "n_errors": levels.count(ERROR),
        "n_warnings": levels.count(WARNING),
        "ok": ERROR not in levels,
    }


def _read(path: Path, vocab: Vocab) -> Iterator[Tuple[Path, Doc]]:
    for file in find_files(path, [".spacy"]):
        for doc in read_docbin(file, vocab):
            yield file, doc


def _learn_types(path: Path, vocab: Vocab, gate: ConfiguredGate) -> Set[Tuple[str, str]]:
    """The types that go together in training, as the extractor finds them at its initialization."""
    relations = (relation for _, doc in _read(path, vocab) for relation in doc._.relations or ())
    said = map(gate.schema.canonical, relations)
    return {(relation.head.label, relation.tail.label) for relation in said}


def _compare_labels(train: Report, dev: Report) -> Dict[str, List[str]]:
    return {
        "labels_only_in_train": sorted(set(train["labels"]) - set(dev["labels"])),
        "labels_only_in_dev": sorted(set(dev["labels"]) - set(train["labels"])),
    }
