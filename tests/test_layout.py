"""The rules of the package's layout, read off its source."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import networkx
import pytest
import spacy
from spacy.language import Language

import spacy_vaedie
from spacy_vaedie.errors import Errors, Warnings

from .pipeline.helpers import NO_TORCH

PACKAGE = Path(spacy_vaedie.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Each floor imports only from floors below it, or from its own room.
FLOORS = {
    "cli": 6,
    "visualize": 5,
    "pipeline": 4,
    "analysis": 4,
    "scale": 4,
    "models": 3,
    "training": 3,
    "scorer": 3,
    "export": 3,
    "tokens": 2,
    "lang": 2,
    "errors": 1,
    "about": 1,
}
# Rooms on the same floor that may be imported nevertheless: reading files is written once.
SIDEWAYS = {("scorer", "training"), ("export", "training")}
# How spaCy's registries are called in Python, by the group of their entry points.
REGISTRIES = {
    "spacy_architectures": "architectures",
    "spacy_misc": "misc",
    "spacy_readers": "readers",
    "spacy_scorers": "scorers",
    "spacy_loggers": "loggers",
    "spacy_callbacks": "callbacks",
    "spacy_batchers": "batchers",
    "spacy_augmenters": "augmenters",
    "thinc_schedules": "schedules",
}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports_of(path):
    """The modules that a module imports, with whether the import stands at its top."""
    tree = ast.parse(path.read_text(encoding="utf8"))
    package = name_of(path).split(".") if path.name == "__init__.py" else name_of(path).split(".")[:-1]
    top = set(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{module}.{alias.name}"
                yield (full if full in NAMES else module), node in top


def room_of(module):
    return (module.split(".") + [""])[1]


IMPORTS = {name_of(path): list(imports_of(path)) for path in MODULES}


def own_imports(module):
    return {(name, top) for name, top in IMPORTS[module] if name.split(".")[0] == "spacy_vaedie"}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]


ENTRY_POINTS = [
    (group, name, target) for group, points in project()["entry-points"].items() for name, target in points.items()
]


def test_every_room_has_a_floor():
    assert {room_of(module) for module in NAMES} - {""} <= set(FLOORS)


@pytest.mark.parametrize("module", sorted(NAMES - {"spacy_vaedie"}))
def test_imports_go_down(module):
    room = room_of(module)
    for name, _ in own_imports(module):
        assert name in NAMES, f"{module} imports {name}, which is no module"
        other = room_of(name)
        if other != room and (room, other) not in SIDEWAYS:
            assert FLOORS[other] < FLOORS[room], f"{module} (floor {FLOORS[room]}) imports {name}"


def test_importing_the_package_brings_only_what_stands_on_a_doc():
    assert {room_of(name) for name, _ in own_imports("spacy_vaedie")} <= {"tokens", "about"}


def test_no_circles():
    graph = networkx.DiGraph()
    for module in NAMES:
        graph.add_edges_from((module, name) for name, _ in own_imports(module) if name != module)
    # A package's own __init__ may gather what its modules define; they must not import from it.
    assert list(networkx.simple_cycles(graph)) == []


def test_torch_stays_in_its_room():
    found = {module for module, names in IMPORTS.items() for name, _ in names if name.split(".")[0] == "torch"}
    assert found
    assert all(module.startswith("spacy_vaedie.models.network.") for module in found), found


def test_optional_packages_are_imported_where_they_are_used():
    def names(requirements):
        return {re.split(r"[\[<>=;]", requirement)[0].strip() for requirement in requirements}

    extras = project()["optional-dependencies"]
    optional = {name.replace("-", "_") for requirements in extras.values() for name in names(requirements)}
    optional -= {"spacy_vaedie"}
    at_top = {
        (module, name)
        for module, found in IMPORTS.items()
        for name, top in found
        if top and name.split(".")[0] in optional
    }
    assert at_top == set()


@pytest.mark.parametrize(("group", "name", "target"), ENTRY_POINTS)
def test_entry_points_are_installed_and_load(group, name, target):
    found = [point for point in entry_points(group=group) if point.name == name]
    assert [point.value for point in found] == [target], "install the package again: pip install -e ."
    loaded = found[0].load()
    if group == "spacy_factories":
        assert Language.has_factory(name)
        assert Language.get_factory_meta(name).factory == name
    elif group == "spacy_cli":
        from spacy.cli._util import app

        assert any(mounted.typer_instance is loaded for mounted in app.registered_groups)
    else:
        assert getattr(spacy.registry, REGISTRIES[group]).get(name) is loaded


def registered_names():
    """What the decorators in the source register, as (group of entry points, name)."""
    groups = {registry: group for group, registry in REGISTRIES.items()}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                continue
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
                    registry, name = decorator.func.attr, decorator.args[0] if decorator.args else None
                    target = f"{name_of(path)}:{node.name}"
                    if isinstance(name, ast.Constant) and registry in ("factory", "component"):
                        yield "spacy_factories", name.value, target
                    elif isinstance(name, ast.Constant) and registry in groups:
                        yield groups[registry], name.value, target


def test_what_is_registered_has_an_entry_point():
    """Without one, a packaged pipeline does not load in a fresh process."""
    assert sorted(registered_names()) == sorted(point for point in ENTRY_POINTS if point[0] != "spacy_cli")


def test_names_in_the_source_are_registered():
    known = {name for _, name, _ in ENTRY_POINTS}
    for path in [*MODULES, *sorted((ROOT / "configs").glob("*.cfg"))]:
        names = re.findall(r"spacy-vaedie\.\w+\.v\d+", path.read_text(encoding="utf8"))
        assert set(names) <= known, path


def codes_of(holder):
    return {name for name in vars(holder) if re.fullmatch(r"V[EW]\d{3}", name)}


def test_codes_are_unique():
    tree = ast.parse((PACKAGE / "errors.py").read_text(encoding="utf8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in ("Errors", "Warnings")]
    assigned = [
        (holder.name, target.id)
        for holder in classes
        for node in holder.body
        if isinstance(node, ast.Assign)
        for target in node.targets
    ]
    assert len(assigned) == len(set(assigned)) > 40
    assert {(holder, code[:2]) for holder, code in assigned} == {("Errors", "VE"), ("Warnings", "VW")}
    texts = [getattr(holder, code) for holder in (Errors, Warnings) for code in codes_of(holder)]
    assert len({text.split("] ", 1)[1] for text in texts}) == len(texts)


def used_codes():
    paths = [*(path for path in MODULES if path.name != "errors.py"), *sorted((ROOT / "scripts").glob("*.py"))]
    source = "\n".join(path.read_text(encoding="utf8") for path in paths)
    return set(re.findall(r"(?:Errors|Warnings)\.(V[EW]\d{3})\b", source))


def test_every_code_is_used():
    known = codes_of(Errors) | codes_of(Warnings)
    assert used_codes() == known


@pytest.mark.parametrize("code", sorted(codes_of(Errors) | codes_of(Warnings)))
def test_messages_carry_their_code(code):
    holder = Errors if code.startswith("VE") else Warnings
    message = getattr(holder, code)
    assert message.startswith(f"[{code}] ")
    assert message.count(f"[{code}]") == 1


FRESH = (
    NO_TORCH
    + """
import spacy, spacy_vaedie
from spacy.tokens import Doc, DocBin
from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.tokens.dependency import read_evidence
from spacy_vaedie.models.candidates import build_entity_pairs
from spacy_vaedie.training import make_example, readers, schedules
import spacy_vaedie.scorer, spacy_vaedie.cli

nlp = spacy.blank("en")
doc = Doc(nlp.vocab, words=["Ada", "sings"], heads=[1, 1], deps=["nsubj", "ROOT"], ents=["B-A", "B-B"])
doc._.relations = [Relation(Argument(0, 1), Argument(1, 2), "X", evidence=read_evidence(doc, (0, 1), (1, 2)))]
data = DocBin(docs=[doc], store_user_data=True).to_bytes()
(other,) = DocBin().from_bytes(data).get_docs(nlp.vocab)
assert other._.relations == doc._.relations
assert doc._.latents is None
assert nlp.add_pipe("open_extractor")(doc)._.triples
ruler = nlp.add_pipe("relation_ruler")
ruler.add_patterns([{"label": "X", "pattern": [
    {"RIGHT_ID": "a", "RIGHT_ATTRS": {"DEP": "nsubj"}},
    {"LEFT_ID": "a", "REL_OP": "<", "RIGHT_ID": "b", "RIGHT_ATTRS": {}},
], "head": "a", "tail": "b"}])
assert [relation.polarity for relation in ruler.match(doc)] == ["asserted"]
assert len(build_entity_pairs()(doc).pairs) == 2
assert not any(name.split(".")[0] == "torch" for name, module in sys.modules.items() if module is not None)
for name in ("vae_encoder", "extractor"):
    try:
        nlp.add_pipe(name)
    except ImportError as error:
        assert "VE901" in str(error) and "pip install" in str(error)
    else:
        raise AssertionError("built without torch")
print("fine")
"""
)


def test_what_needs_no_torch_works_without_it():
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", FRESH], capture_output=True, text=True)
    assert found.stdout == "fine\n", found.stderr


def test_torch_waits_for_a_model():
    """spaCy loads all factories when it makes a pipeline; that must stay light."""
    names = [module for module in NAMES if room_of(module) not in ("", "cli")]
    loads = {
        module: {name for name, top in own_imports(module) if top and name.startswith("spacy_vaedie.models.network")}
        for module in names
        if not module.startswith("spacy_vaedie.models.network")
    }
    # For type annotations alone, an import stands below the top of a module.
    assert {module: found for module, found in loads.items() if found} == {}


def test_a_fresh_process_finds_everything_by_entry_points():
    """Nothing of the package is imported by hand, as when a packaged pipeline is loaded."""
    code = (
        "import spacy\n"
        "nlp = spacy.blank('en')\n"
        "for name in ('vae_encoder', 'extractor', 'open_extractor'):\n"
        "    nlp.add_pipe(name)\n"
        "doc = nlp.make_doc('Rain.')\n"
        "assert doc._.relations is None and doc._.latents is None\n"
        "print('fine')\n"
    )
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert found.stdout == "fine\n", found.stderr


def test_no_large_file_is_tracked() -> None:
    """Data and models are fetched. What was committed by mistake stays in the history for good."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    # The largest is the bundled corpus.
    assert [str(path) for path in paths if path.is_file() and path.stat().st_size > 1.2 * 2**20] == []
