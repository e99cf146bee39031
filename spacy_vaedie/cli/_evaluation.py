"""How the report of `spacy vaedie evaluate` is printed."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import typer
from wasabi import msg

from ..analysis.outcomes import NONE

_KINDS = {"strict": "rels", "boundaries": "rels_boundaries", "macro": "rels_macro"}
# What `error_kinds` are called.
_ERRORS = {
    "spurious": "nothing like it annotated",
    "missed": "nothing like it predicted",
    "label": "another label",
    "direction": "head and tail changed",
    "arguments": "other labels of the spans",
}
_MEASURES = {"path_length": "path (steps)", "distance": "tokens between", "pairs": "pair of names, in training"}
# A matrix with more labels does not fit a terminal.
_MATRIX_LABELS = 8
_CONFUSIONS = 20


def print_scores(report: Dict[str, Any]) -> None:
    """Print the scores of a report.

    report (Dict[str, Any]): What `evaluate` returns.
    """
    source = "annotated" if report["gold_entities"] else "predicted"
    msg.divider(f"Relations between {source} entities, texts: {report['n_docs']}")
    if report["n_unannotated"]:
        msg.info(f"Texts left out, since their relations are not annotated: {report['n_unannotated']}")
    if report["disabled"]:
        msg.info(f"Not run, since they would overwrite the entities: {', '.join(report['disabled'])}")
    counts, intervals = report["counts"], report["intervals"]
    msg.text("Relations: {n_gold} annotated, {n_predicted} predicted, {n_right} of these right".format(**counts))
    rows = []
    for name, kind in _KINDS.items():
        found = None if intervals is None else intervals["scores"][f"{kind}_f"]
        rows.append((name, *(_percent(report.get(f"{kind}_{which}")) for which in "prf"), _interval(found)))
    header = ("", "P", "R", "F", "F, 95 % of resamples")
    msg.table(rows, header=header, aligns=("l", "r", "r", "r", "r"))
    _print_labels(report["labels"])
    if intervals is None:
        msg.text("No intervals: they need two documents or more, and --n-bootstrap above 0")
    if "rels_candidate_recall" in report:
        msg.text(f"Candidate recall: {_percent(report['rels_candidate_recall'])}")
    if report.get("rels_dropped_pairs"):
        msg.text(f"Pairs of spans that `max_pairs` left out: {report['rels_dropped_pairs']}")
    if report.get("rels_polarity_accuracy") is not None:
        msg.text(f"Polarity right, of the relations found: {_percent(report['rels_polarity_accuracy'])}")
    if "rels_calibration_error" in report:
        msg.text(f"Expected calibration error: {_percent(report['rels_calibration_error'])}")


def print_details(report: Dict[str, Any]) -> None:
    """Print the confusion matrix and the scores of parts of a report.

    report (Dict[str, Any]): What `evaluate` returns.
    """
    _print_confusion(**report["confusion"])
    for name, title in _MEASURES.items():
        parts = [
            (part["bin"], *_counts(part), *(_percent(part[which]) for which in "prf")) for part in _parts(report, name)
        ]
        if parts:
            header = (title, "annotated", "predicted", "P", "R", "F")
            msg.table(parts, header=header, aligns=("l", "r", "r", "r", "r", "r"))
    polarities = [
        (part["bin"], str(part["n_gold"]), _percent(part["r"]), _percent(part["polarity_accuracy"]))
        for part in _parts(report, "polarity")
    ]
    if polarities:
        titles = ("polarity", "annotated", "R", "polarity right, of the found")
        msg.table(polarities, header=titles, aligns=("l", "r", "r", "r"))


def print_comparison(report: Dict[str, Any]) -> None:
    """Print how a report compares with another pipeline, where there is one.

    report (Dict[str, Any]): What `evaluate` returns.
    """
    found = report["comparison"]
    if found is None:
        return
    msg.divider(f"Compared with {found['model']}, documents: {found['n_documents']}")
    rows = []
    for name, score in found["scores"].items():
        values = (_percent(score[key]) for key in ("this", "other", "difference"))
        p_value = "-" if score["p_value"] is None else f"{score['p_value']:.4f}"
        rows.append((name, *values, _interval(score["interval"]), p_value))
    header = ("", "this", "other", "difference", "95 % of resamples", "p")
    msg.table(rows, header=header, aligns=("l", "r", "r", "r", "r", "r"))
    names = {"both": "both", "this": "this one alone", "other": "the other alone", "neither": "neither"}
    shares = [(name, str(found["found"][key])) for key, name in names.items()]
    msg.table(shares, header=("annotated relations found by", ""), aligns=("l", "r"))


def print_errors(report: Dict[str, Any]) -> None:
    """Print the errors of a report, a line for the relation and one for the text.

    report (Dict[str, Any]): What `evaluate` returns.
    """
    kinds, errors = report["error_kinds"], report["errors"]
    if not errors:
        return
    msg.divider(f"Errors, the worst first: {len(errors)} of {sum(kinds.values())}")
    for kind, title in _ERRORS.items():
        chosen = [error for error in errors if error["kind"] == kind]
        if chosen:
            msg.text(f"{kind} ({title}): {kinds[kind]}")
        for error in chosen:
            # Not wrapped, so that it stands on a line each.
            typer.echo(f"  {_describe(error)}")
            typer.echo(f"    {' '.join(error['text'].split())}")


def _describe(error: Dict[str, Any]) -> str:
    sides = []
    if error["predicted"] is not None:
        sides.append(f"predicted {_side(error['predicted'])} ({error['predicted']['score']:.3f})")
    if error["gold"] is not None:
        score = "no candidate" if error["candidate"] is False else ""
        if error["gold_score"] is not None:
            score = f"{error['gold_score']:.3f}"
        sides.append(f"annotated {_side(error['gold'])}" + (f" ({score})" if score else ""))
    place = error["doc_id"] if error["doc_id"] is not None else error["index"]
    return f"{'; '.join(sides)} [text {place}]"


def _side(side: Dict[str, Any]) -> str:
    head, tail = (f"{side[end]['text']!r}{_label(side[end]['label'])}" for end in ("head", "tail"))
    return f"{head} {side['label']} {tail}"


def _label(label: str) -> str:
    return f" ({label})" if label else ""


def _parts(report: Dict[str, Any], name: str) -> List[Dict[str, Any]]:
    return report["slices"][name] or []


def _counts(part: Dict[str, Any]) -> Tuple[str, str]:
    return str(part["n_gold"]), str(part["n_predicted"])


def _print_labels(labels: Dict[str, Dict[str, Any]]) -> None:
    rows = [
        (label, *_counts(found), *(_percent(found[which]) for which in "prf"), _interval(found["f_interval"]))
        for label, found in labels.items()
    ]
    if rows:
        header = ("label", "annotated", "predicted", "P", "R", "F", "F, 95 % of resamples")
        msg.table(rows, header=header, aligns=("l", "r", "r", "r", "r", "r", "r"))


def _print_confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> None:
    if len(labels) == 1:
        return
    if len(labels) <= _MATRIX_LABELS + 1:
        rows = [(label, *map(str, row)) for label, row in zip(labels, matrix, strict=True)]
        msg.table(rows, header=("annotated / predicted", *labels), aligns=("l", *("r" for _ in labels)))
        return
    wrong = [
        (-n, label, other)
        for label, row in zip(labels, matrix, strict=True)
        for other, n in zip(labels, row, strict=True)
        if n and label != other and NONE not in (label, other)
    ]
    rows = [(label, other, str(-n)) for n, label, other in sorted(wrong)[:_CONFUSIONS]]
    if rows:
        msg.table(rows, header=("annotated", "predicted as", "times"), aligns=("l", "l", "r"))


def _percent(score: Optional[float]) -> str:
    return "-" if score is None else f"{100 * score:.2f}"


def _interval(bounds: Optional[Sequence[float]]) -> str:
    return "-" if bounds is None else f"{_percent(bounds[0])} to {_percent(bounds[1])}"
