"""Objects of JSON files, whose fields are checked as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterable, List, NoReturn, Sequence, Tuple

from ...errors import Errors
from .annotation import ConversionReport

_KINDS = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}


class Record:
    """A JSON object of a file, whose fields are checked as they are read.

    path (Path): The file.
    line (int): Number of the line where the object stands.
    value (Any): The object.
    name (str): What its field is called, for messages.
    RAISES (ValueError): VE303 where it is no object, as do the methods for what does not fit.
    """

    def __init__(self, path: Path, line: int, value: Any, name: str = "") -> None:
        self.path, self.line, self.name = path, line, name
        if not isinstance(value, dict):
            self.fail(f"expected an object{f' in {name!r}' if name else ''}, found {type(value).__name__}")
        self.value: Dict[str, Any] = value

    def get(self, key: str, kind: type) -> Any:
        """The value of a field, which must be there and be of this kind."""
        value = self.value.get(key)
        # A bool is an int in Python, but no offset.
        if not isinstance(value, kind) or isinstance(value, bool):
            found = f"is {type(value).__name__}" if key in self.value else "is missing"
            self.fail(f"the field '{self.name}{key}' {found}, but must be {_KINDS[kind]}")
        return value

    def items(self, key: str) -> List[Record]:
        """The objects of a list."""
        return [Record(self.path, self.line, item, f"{key}.") for item in self.get(key, list)]

    def fail(self, reason: str) -> NoReturn:
        raise ValueError(Errors.VE303.format(path=self.path, line=self.line, reason=reason))


def read_rows(record: Record, key: str, rows: Any, n_offsets: int, doc_id: str) -> List[Any]:
    """Check lists of token offsets with a label behind them, e.g. `[3, 5, "ORG"]`.

    record (Record): The object that they stand in.
    key (str): Name of the field, for the message.
    rows (Any): The lists.
    n_offsets (int): How many offsets each has.
    doc_id (str): Name of the text, for the message.
    RETURNS (List[Any]): The lists as tuples.
    RAISES (ValueError): VE303 where they are none.
    """
    for row in rows if isinstance(rows, list) else [rows]:
        fits = isinstance(row, list) and len(row) == n_offsets + 1 and isinstance(row[-1], str) and row[-1]
        # A bool is an int in Python, but no offset.
        if not fits or not all(type(offset) is int for offset in row[:-1]):
            record.fail(f"text {doc_id}: expected {n_offsets} token offsets and a label in '{key}', found {row!r}")
    return list(map(tuple, rows))


def join_spans(
    rows: Iterable[Tuple[int, int, int, int, str]],
    places: Sequence[Tuple[int, int]],
    doc_id: str,
    report: ConversionReport,
) -> List[Tuple[int, int, str]]:
    """Find the spans that relations join. A relation of tokens that are no span is left out.

    rows (Iterable[Tuple[int, int, int, int, str]]): Both offsets of head and tail, and label of each relation.
    places (Sequence[Tuple[int, int]]): The offsets of the spans.
    doc_id (str): Name of the text.
    report (ConversionReport): Where to count and name what is left out.
    RETURNS (List[Tuple[int, int, str]]): Head and tail, as places in the list of spans, and label.
    """
    relations: List[Tuple[int, int, str]] = []
    for head_start, head_end, tail_start, tail_end, label in rows:
        head, tail = (head_start, head_end), (tail_start, tail_end)
        if head in places and tail in places:
            relations.append((places.index(head), places.index(tail), label))
        else:
            report.lose_relation(doc_id, label, f"no entity for its {'tail' if head in places else 'head'}")
    return relations
