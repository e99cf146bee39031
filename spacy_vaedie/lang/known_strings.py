"""Strings at hand by their hashes, which are the same in every vocab. Looking one up in a vocab takes longer."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence

from spacy.strings import StringStore

# More strings than a language has words for are the names in a large corpus.
MAX_KNOWN = 100_000


class KnownStrings(Dict[int, str]):
    """Strings by their hashes, in the form that is asked for.

    change (Optional[Callable[[str], str]]): Makes that form of a string, None for the string itself.
    """

    def __init__(self, change: Optional[Callable[[str], str]] = None) -> None:
        super().__init__()
        self._change = change

    def read(self, hashes: Sequence[int], strings: StringStore) -> List[str]:
        """Look up strings.

        hashes (Sequence[int]): Their hashes.
        strings (StringStore): A store that has them.
        RETURNS (List[str]): The strings.
        """
        try:
            return [self[key] for key in hashes]
        except KeyError:
            if len(self) > MAX_KNOWN:
                self.clear()
            found = [strings[key] for key in hashes]
            if self._change is not None:
                found = [self._change(text) for text in found]
            self.update(zip(hashes, found, strict=True))
            return found
