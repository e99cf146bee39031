"""One part of a batch annotation: documents in, files with rows out. Runs in the process of the caller, or in several
others that each load the pipeline."""

from __future__ import annotations

import multiprocessing
import os
import threading
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import spacy
from spacy.language import Language
from spacy.pipeline import Lemmatizer
from spacy.tokens import Doc
from threadpoolctl import threadpool_limits

from ..tokens.rows import Row, rows_of
from ..training.examples import predicted_copy
from ..training.memory import release_memory
from ..training.part_files import part_path, write_part
from ..training.text_stream import TextRecord
from .inspection import find_encoder
from .raw_docs import entity_writers


@dataclass(frozen=True)
class PartSettings:
    """What the rows of a part depend on, beside its documents.

    model (Union[str, Language]): The pipeline, or its name or folder.
    output (Path): Folder of the batch annotation.
    file_format (str): One of `spacy_vaedie.training.part_files.FORMATS`.
    batch_size (int): Documents that the pipeline gets at a time.
    latents (bool): Whether to write the latents of the texts.
    gold_entities (bool): Whether the entities and span groups of DocBins are given to the pipeline.
    """

    model: Union[str, Language]
    output: Path
    file_format: str
    batch_size: int
    latents: bool
    gold_entities: bool


@dataclass
class PartResult:
    """What became of a part.

    counts (Dict[str, Any]): `documents` that were annotated, `words` of theirs, and `rows` of each kind.
    failures (List[Dict[str, Any]]): Id, source and error of each document that was not.
    """

    counts: Dict[str, Any]
    failures: List[Dict[str, Any]] = field(default_factory=list)


class PartAnnotator:
    """Annotates parts with one pipeline.

    settings (PartSettings): The settings.
    RAISES (ValueError): VE503 where latents are asked for and the pipeline has none.
    RAISES (OSError): spaCy's E050 for a pipeline that is not there.
    """

    def __init__(self, settings: PartSettings) -> None:
        self.settings = settings
        model = settings.model
        self.nlp = spacy.load(model) if isinstance(model, str) else model
        if settings.latents:
            find_encoder(self.nlp, str(model) if isinstance(model, str) else self.nlp.meta["name"])
        self.kinds = ["documents", "entities", "relations"]
        self.kinds.extend(["triples"] if self._assigned("doc._.triples") else [])
        self.kinds.extend(["latents"] if settings.latents else [])
        writers = entity_writers(self.nlp)
        self._disable = writers if settings.gold_entities else []
        # What the pipeline writes itself is not taken from a file.
        self._kept = {"parse": not self._assigned("token.dep"), "entities": settings.gold_entities or not writers}

    def annotate(self, number: int, records: Sequence[TextRecord]) -> PartResult:
        """Annotate the documents of a part and write its files.

        number (int): Number of the part.
        records (Sequence[TextRecord]): Its documents.
        RETURNS (PartResult): What became of them.
        """
        rows: Dict[str, List[Row]] = {kind: [] for kind in self.kinds}
        failures = []
        # Sums of floats depend on the number of threads, and the output must not.
        with threadpool_limits(1), self.nlp.memory_zone():
            for start in range(0, len(records), self.settings.batch_size):
                for record, found, error in self._annotate_batch(records[start : start + self.settings.batch_size]):
                    if found is None:
                        failures.append({"doc_id": record.doc_id, "source": record.source, "error": error})
                    else:
                        for kind in self.kinds:
                            rows[kind].extend(found[kind])
        for kind in self.kinds:
            write_part(part_path(self.settings.output, kind, number, self.settings.file_format), kind, rows[kind])
        counts = {
            "documents": len(rows["documents"]),
            "words": sum(row["n_tokens"] for row in rows["documents"]),
            "rows": {kind: len(rows[kind]) for kind in self.kinds},
        }
        rows.clear()
        self._forget()
        return PartResult(counts, failures)

    def _annotate_batch(
        self, records: Sequence[TextRecord]
    ) -> List[Tuple[TextRecord, Optional[Dict[str, List[Row]]], Optional[str]]]:
        """Each document with its rows, or with its error. Docs of a memory zone must not outlive it, so they stay in
        here."""
        sound = [record for record in records if record.error is None]
        try:
            found = dict(zip(map(id, sound), self._rows(sound), strict=True))
            return [(record, found.get(id(record)), record.error) for record in records]
        except Exception:
            # One of them failed, and what a component does with a batch says nothing of which.
            return [self._annotate_one(record) for record in records]

    def _annotate_one(self, record: TextRecord) -> Tuple[TextRecord, Optional[Dict[str, List[Row]]], Optional[str]]:
        if record.error is not None:
            return record, None, record.error
        try:
            return record, self._rows([record])[0], None
        except Exception as error:
            return record, None, f"{type(error).__name__}: {error}"

    def _rows(self, records: Sequence[TextRecord]) -> List[Dict[str, List[Row]]]:
        docs = [self._make_doc(record) for record in records]
        annotated = self.nlp.pipe(docs, batch_size=self.settings.batch_size, disable=self._disable)
        return [
            rows_of(doc, self.kinds, record.doc_id, record.source, record.meta)
            for record, doc in zip(records, annotated, strict=True)
        ]

    def _make_doc(self, record: TextRecord) -> Doc:
        if record.doc is None:
            return self.nlp.make_doc(record.text)
        return predicted_copy(Doc(self.nlp.vocab).from_bytes(record.doc), **self._kept)

    def _assigned(self, attribute: str) -> bool:
        return any(attribute in self.nlp.get_pipe_meta(name).assigns for name in self.nlp.pipe_names)

    def _forget(self) -> None:
        """What grows with the words of a corpus, and only makes it a little faster."""
        for _, pipe in self.nlp.pipeline:
            if isinstance(pipe, Lemmatizer):
                pipe.cache.clear()
        release_memory()


_ANNOTATOR: List[PartAnnotator] = []


def start_worker() -> None:
    """Prepare a process that annotates parts: it ends with the one that started it, also where that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def watch() -> None:
            wait([sentinel])
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def annotate_in_worker(settings: PartSettings, number: int, records: Sequence[TextRecord]) -> PartResult:
    """Annotate a part in such a process, which loads the pipeline for its first one.

    settings (PartSettings): The same ones for all parts.
    number (int), records (Sequence[TextRecord]): See `PartAnnotator.annotate`.
    RETURNS (PartResult): What became of the documents.
    """
    if not _ANNOTATOR:
        _ANNOTATOR.append(PartAnnotator(settings))
    return _ANNOTATOR[0].annotate(number, records)
