"""`spacy vaedie ...`: what spaCy has no command for. One file a command; importing it registers it."""

from . import calibrate, convert, evaluate, generate, inspect, nearest_text, select, suggest  # noqa: F401
from ._app import app

__all__ = ["app"]
