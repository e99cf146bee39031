"""Objects of JSON files, whose fields are checked as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NoReturn

from ...errors import Errors

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
