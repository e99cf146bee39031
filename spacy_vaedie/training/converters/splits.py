"""Which texts are for training, which for development, which for the test."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from ...errors import Errors
from .annotation import Annotation, ConversionReport

TRAIN, DEV, TEST = "train", "dev", "test"
SPLIT = "split"
# Shares of a corpus that does not say itself what is for what.
_SHARES = {TEST: 0.2, DEV: 0.1}


def split_dev(annotations: Sequence[Annotation], dev_size: int, *, seed: int = 0) -> Set[int]:
    """Choose annotations to set aside for development, each combination of directed labels in its share. The same
    texts and seed give the same choice everywhere.

    annotations (Sequence[Annotation]): All annotations.
    dev_size (int): How many to choose.
    seed (int): Another number gives another choice.
    RETURNS (Set[int]): Indices of the chosen ones.
    RAISES (ValueError): VE312 where there are fewer annotations than `dev_size`.
    """
    if not 0 <= dev_size <= len(annotations):
        raise ValueError(Errors.VE312.format(dev_size=dev_size, n=len(annotations)))
    order = [_hash(f"{seed}:{a.doc_id}:{a.text}") for a in annotations]
    strata: Dict[Tuple[Tuple[str, bool], ...], List[int]] = defaultdict(list)
    for index in sorted(range(len(annotations)), key=lambda i: (order[i], i)):
        strata[_directed_labels(annotations[index])].append(index)
    quotas = {key: dev_size * len(members) // len(annotations) for key, members in strata.items()}
    by_remainder = sorted(strata, key=lambda key: -(dev_size * len(strata[key]) % len(annotations)))
    for key in by_remainder[: dev_size - sum(quotas.values())]:
        quotas[key] += 1
    return {index for key, members in strata.items() for index in members[: quotas[key]]}


def split_documents(annotations: Sequence[Annotation], doc_field: str = "doc") -> Dict[str, List[Annotation]]:
    """Split texts by the documents that they come from, so that no document stands on two sides. A text whose `meta`
    has the field `split` goes where that says. Of the others a fifth becomes the test set and a tenth is for
    development, where no text is named for those; what is not annotated with relations is for training. The same texts
    give the same split everywhere.

    annotations (Sequence[Annotation]): All texts.
    doc_field (str): The field of `meta` that names the document; texts without it stand for themselves, and equal
        texts for one document.
    RETURNS (Dict[str, List[Annotation]]): The texts for `train`, `dev` and `test`.
    RAISES (ValueError): VE005 for another value of `split`, VE314 where one of the three stays empty or one document
        is told to be in two.
    """
    if annotations and all(annotation.relations is None for annotation in annotations):
        reason = 'no text is annotated with relations; where there are none, the file says so: "relations": []'
        raise ValueError(Errors.VE314.format(reason=reason))
    documents: Dict[str, List[Annotation]] = defaultdict(list)
    for annotation in annotations:
        name = annotation.meta.get(doc_field)
        documents[annotation.text if name is None else str(name)].append(annotation)
    splits: Dict[str, List[Annotation]] = {TRAIN: [], DEV: [], TEST: []}
    free: List[str] = []
    for name, members in documents.items():
        named = {str(member.meta[SPLIT]) for member in members if SPLIT in member.meta}
        if len(named) > 1:
            raise ValueError(Errors.VE314.format(reason=f"the document {name!r} is in {' and '.join(sorted(named))}"))
        if named - set(splits):
            options = ", ".join(splits)
            what = f"value of 'meta.split' (text {members[0].doc_id})"
            raise ValueError(Errors.VE005.format(value=named.pop(), what=what, options=options))
        if named:
            splits[named.pop()] += members
        elif all(member.relations is None for member in members):
            splits[TRAIN] += members
        else:
            free.append(name)
    n_free = sum(len(documents[name]) for name in free)
    quotas = {split: max(1, round(share * n_free)) for split, share in _SHARES.items() if not splits[split]}
    for name in sorted(free, key=_hash):
        split = next((split for split in quotas if len(splits[split]) < quotas[split]), TRAIN)
        splits[split] += documents[name]
    empty = [split for split, members in splits.items() if not members]
    if empty:
        reason = f"{len(documents)} document(s) leave nothing for {' and '.join(empty)}"
        raise ValueError(Errors.VE314.format(reason=reason))
    return splits


def keep_split(
    annotations: Iterable[Annotation], split: str, path: Path, report: ConversionReport
) -> Iterator[Annotation]:
    """Keep the texts that are for one part of the corpus, as the field `split` of their `meta` says, in a stream.

    annotations (Iterable[Annotation]): All texts.
    split (str): The part, e.g. `train`.
    path (Path): The file that they are from, for the message.
    report (ConversionReport): Where to count the texts of other parts.
    YIELDS (Annotation): The texts of this part.
    RAISES (ValueError): VE317 at the end where there were none.
    """
    found: Counter[Optional[str]] = Counter()
    for annotation in annotations:
        found[annotation.meta.get(SPLIT)] += 1
        if annotation.meta.get(SPLIT) == split:
            yield annotation
    if split not in found:
        options = ", ".join(sorted(name for name in found if name is not None)) or "none, its texts do not say"
        raise ValueError(Errors.VE317.format(path=path, split=split, options=options))
    report.docs_elsewhere = found.total() - found[split]
    report.docs_read -= report.docs_elsewhere


def _hash(value: str) -> str:
    # Hashes give the same order on every platform and version of Python, which `random` does not promise.
    return hashlib.sha256(value.encode()).hexdigest()


def _directed_labels(annotation: Annotation) -> Tuple[Tuple[str, bool], ...]:
    """The labels of a text, each with whether the head stands before the tail."""
    spans = annotation.spans
    return tuple(sorted({(label, spans[head] < spans[tail]) for head, tail, label in annotation.relations or ()}))
