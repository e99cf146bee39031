"""Score what the quickstart trained, beside the majority label of each pair of entity types, and show what it finds."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Annotated, Dict, Iterator, List, Sequence, Tuple

import spacy
import typer
from _arms import find_arms, print_records, read_seconds
from _metrics import record, write_metrics
from spacy.tokens import Doc
from spacy.training import Example
from wasabi import msg

from spacy_vaedie.models.candidates import build_entity_pairs
from spacy_vaedie.scorer import score_relations
from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.readers import create_relation_corpus
from spacy_vaedie.visualize import render_relations

COMMAND = "spacy project run quickstart ."
FIGURE = "relation_gold_entities_micro_f1"
N_SHOWN = 10
UNRELATED = ""
Types = Tuple[str, str]


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder with train.spacy and test.spacy")],
    model: Annotated[Path, typer.Argument(help="The whole pipeline, which finds entities too")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    show: Annotated[Path, typer.Argument(help="Folder for sentences.txt and relations.html")],
    arm: Annotated[List[str], typer.Option(help="NAME=DIR with DIR/seed-*/model-best; once for each arm")],
) -> None:
    """Score on the test set: F1 in percent over all labels."""
    try:
        records = []
        for name, seeds in find_arms(arm).items():
            records.append(
                record(FIGURE, name, [score_given(seed / "model-best", corpus / "test.spacy") for seed in seeds])
            )
            seconds = [value for seed in seeds for value in read_seconds(seed)]
            records += [record("seconds", name, seconds)] if seconds else []
        records.insert(0, record(FIGURE, "majority", [score_majority(corpus)]))
        nlp = spacy.load(model)
        examples = list(create_relation_corpus(corpus / "test.spacy", entities="predicted")(nlp))
        scores = nlp.evaluate(examples)
        for figure, score in (("entity_f1", "ents_f"), ("relation_end_to_end_micro_f1", "rels_f")):
            records.append(record(figure, "pipeline", [100 * (scores[score] or 0.0)]))
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    write_metrics(output, records, COMMAND)
    show.mkdir(parents=True, exist_ok=True)
    chosen = choose(examples)
    # `nlp.evaluate` predicts on copies.
    for example in chosen:
        example.predicted = nlp(example.predicted)
    (show / "sentences.txt").write_text("\n".join(describe(example) for example in chosen), encoding="utf8")
    page = render_relations((example.predicted for example in chosen), page=True)
    (show / "relations.html").write_text(page, encoding="utf8")
    print_records(records)


def score_given(model: Path, test: Path) -> float:
    """Score the relations of a trained pipeline between the annotated entities.

    model (Path): The pipeline. It has no parser: the parse stands in the corpus.
    test (Path): The test set.
    RETURNS (float): Micro-F1 over all labels, in percent.
    """
    nlp = spacy.load(model)
    scores = nlp.evaluate(list(create_relation_corpus(test)(nlp)))
    return 100 * float(scores["rels_f"])


def score_majority(corpus: Path) -> float:
    """Score the answer that knows nothing but the types: the label, or none, that most pairs of the two types have in
    the training data.

    corpus (Path): The folder of the corpus.
    RETURNS (float): Micro-F1 over all labels, in percent.
    """
    nlp = spacy.blank("en")
    counts: Dict[Types, Counter[str]] = defaultdict(Counter)
    for example in create_relation_corpus(corpus / "train.spacy")(nlp):
        labels = {(r.head, r.tail): r.label for r in example.reference._.relations or []}
        if example.reference._.relations is not None:
            for head, tail in pairs(example.predicted):
                counts[head.label, tail.label][labels.get((head, tail), UNRELATED)] += 1
    examples = list(create_relation_corpus(corpus / "test.spacy")(nlp))
    for example in examples:
        example.predicted._.relations = [
            Relation(head=head, tail=tail, label=label)
            for head, tail in pairs(example.predicted)
            for label in [most_common(counts[head.label, tail.label])]
            if label != UNRELATED
        ]
    return 100 * float(score_relations(examples)["rels_f"])


def pairs(doc: Doc) -> Iterator[Tuple[Argument, Argument]]:
    """The pairs that the extractor looks at, too."""
    for hs, he, ts, te in build_entity_pairs()(doc).offsets().tolist():
        head, tail = doc[hs:he], doc[ts:te]
        yield Argument(hs, he, head.ents[0].label_), Argument(ts, te, tail.ents[0].label_)


def most_common(counts: Counter[str]) -> str:
    """The label of most pairs, the first in the alphabet where several have as many."""
    return min(counts, key=lambda label: (-counts[label], label), default=UNRELATED)


def choose(examples: Sequence[Example]) -> List[Example]:
    """Ten sentences from all over the test set."""
    step = max(1, len(examples) // N_SHOWN)
    return list(examples[::step][:N_SHOWN])


def describe(example: Example) -> str:
    """A sentence with the relations that were annotated (=, or - where they were missed) and predicted (+ where they
    are not annotated)."""
    gold, predicted = (find(doc) for doc in (example.reference, example.predicted))
    lines = [example.reference.text]
    for relation in [*gold, *(relation for relation in predicted if relation not in gold)]:
        mark = "+" if relation not in gold else "=" if relation in predicted else "-"
        score = f" {predicted[relation]:.2f}" if relation in predicted else ""
        lines.append(f"  {mark} {relation[0]} --{relation[1]}--> {relation[2]}{score}")
    return "\n".join([*lines, ""])


def find(doc: Doc) -> Dict[Tuple[str, str, str], float]:
    """The relations of a Doc in words, with their scores."""
    return {(r.head.resolve(doc).text, r.label, r.tail.resolve(doc).text): r.score for r in doc._.relations or []}


if __name__ == "__main__":
    typer.run(main)
