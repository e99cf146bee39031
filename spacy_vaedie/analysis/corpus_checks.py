"""What the counts of a corpus mean for training: what is an error, what is worth a warning, and what is good."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .configured_gate import ConfiguredGate

GOOD, WARNING, ERROR = "good", "warning", "error"
TRAIN, DEV = "train", "dev"
Report = Dict[str, Any]

# A gate that loses more than this share of the relations is worth a warning.
_LOST = 0.05
_UNANNOTATED = {
    TRAIN: "text(s) are not annotated with relations: only `unlabelled` of the extractor learns from them",
    DEV: "text(s) are not annotated with relations, and are not scored",
}
# What is told only where there is any.
_COUNTED = {
    "empty": "empty text(s), which are left out",
    "unparsed": "text(s) have no parse, which the extractor reads: save one with them "
    "(`spacy vaedie convert ... --model PIPELINE`)",
    "not_entities": "relation(s) have an argument that is no entity and no span of a group, by its tokens or its label",
    "self": "relation(s) join a span with itself, which is no pair",
    "repeated": "relation(s) are there twice, and count once",
    "two_labels": "pair(s) have two labels, of which the extractor learns the first (unless `multi_label` is set)",
    "against_schema": "relation(s) join spans that the schema does not let them join",
    "repeated_texts": "text(s) are there again",
    "contradicting_texts": "text(s) are there again with other relations",
}


class CorpusChecks:
    """Says what the counts of a corpus mean for training, and notes it in `found`.

    gate (ConfiguredGate): What proposes candidates.
    min_examples (int): Labels with fewer relations in training are warned of.
    """

    def __init__(self, gate: ConfiguredGate, min_examples: int) -> None:
        self.gate, self.min_examples = gate, min_examples
        self.found: List[Report] = []

    def look_at(self, name: str, part: Report, failure: Optional[str]) -> None:
        """Check one part of a corpus by itself.

        name (str): `train` or `dev`.
        part (Report): What `CorpusCounter.report` gives.
        failure (Optional[str]): The error of what proposes candidates.
        """
        n_annotated = part["n_docs"] - part["n_empty"] - part["n_unannotated"]
        good = f"{n_annotated} text(s) are annotated"
        self._say(name, "annotated", ERROR, not n_annotated, "no text is annotated with relations", good)
        if n_annotated:
            bad = "the texts are annotated, but there is no relation in them"
            self._say(name, "relations", ERROR, not part["n_relations"], bad, f"{part['n_relations']} relations")
        for kind, message in {**_COUNTED, "unannotated": _UNANNOTATED[name]}.items():
            n = part[f"n_{kind}"]
            if n and not (kind == "two_labels" and self.gate.multi_label):
                strict = kind == "unparsed" and name == TRAIN and not self.gate.parses
                level = ERROR if strict else WARNING
                self._add(name, kind, level, n, message, "", part["examples"].get(kind, []))
        self._check_gate(name, part, failure)
        if name == TRAIN:
            self._check_labels(part)

    def compare(self, overlap: Report) -> None:
        """Check two parts against each other.

        overlap (Report): `n_texts`, `labels_only_in_train` and `labels_only_in_dev`.
        """
        self._add(
            DEV,
            "overlap",
            WARNING,
            overlap["n_texts"],
            "training text(s) are, or hold, texts of the development data: scores there will be too good",
            "no text is in both parts",
        )
        for kind, message, good in (
            ("labels_only_in_dev", "in the development data alone, and cannot be learned", "all labels can be learned"),
            ("labels_only_in_train", "in the training data alone, and cannot be scored", "all labels can be scored"),
        ):
            labels = overlap[kind]
            self._add(DEV, kind, WARNING, len(labels), f"label(s) are {message}: {', '.join(labels)}", good)

    def _check_labels(self, part: Report) -> None:
        few = [f"{label} ({found['n']})" for label, found in part["labels"].items() if found["n"] < self.min_examples]
        bad = f"label(s) have fewer than {self.min_examples} relations: {', '.join(few)}"
        if part["labels"]:
            self._add(TRAIN, "few_examples", WARNING, len(few), bad, "enough relations of each label")

    def _check_gate(self, name: str, part: Report, failure: Optional[str]) -> None:
        if failure is not None:
            # The text of a coded error ends with what to do.
            self._say(name, "gate", ERROR, True, f"the candidates cannot be found: {failure}", "")
            return
        recall, n = part["candidate_recall"], part["n_relations"]
        if recall is None:
            return
        lost = round(n * (1 - recall))
        level = ERROR if not recall and name == TRAIN else WARNING
        bad = f"of {n} relations are no candidates, and cannot be found (candidate recall {100 * recall:.2f} %)"
        if part["n_across_sentences"]:
            bad += f"; {part['n_across_sentences']} relation(s) go from one sentence to another"
        good = f"candidate recall {100 * recall:.2f} %"
        self._add(name, "candidate_recall", level, lost if lost > _LOST * n else 0, bad, good)
        if part["n_dropped"]:
            self._add(name, "dropped", WARNING, part["n_dropped"], "pair(s) are more than `max_pairs`", "")

    def _say(self, name: str, kind: str, level: str, wrong: bool, bad: str, good: str) -> None:
        self.found.append(
            {
                "level": level if wrong else GOOD,
                "kind": kind,
                "part": name,
                "n": int(wrong),
                "message": bad if wrong else good,
                "examples": [],
            }
        )

    def _add(
        self, name: str, kind: str, level: str, n: int, bad: str, good: str, examples: Optional[List[str]] = None
    ) -> None:
        self._say(name, kind, level, n > 0, f"{n} {bad}", good)
        self.found[-1].update(n=n, examples=examples or [])
