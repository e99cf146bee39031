"""Writing files so that nobody ever sees half of one, and text that any format can hold."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
REQUIREMENT = "spacy-vaedie[export]"


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Write a file beside its place, and put it there once it is whole.

    path (Path): Where the file goes; its folder is made where needed.
    YIELDS (Path): Where to write it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def clean(text: str) -> str:
    """RETURNS (str): The text, with U+FFFD for control characters."""
    return _FORBIDDEN.sub("\ufffd", text)
