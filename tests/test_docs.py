"""The README and the docs say what works: their Python runs, their commands and files exist."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from weasel.util import load_project_config

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(encoding="utf8"), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(code) for code in found]


PYTHON = [(page.name, i, code) for page in PAGES for i, code in enumerate(blocks(page, "python"))]
COMMANDS = [
    (page.name, line.strip())
    for page in PAGES
    for code in blocks(page, "bash")
    for line in code.splitlines()
    if line.startswith("spacy ")
]


@pytest.mark.parametrize(("page", "number", "code"), PYTHON, ids=[f"{page}-{i}" for page, i, _ in PYTHON])
def test_python_runs(page: str, number: int, code: str, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(code, encoding="utf8")
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_exist(page: str, line: str) -> None:
    """Each command is known to spaCy, with each of its options."""
    words = line.split(" && ")[0].split()
    depth = 3 if words[1] in ("vaedie", "project", "init") else 2
    result = subprocess.run([sys.executable, "-m", *words[:depth], "--help"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for option in (word for word in words if word.startswith("--") and "." not in word):
        assert option in result.stdout, option


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf8")):
        assert (page.parent / target).exists(), target


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf8"), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"\bmake ([a-z0-9-]+)", "\n".join(blocks(page, "bash"))):
            assert target in targets, f"{page.name}: make {target}"


def test_project_files_exist() -> None:
    """What the project's commands call and depend on is there, or is written by an earlier command."""
    project = load_project_config(ROOT)
    written = {asset["dest"] for asset in project["assets"]}
    known = {command["name"]: command for command in project["commands"]}
    for steps in project["workflows"].values():
        for name in steps:
            for path in known[name].get("deps", []):
                made = any(f"{out}/".startswith(f"{path}/") or path.startswith(f"{out}/") for out in written)
                assert made or (ROOT / path).exists(), f"{name}: {path}"
            written.update(known[name].get("outputs", []))
    for command in known.values():
        for script in re.findall(r"scripts/\w+\.py", " ".join(command["script"])):
            assert (ROOT / script).exists(), script
