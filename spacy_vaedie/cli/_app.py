"""The command group that spaCy's own command line mounts."""

import re
from contextlib import contextmanager
from typing import Iterator

import typer
from spacy.cli._util import app as spacy_app
from wasabi import msg

_CODED = re.compile(r"\[V?E\d+\]")

app = typer.Typer(
    name="vaedie",
    help="Few-label information extraction: convert data, score relations.",
    no_args_is_help=True,
    add_completion=False,
)


# spaCy imports what its entry point names, but leaves the mounting to it.
spacy_app.add_typer(app, name="vaedie")


@app.callback()
def main() -> None:
    """Keeps sub-command names even while there is only one."""


@contextmanager
def coded_errors() -> Iterator[None]:
    """Print an error that has a code and exit with 1: only such a message tells what to do next. Anything else is a
    bug, and needs its traceback."""
    try:
        yield
    except Exception as error:
        if not _CODED.match(str(error)):
            raise
        msg.fail(str(error))
        raise typer.Exit(1) from error
