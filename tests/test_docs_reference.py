"""The reference pages name everything that there is, and nothing else."""

import inspect
import json
import re
from importlib.metadata import entry_points

import pytest
import spacy
import typer.main
from spacy.language import Language
from spacy.tokens import Doc, Span, Token
from spacy.tokens.underscore import Underscore
from thinc.api import Config

from spacy_vaedie.cli import app
from spacy_vaedie.errors import Errors, Warnings
from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.prodigy import read_prodigy
from spacy_vaedie.training.schema import read_schema

from .test_docs import PAGES, ROOT, blocks
from .test_layout import ENTRY_POINTS, codes_of

NAMES = ROOT / "docs" / "registered-names.md"
CODES = ROOT / "docs" / "troubleshooting.md"
FORMATS = ROOT / "docs" / "data-format.md"
LEXICONS = ROOT / "docs" / "lexicons.md"
INI = [(page, i, block) for page in PAGES for i, block in enumerate(blocks(page, "ini"))]
REGISTERED = [(group, name) for group, name, _ in ENTRY_POINTS if group != "spacy_cli"]
# Types that a config has, as the tables call them.
PLAIN = {"int", "float", "str", "bool", "Path"}


def split(text, level):
    """The parts of a page by their headings, of one level."""
    _, *found = re.split(rf"^{'#' * level} (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(found[::2], found[1::2], strict=True))


def read_table(text, first):
    """The rows of the table whose first column has this name, without the marks of code."""
    found = re.search(rf"^\| {first} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text + "\n", re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()] if found else []


def in_code(cell):
    return re.findall(r"`([^`]+)`", cell)


def sections():
    """What stands about each name, by its group of entry points."""
    for title, text in split(NAMES.read_text(encoding="utf8"), 2).items():
        group = re.fullmatch(r".*\(`(\w+)`\)", title)
        if group:
            yield from ((group[1], heading.strip("`"), part) for heading, part in split(text, 3).items())


SECTIONS = {(group, name): text for group, name, text in sections()}


def parameters_of(group, name):
    """Parameters of a registered function, with their defaults: those of a factory stand in its config."""
    (point,) = (point for point in entry_points(group=group) if point.name == name)
    parameters = dict(inspect.signature(point.load()).parameters)
    if group != "spacy_factories":
        return parameters
    defaults = Language.get_factory_meta(name).default_config
    return {
        key: parameter.replace(default=defaults.get(key, parameter.empty))
        for key, parameter in parameters.items()
        if key not in ("nlp", "name")
    }


def written(default):
    """A default as the tables have it: a config's value, or the name that a block starts with."""
    if default is inspect.Parameter.empty:
        return "-"
    if isinstance(default, dict):
        return f"`{next(value for key, value in default.items() if key.startswith('@'))}`"
    return f"`{json.dumps(default)}`"


def test_every_name_has_a_section():
    commands = [("spacy_cli", f"vaedie {name}") for name in typer.main.get_command(app).commands]
    assert sorted(SECTIONS) == sorted([*REGISTERED, *commands])


@pytest.mark.parametrize(("group", "name"), REGISTERED)
def test_parameters(group, name):
    parameters = parameters_of(group, name)
    rows = {in_code(row[0])[0]: row[1:] for row in read_table(SECTIONS[group, name], "parameter")}
    assert list(rows) == list(parameters)
    for key, (kind, default, _) in rows.items():
        annotation = inspect.formatannotation(parameters[key].annotation).strip("'")
        assert (kind == annotation) if annotation in PLAIN else (kind not in PLAIN), key
        assert default == written(parameters[key].default), key


@pytest.mark.parametrize("name", typer.main.get_command(app).commands)
def test_options(name):
    expected = [
        max(parameter.opts, key=len) if parameter.param_type_name == "option" else (parameter.metavar or parameter.name)
        for parameter in typer.main.get_command(app).commands[name].params
    ]
    text = SECTIONS["spacy_cli", f"vaedie {name}"]
    assert [in_code(row[0])[0].lower() for row in read_table(text, "parameter")] == [item.lower() for item in expected]
    assert f"spacy vaedie {name} " in text


@pytest.mark.parametrize(("group", "name"), REGISTERED)
def test_every_name_has_an_example(group, name):
    """A config block that sets nothing but its parameters."""
    (example,) = re.findall(r"^```ini\n(.*?)^```", SECTIONS[group, name], re.MULTILINE | re.DOTALL)
    found = [
        set(block) - {key}
        for block in walk(Config().from_str(example))
        for key, value in block.items()
        if value == name and (key.startswith("@") or key == "factory")
    ]
    assert found
    assert all(keys <= set(parameters_of(group, name)) for keys in found)


def walk(block):
    yield block
    for value in block.values():
        if isinstance(value, dict):
            yield from walk(value)


@pytest.mark.parametrize(("page", "number", "text"), INI, ids=[f"{page.name}-{i}" for page, i, _ in INI])
def test_config_blocks_resolve(page, number, text, tmp_path, monkeypatch):
    # The file that they name, as its page shows it.
    (tmp_path / "lexicon.jsonl").write_text(blocks(LEXICONS, "json")[0], encoding="utf8")
    monkeypatch.chdir(tmp_path)
    if "spacy-transformers." in text:
        pytest.importorskip("spacy_transformers", reason="the extra `trf` is not installed")
    config = Config().from_str(text)
    spacy.registry.resolve(config)
    nlp = spacy.blank("en")
    for name, block in config.get("components", {}).items():
        nlp.add_pipe(block.pop("factory"), name=name, config=block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_exist(page):
    text = page.read_text(encoding="utf8")
    assert set(re.findall(r"spacy-vaedie\.\w+\.v\d+", text)) <= {name for _, name in REGISTERED}
    for owner, name in (("doc", Doc), ("span", Span), ("token", Token)):
        missing = {found for found in re.findall(rf"\b{owner}\._\.(\w+)", text) if not name.has_extension(found)}
        assert not missing, owner
    assert set(re.findall(r"\bV[EW]\d{3}\b", text)) <= codes_of(Errors) | codes_of(Warnings)


def test_attributes():
    registered = {
        f"{owner}._.{name}"
        for owner in ("doc", "span", "token")
        for name, (_, method, getter, _) in getattr(Underscore, f"{owner}_extensions").items()
        if getattr(getter or method, "__module__", "").startswith("spacy_vaedie.")
    }
    rows = read_table(split(NAMES.read_text(encoding="utf8"), 2)["Extension attributes"], "attribute")
    assert {name for row in rows for name in in_code(row[0])} == registered


def test_scores():
    rows = read_table(split(NAMES.read_text(encoding="utf8"), 2)["Scores"], "score")
    documented = {(name, in_code(row[1])[0]) for row in rows for name in in_code(row[0])}
    factories = [name for group, name in REGISTERED if group == "spacy_factories"]
    weights = {(score, name) for name in factories for score in Language.get_factory_meta(name).default_score_weights}
    assert documented == weights


def test_every_code_has_a_row():
    rows = read_table(split(CODES.read_text(encoding="utf8"), 2)["All codes"], "code")
    assert [row[0] for row in rows] == [*sorted(codes_of(Errors)), *sorted(codes_of(Warnings))]
    assert all(len(row) == 3 and all(row) for row in rows)


@pytest.mark.parametrize("block", blocks(FORMATS, "json"))
def test_json_blocks(block, tmp_path):
    """They are in the formats that they show."""
    path = tmp_path / "block.jsonl"
    value = json.loads(block)
    path.write_text(json.dumps(value), encoding="utf8")
    if "text" not in value:
        assert set(read_schema(path).relations) == set(value["relations"])
        return
    report = ConversionReport()
    (doc,) = make_docs(read_prodigy(path, report), spacy.blank("en"), report)
    assert report.left_out == []
    assert [relation.label for relation in doc._.relations] == [item["label"] for item in value["relations"]]


def anchors(text):
    """Anchors of headings, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings(page):
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf8")):
        other = page.parent / target if target else page
        if other.suffix == ".md":
            assert anchor in anchors(other.read_text(encoding="utf8")), f"{target}#{anchor}"
