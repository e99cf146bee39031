"""Optional packages of the corpus files, imported where they are used."""

from __future__ import annotations

from typing import Any

from ..errors import Errors


def import_parquet(thing: str) -> Any:
    """Import what reads and writes Parquet.

    thing (str): What needs it, for the error.
    RETURNS (Any): The module `pyarrow.parquet`.
    RAISES (ImportError): VE901 where pyarrow is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        requirement = "spacy-vaedie[parquet]"
        raise ImportError(Errors.VE901.format(thing=thing, package="pyarrow", requirement=requirement)) from error
    return pyarrow.parquet
