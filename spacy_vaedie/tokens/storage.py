"""How the package's data is kept in `doc.user_data`, so that spaCy carries it along.

spaCy drops doc-level extensions in `Doc.from_docs`, but keeps entries that are keyed by a character span, and shifts
the key. So what belongs to a whole Doc stands under the span of the whole text, and everything inside an entry counts
from the entry's start. A merged Doc then has one entry for each Doc that it was made from.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any, List, Optional, Tuple
from zlib import crc32

from spacy.tokens import Doc

from ..errors import Errors

Entry = Tuple[int, int, Any]


def read_entries(doc: Doc, name: str) -> List[Entry]:
    """Read the entries of a name, in text order.

    doc (Doc): The Doc to read from.
    name (str): Name of the stored data.
    RETURNS (List[Tuple[int, int, Any]]): First character, last character (exclusive) and stored value of each entry.
        The characters may lie outside of the text where the Doc was cut out of another one.
    RAISES (ValueError): VE006 where an entry stands on another text than it was written for, as after cutting a Doc
        and merging the part with something else.
    """
    entries = []
    text = doc.text
    for key in _keys(doc, name):
        start, end = key[2], key[3]
        checksum, value = doc.user_data[key]
        if start >= 0 and end <= len(text) and _checksum(text[start:end]) != checksum:
            raise ValueError(Errors.VE006.format(name=name, text=text[start:end][:60]))
        entries.append((start, end, value))
    return sorted(entries, key=lambda entry: entry[:2])


def write_entry(doc: Doc, name: str, value: Any) -> None:
    """Replace all entries of a name by one for the whole text.

    doc (Doc): The Doc to write to.
    name (str): Name of the stored data.
    value (Any): What to store, of types that msgpack knows, or None to store nothing.
    """
    for key in _keys(doc, name):
        del doc.user_data[key]
    if value is not None:
        text = doc.text
        doc.user_data[("._.", name, 0, len(text))] = (_checksum(text), value)


class TokenOffsets:
    """Finds tokens by character, also where a character range cuts through a token."""

    def __init__(self, doc: Doc) -> None:
        self.starts = [token.idx for token in doc]
        self.ends = [token.idx + len(token) for token in doc]

    def span(self, start: int, end: int) -> Optional[Tuple[int, int]]:
        """RETURNS (Optional[Tuple[int, int]]): The tokens that cover the characters, None outside of the Doc."""
        if start < 0 or not self.ends or end > self.ends[-1]:
            return None
        first = bisect_right(self.ends, start)
        last = bisect_left(self.starts, end)
        return (first, last) if first < last else None

    def token(self, start: int) -> Optional[int]:
        """RETURNS (Optional[int]): The token that holds a character, None outside of the Doc."""
        span = self.span(start, start + 1)
        return None if span is None else span[0]


def _keys(doc: Doc, name: str) -> List[Tuple[str, str, int, int]]:
    return [
        key for key in doc.user_data if isinstance(key, tuple) and len(key) == 4 and key[0] == "._." and key[1] == name
    ]


def _checksum(text: str) -> int:
    return crc32(text.encode("utf8", "surrogatepass"))
