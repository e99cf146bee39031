"""Which pairs the extractor of a config or of a trained pipeline would look at, to try that on a corpus."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Optional, Tuple

import spacy
from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_config
from spacy.vocab import Vocab

from ..errors import Errors
from ..models.candidates import Candidates
from ..models.constraints import LabelSchema
from ..models.gates import PairFinder, TypePair, build_entity_pairs

DEFAULT = {
    "@misc": "spacy-vaedie.EntityPairs.v2",
    "max_sentences": 0,
    "max_path": 0,
    "types": None,
    "max_pairs": 10_000,
}
_FACTORY = "extractor"


@dataclass(frozen=True)
class ConfiguredGate:
    """What lets pairs through.

    source (str): Where it was read: a config, a pipeline, or `default`.
    candidates (Dict[str, Any]): The block of the config that makes it.
    propose (Callable[[Doc], Candidates]): Gives the pairs of a Doc.
    schema (LabelSchema): What the labels say, empty for nothing.
    multi_label (bool): Whether a pair may have several labels.
    parses (bool): Whether texts without a parse get one in training.
    vocab (Optional[Vocab]): For the Docs, which have to know their language where noun chunks are paired. None for any.
    """

    source: str
    candidates: Dict[str, Any]
    propose: Callable[[Doc], Candidates]
    schema: LabelSchema = field(default_factory=LabelSchema)
    multi_label: bool = False
    parses: bool = False
    vocab: Optional[Vocab] = None

    @property
    def learns_types(self) -> bool:
        """Whether the types that go together are still to be found in the training data."""
        return isinstance(self.propose, PairFinder) and self.propose.learns_types

    def find(self, doc: Doc, types: Optional[Collection[TypePair]]) -> Candidates:
        """RETURNS (Candidates): The pairs of a Doc, with types that were learned where it learns them."""
        if isinstance(self.propose, PairFinder):
            return self.propose(doc, types=types)
        return self.propose(doc)


def default_gate() -> ConfiguredGate:
    """RETURNS (ConfiguredGate): `spacy-vaedie.EntityPairs.v2`, with its defaults."""
    return ConfiguredGate("default", dict(DEFAULT), build_entity_pairs())


def read_config_gate(path: Path) -> ConfiguredGate:
    """Read the candidates of the extractor from a config. Nothing else of it is built, so its files need not exist,
    but for a pipeline that the extractor is sourced from.

    path (Path): The config.
    RETURNS (ConfiguredGate): The gate.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE452 where it has no extractor, VE453 where it cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.VE301.format(path=path))
    try:
        config = load_config(path, interpolate=True)
        components = config.get("components", {})
        name, block = _find(components, str(path))
        if "factory" not in block:
            source = spacy.load(block["source"])
            gate = _pipe_gate(source, block.get("component", name), str(path))
        else:
            gate = _block_gate(block, str(path), config.get("nlp", {}).get("lang"))
        return replace(gate, parses=_parses(config))
    except ValueError as error:
        if str(error).startswith("[VE"):
            raise
        # Errors of a config print what is wrong over several lines.
        raise ValueError(Errors.VE453.format(path=path, reason=" ".join(str(error).split()))) from error


def read_model_gate(model: str) -> ConfiguredGate:
    """Read the candidates of the extractor of a trained pipeline, with the types that it has learned.

    model (str): Name or path of the pipeline.
    RETURNS (ConfiguredGate): The gate.
    RAISES (ValueError): VE452 where it has no extractor.
    """
    nlp = spacy.load(model)
    names = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory == _FACTORY]
    if not names:
        raise ValueError(Errors.VE452.format(source=model, names=", ".join(nlp.pipe_names) or "none"))
    return _pipe_gate(nlp, names[-1], model)


def _find(components: Dict[str, Any], source: str) -> Tuple[str, Dict[str, Any]]:
    """The last component of a config that is an extractor, or is taken from another pipeline as one."""
    found = [
        (name, block)
        for name, block in components.items()
        if block.get("factory") == _FACTORY or ("factory" not in block and block.get("component", name) == _FACTORY)
    ]
    if not found:
        raise ValueError(Errors.VE452.format(source=source, names=", ".join(components) or "none"))
    return found[-1]


def _parses(config: Dict[str, Any]) -> bool:
    """Whether a parser writes the parse anew in training."""
    components = config.get("components", {})
    annotating = config.get("training", {}).get("annotating_components") or []
    blocks = {name: components.get(name, {}) for name in annotating}
    return any("parser" in (name, block.get("factory"), block.get("component")) for name, block in blocks.items())


def _block_gate(block: Dict[str, Any], source: str, lang: Optional[str]) -> ConfiguredGate:
    candidates = block.get("candidates", dict(DEFAULT))
    schema = block.get("schema")
    parts: Dict[str, Any] = {"candidates": candidates, **({} if schema is None else {"schema": schema})}
    made = registry.resolve(parts)
    return ConfiguredGate(
        source,
        candidates,
        made["candidates"],
        schema=made.get("schema", LabelSchema()),
        multi_label=bool(block.get("multi_label", False)),
        vocab=None if lang is None else spacy.blank(lang).vocab,
    )


def _pipe_gate(nlp: Language, name: str, source: str) -> ConfiguredGate:
    pipe: Any = nlp.get_pipe(name)
    block = nlp.config["components"][name]
    candidates = block.get("candidates", dict(DEFAULT))
    several = bool(block.get("multi_label", False))
    return ConfiguredGate(source, dict(candidates), pipe.propose, pipe.schema, multi_label=several, vocab=nlp.vocab)
