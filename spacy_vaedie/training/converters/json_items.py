"""The objects of a JSON list, one at a time: a list may be larger than memory."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any, BinaryIO, Iterator, NoReturn, Optional, Tuple

from ...errors import Errors
from ..files import MAX_BYTES, decode

_SPACE = " \t\r\n"
_BLOCK = 2**16
# Longer than any word of JSON, and than an escaped character.
_MARGIN = 20


def read_json_items(path: Path, max_bytes: int = MAX_BYTES, key: Optional[str] = None) -> Iterator[Tuple[int, Any]]:
    """Stream the values of a JSON list.

    path (Path): The file, in UTF-8.
    max_bytes (int): The longest value.
    key (Optional[str]): Field of the object of the file that holds the list; what stands behind the list is not read.
        None where the file is the list.
    YIELDS (Tuple[int, Any]): Number of the line where the value starts, and the value. Nothing for a blank file.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE303 for what is no list, no JSON or no UTF-8, VE341 for a value that is too long.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.VE301.format(path=path))
    with path.open("rb") as file:
        text = _Text(path, file, max_bytes)
        if not text.skip():
            return
        if key is not None:
            text.find(re.compile(rf'"{key}"\s*:\s*(?=\[)'), f"expected an object with a list in '{key}'")
        elif text.next != "[":
            text.fail("expected a JSON list of texts")
        text.position += 1
        more = text.skip() != "]"
        while more:
            yield text.line, text.value()
            more = text.skip() == ","
            if more:
                text.position += 1
                if text.skip() == "]":
                    text.fail("no valid JSON (a text must follow ',')")
            elif text.next != "]":
                text.fail("no valid JSON (expected ',' or ']')")
        text.position += 1
        if key is None and text.skip():
            text.fail("there is more behind the end of the list")


class _Text:
    """A window on a file that moves with what was read."""

    def __init__(self, path: Path, file: BinaryIO, max_bytes: int) -> None:
        self.path, self.file, self.max_bytes = path, file, max_bytes
        self.buffer, self.position, self.line, self.at_end = "", 0, 1, False
        self._rest, self._offset = b"", 0
        self._lines = 1
        self._decoder = json.JSONDecoder()

    @property
    def next(self) -> str:
        """RETURNS (str): The next character, nothing at the end of the window."""
        return self.buffer[self.position : self.position + 1]

    def skip(self) -> str:
        """Skip white space. RETURNS (str): The next character, nothing at the end of the file."""
        while True:
            start = self.position
            while self.position < len(self.buffer) and self.buffer[self.position] in _SPACE:
                self.position += 1
            self.line += self.buffer.count("\n", start, self.position)
            if self.position < len(self.buffer) or not self.read(_BLOCK):
                return self.next

    def read(self, n_bytes: int) -> bool:
        """Drop what lies behind, and read on. RETURNS (bool): Whether there was more."""
        raw = self.file.read(n_bytes)
        block = self._rest + raw
        if not block:
            return False
        # A character may be cut at the end of the block: the decoder says where.
        _, length = codecs.utf_8_decode(block, "ignore", not raw)
        text = decode(block[:length], self.path, self._lines, self._offset)
        self._lines += text.count("\n")
        self._rest = block[length:]
        self._offset += length
        self.buffer, self.position = self.buffer[self.position :] + text, 0
        return bool(raw)

    def value(self) -> Any:
        """RETURNS (Any): The value that starts here; behind it is where reading goes on."""
        block = _BLOCK
        while True:
            try:
                value, end = self._decoder.raw_decode(self.buffer, self.position)
                # A number might go on.
                if end < len(self.buffer) or not self.read(block):
                    break
                continue
            except json.JSONDecodeError as error:
                too_long = len(self.buffer) - self.position > self.max_bytes
                # Where it is cut off, the error is at the end, or at the start of a text that does not end.
                cut_off = error.pos > len(self.buffer) - _MARGIN or error.msg.startswith("Unterminated")
                if not cut_off or (not too_long and not self.read(block)):
                    self.line += self.buffer.count("\n", self.position, error.pos)
                    self.fail(f"no valid JSON ({error.msg})")
            if len(self.buffer) - self.position > self.max_bytes:
                raise ValueError(Errors.VE341.format(path=self.path, line=self.line, limit=self.max_bytes / 2**20))
            block *= 2
        self.line += self.buffer.count("\n", self.position, end)
        self.position = end
        return value

    def find(self, pattern: re.Pattern[str], reason: str) -> None:
        """Go to where a pattern ends."""
        found = pattern.search(self.buffer, self.position)
        while found is None:
            if len(self.buffer) > self.max_bytes or not self.read(_BLOCK):
                self.fail(reason)
            found = pattern.search(self.buffer, self.position)
        self.line += self.buffer.count("\n", self.position, found.end())
        self.position = found.end()

    def fail(self, reason: str) -> NoReturn:
        raise ValueError(Errors.VE303.format(path=self.path, line=self.line, reason=reason))
