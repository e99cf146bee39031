"""The memory of a training."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, Dict

from spacy.language import Language
from spacy.util import registry

from ..errors import check_range

BeforeUpdate = Callable[[Language, Dict[str, Any]], None]


@registry.callbacks("spacy-vaedie.ReleaseMemory.v1")
def create_release_memory(every: int = 50) -> BeforeUpdate:
    """Give freed memory back to the system in a training, as its `before_update`. Batches have arrays of ever other
    sizes. glibc keeps those below 32 MB when they are freed, between what is still in use, and finds no place for the
    next ones: a training that uses 1 GB comes to 12 GB.

    every (int): Updates after which it is done again.
    RETURNS (Callable[[Language, Dict[str, Any]], None]): The callback. Where the system's library of C cannot do it,
        nothing happens.
    RAISES (ValueError): VE107 for a number below 1.
    """
    check_range("spacy-vaedie.ReleaseMemory.v1", 1, every=every)

    def before_update(nlp: Language, info: Dict[str, Any]) -> None:
        if info["step"] % every == 0:
            release_memory()

    return before_update


def release_memory() -> bool:
    """Give what is free on the heap back to the system.

    RETURNS (bool): Whether there was anything to give back, False where this is not glibc.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        # Another library of C has no such function; on Windows there is no such handle.
        return False
    return bool(trim(ctypes.c_size_t(0)))
