"""The command group that spaCy's own command line mounts."""

import typer
from spacy.cli._util import app as spacy_app

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
