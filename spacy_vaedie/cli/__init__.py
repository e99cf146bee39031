"""`spacy vaedie ...`: what spaCy has no command for. One file a command; importing it registers it."""

from . import (  # noqa: F401
    annotate,
    calibrate,
    convert,
    debug,
    discover,
    evaluate,
    export,
    generate,
    inspect,
    nearest_text,
    select,
    suggest,
)
from ._app import app

__all__ = ["app"]
