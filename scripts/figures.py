"""Copy what was measured to docs/figures/, and rebuild the tables of README and docs from there.

A table stands between `<!-- figures:semeval -->` and `<!-- /figures -->`, with the name of its file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Dict, List, Tuple

import typer
from _metrics import read_metrics
from wasabi import msg

from spacy_vaedie.errors import Errors

_MARKER = re.compile(r"^<!-- (?:figures:(?P<name>[\w-]+)|(?P<end>/figures)) -->\s*$")


def main(
    root: Annotated[Path, typer.Option(help="Folder of the project")] = Path("."),
    check: Annotated[bool, typer.Option("--check", help="Write nothing, and exit with 1 where files would change")] = (
        False
    ),
) -> None:
    """Copy metrics/*.json to docs/figures/ and rebuild the tables."""
    try:
        changed = find_changes(root)
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    for path, text in changed.items():
        if check:
            msg.fail(f"{path} is out of date: run `make figures`")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf8")
            msg.good(f"Wrote {path}")
    if check and changed:
        raise typer.Exit(1)
    if not changed:
        msg.good("All figures are up to date")


def find_changes(root: Path) -> Dict[Path, str]:
    """Find what has to be written.

    root (Path): Folder of the project.
    RETURNS (Dict[Path, str]): New text of each file that would change.
    RAISES (ValueError): VE303 for metrics that cannot be read, and for a marker without its end or its figures.
    """
    figures = root / "docs" / "figures"
    changed: Dict[Path, str] = {}
    tables: Dict[str, str] = {}
    sources = {path.name: path for folder in (figures, root / "metrics") for path in sorted(folder.glob("*.json"))}
    for name, source in sources.items():
        tables[source.stem] = make_table(read_metrics(source))
        _note(changed, figures / name, source.read_text(encoding="utf8"))
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        if page.is_file():
            _note(changed, page, fill_page(page, tables))
    return changed


def fill_page(page: Path, tables: Dict[str, str]) -> str:
    """Put the tables into a page.

    page (Path): The Markdown file.
    tables (Dict[str, str]): The tables, by name of their figures.
    RETURNS (str): The new text of the page.
    RAISES (ValueError): VE303 for a marker without its end, without its start or without its figures.
    """
    lines: List[str] = []
    opened = 0
    for number, line in enumerate(page.read_text(encoding="utf8").splitlines(keepends=True), start=1):
        marker = _MARKER.match(line)
        if marker is None:
            if not opened:
                lines.append(line)
            continue
        name = marker["name"]
        if bool(opened) == bool(name):
            reason = f"'{line.strip()}' without its other half; a table needs a start and an end, each on its own line"
            raise ValueError(Errors.VE303.format(path=page, line=number, reason=reason))
        if name:
            stem = name.replace("-", "_")
            if stem not in tables:
                reason = f"there is no docs/figures/{stem}.json; measure it and run `make figures`, or mend the name"
                raise ValueError(Errors.VE303.format(path=page, line=number, reason=reason))
            lines += [line, tables[stem]]
        else:
            lines.append(line)
        opened = number if name else 0
    if opened:
        reason = "the table that starts here has no end; write '<!-- /figures -->' below it"
        raise ValueError(Errors.VE303.format(path=page, line=opened, reason=reason))
    return "".join(lines)


def make_table(metrics: Dict[str, Any]) -> str:
    """Build a Markdown table: a row an arm, a column a figure.

    metrics (Dict[str, Any]): What `read_metrics` gives.
    RETURNS (str): The table, and below it the command.
    """
    records = metrics["records"]
    several_splits = len({item["split"] for item in records}) > 1
    arms: Dict[str, None] = {}
    columns: Dict[str, None] = {}
    cells: Dict[Tuple[str, str], str] = {}
    for item in records:
        column = f"{item['figure']} ({item['split']})" if several_splits else item["figure"]
        arms[item["arm"]] = columns[column] = None
        cells[item["arm"], column] = format_cell(item)
    rows = [["arm", *columns], ["---", *("---:" for _ in columns)]]
    rows += [[arm, *(cells.get((arm, column), "") for column in columns)] for arm in arms]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    commit = f" at `{metrics['commit']}`" if metrics["commit"] else ""
    note = f"Mean ± standard deviation (number of seeds), measured by `{metrics['command']}`{commit}."
    return f"{table}\n\n{note}\n"


def format_cell(item: Dict[str, Any]) -> str:
    """Write a figure down: one decimal, three where it is less than one.

    item (Dict[str, Any]): The record.
    RETURNS (str): Mean, standard deviation and number of seeds. One seed has no deviation.
    """
    digits = 3 if 0 < abs(item["mean"]) < 1 else 1
    spread = f" ± {item['std']:.{digits}f}" if item["n"] > 1 else ""
    return f"{item['mean']:.{digits}f}{spread} ({item['n']})"


def _note(changed: Dict[Path, str], path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf8") != text:
        changed[path] = text


if __name__ == "__main__":
    typer.run(main)
