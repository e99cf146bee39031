"""Offsets as other programs count them, and whether a text is the one that they were counted in."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import List, Optional


class Utf16:
    """Offsets in UTF-16 code units, as JavaScript counts them: a character beyond U+FFFF, e.g. an emoji, counts twice.

    text (str): The text.
    """

    def __init__(self, text: str) -> None:
        self._n = len(text)
        self._units: Optional[List[int]] = None
        if text and max(text) > "\uffff":
            self._units = list(accumulate((1 + (character > "\uffff") for character in text), initial=0))

    def units(self, character: int) -> int:
        """RETURNS (int): The code unit where a character starts."""
        return character if self._units is None else self._units[character]

    def character(self, unit: int) -> Optional[int]:
        """RETURNS (Optional[int]): The character that starts with a code unit, None inside of one or outside of the
        text."""
        if self._units is None:
            return unit if 0 <= unit <= self._n else None
        found = bisect_left(self._units, unit)
        return found if found < len(self._units) and self._units[found] == unit else None


def same_text(found: str, given: str) -> bool:
    """Compare what stands at offsets with what a file says stands there.

    found (str): What stands there.
    given (str): What the file says.
    RETURNS (bool): Whether they are the same but for white space, which many programs change.
    """
    return found == given or "".join(found.split()) == "".join(given.split())
