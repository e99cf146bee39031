"""Texts that stand in two parts of a corpus: held out and in the raw text, or annotated and in the raw text."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional, Sequence, Set

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import Errors, Warnings, warn
from .text_keys import read_text_keys, text_key


class HeldOut:
    """The texts that models are scored on, to find them in the raw text. They are read once.

    places (Sequence[Path]): Files or folders.
    allowed (bool): Whether they may stand in the raw text, and are counted; else each is an error.
    """

    def __init__(self, places: Sequence[Path], allowed: bool) -> None:
        self.places, self.allowed = places, allowed
        self._keys: Optional[Dict[bytes, Path]] = None
        self._told = False

    def has(self, doc: Doc, file: Path) -> bool:
        """RETURNS (bool): Whether a text is held out, or one of its sentences, where it knows them.
        RAISES (ValueError): VE323 where that is not allowed. (FileNotFoundError): VE301 for a missing file."""
        if not self.places:
            return False
        keys = self._read(doc.vocab)
        sentences = [sentence.text for sentence in doc.sents] if doc.has_annotation("SENT_START") else []
        for text in (doc.text, *sentences):
            place = keys.get(text_key(text))
            if place is not None and not self.allowed:
                text = text if len(text) <= 60 else f"{text[:60]}..."
                raise ValueError(Errors.VE323.format(path=file, text=text, held_out=place))
            if place is not None:
                return True
        return False

    def tell(self, n_found: int, n_read: int, path: Path) -> None:
        """Say once how many texts were held out."""
        if n_found and not self._told:
            self._told = True
            places = ", ".join(map(str, self.places))
            warn(Warnings.VW304.format(path=path, n=n_found, total=n_read, held_out=places))

    def _read(self, vocab: Vocab) -> Dict[bytes, Path]:
        if self._keys is None:
            self._keys = {key: place for place in self.places for key in read_text_keys(place, vocab)}
        return self._keys


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
