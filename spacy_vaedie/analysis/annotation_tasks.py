"""Docs as tasks for somebody who annotates them, with the relations that a pipeline found filled in."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from spacy.tokens import Doc

from ..tokens import Argument
from ..training.converters.label_studio import label_studio_task
from ..training.converters.prodigy import prodigy_task
from ..training.converters.tasks import Task, doc_spans, sort_spans

TaskMaker = Callable[[Doc, Sequence[Argument], Mapping[str, Any]], Task]
FORMATS: Dict[str, TaskMaker] = {"prodigy": prodigy_task, "label-studio": label_studio_task}


def task_spans(doc: Doc, extractor: Optional[Any] = None) -> List[Argument]:
    """The spans between which relations are to be annotated.

    doc (Doc): The Doc.
    extractor (Optional[Extractor]): What pairs them. None for the entities.
    RETURNS (List[Argument]): In text order, each once; with those that the relations of the Doc are between.
    """
    if extractor is None:
        return doc_spans(doc)
    candidates = extractor.propose(doc)
    pairs = zip(candidates.spans.tolist(), candidates.labels.tolist(), strict=True)
    found = {Argument(start, end, doc.vocab.strings[label]) for (start, end), label in pairs}
    found.update(end for relation in doc._.relations or () for end in (relation.head, relation.tail))
    return sort_spans(found)
