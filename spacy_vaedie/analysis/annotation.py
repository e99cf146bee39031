"""Batch annotation: run a pipeline over a corpus of any size and write down what it finds as tables."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections import Counter, deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Generator, Iterator, List, Optional, Sequence, Tuple, Union

import spacy
from spacy.language import Language

from ..about import __version__
from ..errors import Errors, check_range
from ..training.part_files import FORMATS, check_format
from ..training.text_stream import StreamFields, TextRecord, expand_inputs, file_names, read_stream
from .annotation_parts import PartAnnotator, PartResult, PartSettings, annotate_in_worker, start_worker
from .annotation_state import AnnotationFolder

PART_DOCS = 1000
BATCH_SIZE = 64
_SAMPLE = 65_536
_WITH_ENTITIES = (".spacy", ".spacy.gz")
Part = Tuple[int, List[TextRecord]]
Results = Generator[Tuple[List[TextRecord], PartResult], None, None]


@dataclass
class AnnotationSummary:
    """What a batch annotation has written so far, what earlier runs wrote included.

    documents (int): Documents that were annotated.
    words (int): Tokens of these.
    failures (int): Documents that were not, see `failures.jsonl`.
    rows (Dict[str, int]): Rows of each kind.
    parts (int): Parts that are done.
    resumed (int): Documents of these that earlier runs had done, failed ones too.
    position (int): Bytes of the input that are done, more or less.
    size (int): Bytes of the input.
    """

    documents: int = 0
    words: int = 0
    failures: int = 0
    rows: Dict[str, int] = field(default_factory=dict)
    parts: int = 0
    resumed: int = 0
    position: int = 0
    size: int = 0

    def add(self, part: Dict[str, Any]) -> None:
        """Count a part that is done.

        part (Dict[str, Any]): What stands in its file in `state/`.
        """
        self.parts += 1
        for name in ("documents", "words", "failures"):
            setattr(self, name, getattr(self, name) + part[name])
        self.rows = dict(Counter(self.rows) + Counter(part["rows"]) | Counter(dict.fromkeys(part["rows"], 0)))


def annotate(
    model: Union[str, Path, Language],
    inputs: Sequence[Union[str, Path]],
    output: Union[str, Path],
    *,
    file_format: str = "parquet",
    part_docs: int = PART_DOCS,
    batch_size: int = BATCH_SIZE,
    n_process: int = 1,
    latents: bool = False,
    gold_entities: bool = False,
    fields: Optional[StreamFields] = None,
    on_progress: Optional[Callable[[AnnotationSummary], None]] = None,
) -> AnnotationSummary:
    """Annotate a corpus. Where the folder holds a part of the same annotation, which was ended, this goes on with it;
    the files come out as those of a run that was not.

    model (Union[str, Path, Language]): The pipeline, or its name or folder.
    inputs (Sequence[Union[str, Path]]): Files, folders and patterns, see `read_stream`.
    output (Union[str, Path]): Folder for the tables.
    file_format (str): `parquet`, `jsonl` or `csv`.
    part_docs (int): Documents of a part. Memory grows with it.
    batch_size (int): Documents that the pipeline gets at a time.
    n_process (int): Processes, which load the pipeline each and annotate whole parts on one core. A script that asks
        for several must be importable: `if __name__ == "__main__":`.
    latents (bool): Whether to write the latents of the texts.
    gold_entities (bool): Give the pipeline the entities and span groups of .spacy files in place of its own.
    fields (Optional[StreamFields]): How fields and columns are called.
    on_progress (Optional[Callable[[AnnotationSummary], None]]): Called at the start and after each part.
    RETURNS (AnnotationSummary): What was written.
    RAISES (ValueError): VE107 for a setting out of range, VE302 for a file of another kind, VE005 for an unknown
        format, VE411, VE412, VE414 for a folder with something else in it, VE413 where there is no document, VE416 for
        several processes and a pipeline in memory, VE417, VE418 for a damaged file, VE503 for latents without
        an encoder.
    RAISES (FileNotFoundError): VE301, VE311 where there is no such file.
    RAISES (ImportError): VE901 where the package for Parquet is missing.
    RAISES (RuntimeError): VE415 where a process was ended from outside.
    """
    check_range("annotate", 1, part_docs=part_docs, batch_size=batch_size, n_process=n_process)
    if file_format not in FORMATS:
        raise ValueError(Errors.VE005.format(value=file_format, what="format", options=", ".join(FORMATS)))
    if n_process > 1 and isinstance(model, Language):
        raise ValueError(Errors.VE416)
    check_format(file_format)
    fields, files = fields or StreamFields(), expand_inputs([str(item) for item in inputs])
    _check_entities(files, gold_entities)
    name, digest = _identify(model)
    settings = PartSettings(
        model if isinstance(model, Language) else str(model),
        Path(output),
        file_format,
        batch_size,
        latents,
        gold_entities,
    )
    # Its errors come before a folder is made.
    annotator = PartAnnotator(settings) if n_process == 1 else None
    known = {
        "model": digest,
        "inputs": _describe_inputs(files),
        "part_docs": part_docs,
        "fields": asdict(fields),
        "versions": {"spacy": spacy.__version__, "spacy-vaedie": __version__},
        **{key: getattr(settings, key) for key in ("file_format", "batch_size", "latents", "gold_entities")},
    }
    folder = AnnotationFolder(Path(output), name, known)
    summary = AnnotationSummary(size=sum(file.stat().st_size for file in files))
    with closing(read_stream(files, fields)) as records:
        _skip_done(folder, records, summary)
        if on_progress is not None:
            on_progress(summary)
        parts = _cut(records, part_docs, len(folder.parts))
        run = _run_here(annotator, parts) if annotator is not None else _run_workers(settings, parts, n_process)
        with closing(run) as results:
            for part, result in results:
                folder.commit(len(part), result.counts, result.failures)
                summary.add(folder.parts[-1])
                summary.position = part[-1].position
                if on_progress is not None:
                    on_progress(summary)
    if not folder.parts:
        raise ValueError(Errors.VE413.format(inputs=", ".join(str(item) for item in inputs)))
    folder.complete({name: getattr(summary, name) for name in ("documents", "words", "failures", "rows", "parts")})
    return summary


def _skip_done(folder: AnnotationFolder, records: Iterator[TextRecord], summary: AnnotationSummary) -> None:
    for part in folder.parts:
        summary.add(part)
    summary.resumed = sum(part["records"] for part in folder.parts)
    last = deque(islice(records, summary.resumed), maxlen=1)
    summary.position = last[0].position if last else 0


def _cut(records: Iterator[TextRecord], part_docs: int, first: int) -> Iterator[Part]:
    number = first
    while part := list(islice(records, part_docs)):
        yield number, part
        number += 1


def _run_here(annotator: PartAnnotator, parts: Iterator[Part]) -> Results:
    for number, records in parts:
        yield records, annotator.annotate(number, records)


def _run_workers(settings: PartSettings, parts: Iterator[Part], n_process: int) -> Results:
    """Parts in their order. As few wait as keep all processes busy, since they are in memory."""
    # A copy of this process would have its threads, of torch and others, without what they hold.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(n_process, mp_context=context, initializer=start_worker)
    waiting: Deque[Tuple[int, List[TextRecord], Future[PartResult]]] = deque()

    def submit() -> None:
        for number, records in islice(parts, 1):
            waiting.append((number, records, executor.submit(annotate_in_worker, settings, number, records)))

    number = 0
    try:
        for _ in range(n_process + 1):
            submit()
        while waiting:
            number, records, future = waiting.popleft()
            result = future.result()
            submit()
            yield records, result
    except BrokenProcessPool as error:
        raise RuntimeError(Errors.VE415.format(part=number)) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _check_entities(files: Sequence[Path], gold_entities: bool) -> None:
    for file in files if gold_entities else ():
        if not file.name.endswith(_WITH_ENTITIES):
            options = ", ".join(_WITH_ENTITIES)
            raise ValueError(Errors.VE302.format(path=file, suffix=file.suffix, options=options))


def _identify(model: Union[str, Path, Language]) -> Tuple[str, str]:
    """What a pipeline is called, and a digest that tells it apart from all others."""
    if isinstance(model, Language):
        return model.meta["name"], hashlib.sha256(model.to_bytes(exclude=["vocab"])).hexdigest()
    is_package = spacy.util.is_package(str(model))
    path = spacy.util.get_package_path(str(model)) if is_package else Path(model)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else ():
        if file.is_file() and file.suffix != ".pyc":
            digest.update(f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n".encode())
            with file.open("rb") as data:
                digest.update(hashlib.file_digest(data, "sha256").digest())
    if not path.is_dir():
        # It raises what spaCy has to say about it.
        spacy.load(model)
    return str(model), digest.hexdigest()


def _describe_inputs(files: Sequence[Path]) -> List[Dict[str, Any]]:
    """Names, sizes and digests of both ends: reading terabytes twice, to find what was changed inside, takes too
    long."""
    found = []
    for file, name in zip(files, file_names(files), strict=True):
        size, digest = file.stat().st_size, hashlib.sha256()
        with file.open("rb") as data:
            digest.update(data.read(_SAMPLE))
            data.seek(max(size - _SAMPLE, 0))
            digest.update(data.read(_SAMPLE))
        found.append({"name": name, "size": size, "digest": digest.hexdigest()})
    return found
