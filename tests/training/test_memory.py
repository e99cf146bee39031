"""Giving memory back while training."""

import ctypes
import sys
from pathlib import Path

import pytest
import spacy

from spacy_vaedie.training import memory
from spacy_vaedie.training.memory import create_release_memory, release_memory

STATUS = Path("/proc/self/status")


def resident() -> int:
    """Memory of this process in KB."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


@pytest.mark.skipif(not (STATUS.exists() and hasattr(ctypes.CDLL(None), "malloc_trim")), reason="needs glibc")
def test_what_lies_between_blocks_in_use_is_given_back() -> None:
    # Too small to be mapped one by one. Every other one stays.
    blocks = [bytearray(100_000) for _ in range(2000)]
    kept = blocks[::2]
    del blocks
    before = resident()
    assert release_memory()
    assert before - resident() > 50_000
    assert len(kept) == 1000


def test_each_so_many_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    monkeypatch.setattr(memory, "release_memory", lambda: steps.append(step))
    callback, nlp = create_release_memory(every=3), spacy.blank("en")
    for step in range(8):
        callback(nlp, {"step": step, "epoch": 0})
    assert steps == [0, 3, 6]


def test_without_such_a_function_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: sys)
    assert not release_memory()


def test_every_must_be_positive() -> None:
    with pytest.raises(ValueError, match="VE107.*every"):
        create_release_memory(every=0)
