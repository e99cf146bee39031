"""Texts that stand in two parts of a corpus."""

from __future__ import annotations

from typing import Set

from spacy.tokens import Doc

from ..errors import Warnings, warn
from .text_keys import text_key


class NothingNew:
    """Whether the raw text of an epoch says anything that the annotated texts do not."""

    def __init__(self) -> None:
        self._labelled: Set[bytes] = set()
        self._raw: Set[bytes] = set()

    def labelled(self, doc: Doc) -> None:
        """Note an annotated text."""
        self._labelled.add(text_key(doc.text))

    def raw(self, doc: Doc) -> None:
        """Note a raw one."""
        self._raw.add(text_key(doc.text))

    def tell(self) -> None:
        """Say so if not, at the end of the epoch."""
        if self._raw and self._raw <= self._labelled:
            warn(Warnings.VW303.format(n=len(self._raw)))
