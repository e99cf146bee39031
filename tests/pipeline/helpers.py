"""What the tests of the pipes share: invented sentences, small settings, and a fresh process."""

import json
import os
import signal
import subprocess
import sys
from typing import Any, Dict, Iterable, List

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_vaedie.training.examples import make_example, predicted_copy

EMBED = {
    "@architectures": "spacy.MultiHashEmbed.v2",
    "width": 16,
    "attrs": ["NORM", "SHAPE"],
    "rows": [300, 100],
    "include_static_vectors": False,
}
SMALL_ENCODER = {"width": 16, "window_layers": 1, "parse_layers": 1, "maxout_pieces": 2, "syntax_width": 8}
SMALL_VAE = {"model": {**SMALL_ENCODER, "latent_width": 8, "doc_latent_width": 4, "embed": EMBED}}
# Means beside hidden states.
VECTOR_WIDTH = 24
SMALL_PARTS = {"path": {"width": 16, "buckets": 50}, "context": {"width": 16}, "lexical": {"buckets": 2000}}
SMALL_EXTRACTOR = {"model": {"width": 16, "parts": SMALL_PARTS}}
STOCK_LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": VECTOR_WIDTH, "upstream": "vae_encoder"}

PEOPLE = {"Ada Quill", "Tam Reed", "Mira Sand", "Bo Hart", "Ida Moss"}
PLACES = {"Larkton", "Oxhill"}
FIRMS = {"Bluefin Works", "Pell Mills", "Sandbar Press"}
# Text, and relations as head, tail and label.
FACTS = [
    ("Ada Quill founded Bluefin Works.", [("Ada Quill", "Bluefin Works", "FOUNDED")]),
    ("Bluefin Works was founded by Ada Quill.", [("Ada Quill", "Bluefin Works", "FOUNDED")]),
    ("Tam Reed lives in Larkton.", [("Tam Reed", "Larkton", "LIVES_IN")]),
    ("Larkton is the home of Mira Sand.", [("Mira Sand", "Larkton", "LIVES_IN")]),
    ("Bo Hart bought Pell Mills in the spring.", [("Bo Hart", "Pell Mills", "OWNS")]),
    ("Pell Mills belongs to Bo Hart.", [("Bo Hart", "Pell Mills", "OWNS")]),
    ("Ada Quill met Tam Reed by chance.", []),
    (
        "Ida Moss founded Sandbar Press and lives in Oxhill.",
        [("Ida Moss", "Sandbar Press", "FOUNDED"), ("Ida Moss", "Oxhill", "LIVES_IN")],
    ),
]
LABELS = ("FOUNDED", "LIVES_IN", "OWNS")
TEXTS = [text for text, _ in FACTS]


def blank(en: Language) -> Language:
    """A pipeline without pipes, for Docs that `en` has parsed."""
    return spacy.blank("en", vocab=en.vocab)


def entities_of(text: str) -> List[Any]:
    found = []
    for names, label in ((PEOPLE, "PER"), (PLACES, "LOC"), (FIRMS, "ORG")):
        found.extend((text.index(name), text.index(name) + len(name), label) for name in names if name in text)
    return sorted(found)


def relation_examples(en: Language, end: str = ".") -> List[Example]:
    """The facts, parsed, with gold entities on both sides and gold relations in the reference. Another end of the
    sentences makes other texts."""
    examples = []
    for doc, (text, facts) in zip(en.pipe(text[:-1] + end for text in TEXTS), FACTS, strict=True):
        entities = entities_of(text)
        names = [text[start:end] for start, end, _ in entities]
        relations = [(names.index(head), names.index(tail), label) for head, tail, label in facts]
        examples.append(make_example(doc, entities=entities, relations=relations))
    return examples


def annotated_docs(en: Language) -> List[Doc]:
    """The facts as Docs with a parse, entities and gold relations."""
    docs = []
    for example in relation_examples(en):
        doc = example.predicted.copy()
        doc._.relations = example.reference._.relations
        docs.append(doc)
    return docs


def raw_examples(docs: Iterable[Doc]) -> List[Example]:
    """Examples for the encoder: the parsed text, without annotation."""
    return [Example(predicted_copy(doc, entities=False), predicted_copy(doc, entities=False)) for doc in docs]


def copies(docs: Iterable[Doc], entities: bool = True) -> List[Doc]:
    """Parsed Docs that no pipe has seen yet."""
    return [predicted_copy(doc, entities=entities) for doc in docs]


def triples(doc: Doc) -> List[Any]:
    """The relations of a Doc as head, tail and label."""
    return [(str(r.head.resolve(doc)), str(r.tail.resolve(doc)), r.label) for r in doc._.relations]


def weights(pipe: Any) -> Dict[str, Any]:
    """The weights of a pipe's torch network, and what its other layers learn, as copied arrays."""
    found = {name: p.detach().numpy().copy() for name, p in pipe.model.shims[0].network.named_parameters()}
    for i, node in enumerate(pipe.model.walk()):
        found.update({f"{i}.{name}": node.get_param(name).copy() for name in node.param_names if node.has_param(name)})
    return found


def assert_network_is_averaged(pipe: Any, optimizer: Any) -> None:
    shim = pipe.model.shims[0]
    for name, p in shim.network.named_parameters():
        if (shim.id, name) in optimizer.averages:
            assert (p.detach().numpy() == optimizer.averages[(shim.id, name)]).all(), name
    assert any(key[0] == shim.id for key in optimizer.averages)


# Stands before code that is to run as if torch, and what else was installed for it, were not there.
NO_TORCH = """
import importlib.metadata, re, sys
sys.modules["torch"] = None
find = importlib.metadata.distributions
def distributions(**kwargs):
    for found in find(**kwargs):
        needs = any(re.match(r"torch\\b", line) for line in found.requires or [])
        if not needs or found.name == "spacy-vaedie":
            yield found
importlib.metadata.distributions = distributions
"""


def run_python(code: str, *args: Any, timeout: float = 180, **env: str) -> Any:
    """Run code in a new process that knows nothing of this package, and read the JSON that it prints last."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        # Workers that hang would outlive the process.
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 0, output + errors
    return json.loads(output.splitlines()[-1])


PREDICT = """
import json, sys, spacy
from spacy.tokens import DocBin
nlp = spacy.load(sys.argv[1])
docs = list(nlp.pipe(DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab)))
print(json.dumps({
    "latents": [d._.latents.vectors.tolist() if d._.latents else None for d in docs],
    "relations": [[(r.head.start, r.tail.start, r.label, r.score) for r in d._.relations or []] for d in docs],
    "ents": [[(e.start, e.end, e.label_) for e in d.ents] for d in docs],
    "vaedie": "spacy_vaedie" in sys.modules,
}))
"""


def predict_in_fresh_process(nlp: Language, docs: Iterable[Doc], folder: Any) -> Dict[str, Any]:
    """Save a pipeline, load it in a new process, and predict there."""
    nlp.to_disk(folder / "saved")
    DocBin(docs=docs).to_disk(folder / "docs.spacy")
    found: Dict[str, Any] = run_python(PREDICT, folder / "saved", folder / "docs.spacy")
    return found
