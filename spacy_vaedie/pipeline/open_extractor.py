"""`open_extractor`: label-free triples, by rules over the dependency parse."""

from typing import Iterable, Iterator, List, Optional, Sequence

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.util import minibatch
from spacy.vocab import Vocab

from ..errors import Errors, check_range
from ..lang.polarity import PolarityReader
from ..lang.polarity_rules import load_polarity_rules
from ..lang.triples import get_rules
from ..tokens import Triple
from ..tokens.dependency import has_parse
from .tree import TreeReader
from .tuples import TripleMaker


@Language.factory(
    "open_extractor",
    assigns=["doc._.triples"],
    requires=["token.dep", "token.head"],
    default_config={"lang": None, "min_confidence": 0.0},
)
def make_open_extractor(nlp: Language, name: str, lang: Optional[str], min_confidence: float) -> "OpenExtractor":
    """Make an `open_extractor`.

    lang (Optional[str]): Language whose rules to use, None for that of the pipeline.
    min_confidence (float): Confidence from which on a triple is set.
    """
    return OpenExtractor(nlp.vocab, name, lang=nlp.lang if lang is None else lang, min_confidence=min_confidence)


class OpenExtractor(Pipe):
    """Sets `doc._.triples`. It learns nothing and keeps nothing: two runs over a Doc give the same triples.

    The rules read dependency labels of Universal Dependencies and of the scheme of spaCy's own pipelines alike. No
    label means one thing here and another one there, so the scheme of a Doc need not be known.

    vocab (Vocab): The shared vocab.
    name (str): Name of the pipe.
    lang (str): Language whose rules to use.
    min_confidence (float): Confidence from which on a triple is set.
    RAISES (ValueError): VE005 for a language without rules, VE107 for a confidence that is not from 0 to 1.
    """

    def __init__(
        self, vocab: Vocab, name: str = "open_extractor", *, lang: str = "en", min_confidence: float = 0.0
    ) -> None:
        check_range(name, 0, 1, min_confidence=min_confidence)
        self.vocab = vocab
        self.name = name
        self.min_confidence = min_confidence
        self._rules = get_rules(lang)
        self._polarity_rules = load_polarity_rules(lang)
        self._reader = TreeReader(self._rules)

    def __call__(self, doc: Doc) -> Doc:
        """Set the triples of a Doc.

        doc (Doc): The Doc, parsed.
        RETURNS (Doc): The same one.
        RAISES (ValueError): VE251 for a Doc without a parse.
        """
        for found in self.pipe([doc]):
            return found
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Set the triples of a stream of Docs.

        stream (Iterable[Doc]): The Docs, parsed.
        batch_size (int): How many parses to read at once.
        YIELDS (Doc): The same ones, in order.
        RAISES (ValueError): VE251 for a Doc without a parse, unless the pipe's error handler takes it. The
            other Docs of its batch are read.
        """
        for docs in minibatch(stream, batch_size):
            try:
                self.set_annotations(docs, self.predict(docs))
            except Exception:
                # One Doc that cannot be read must not take the others of its batch along.
                yield from self._one_by_one(docs)
            else:
                yield from docs

    def _one_by_one(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        handle_error = self.get_error_handler()
        for doc in docs:
            try:
                self.set_annotations([doc], self.predict([doc]))
            except Exception as error:
                handle_error(self.name, self, [doc], error)
            else:
                yield doc

    def predict(self, docs: Sequence[Doc]) -> List[List[Triple]]:
        """Find the triples of a batch.

        docs (Sequence[Doc]): The batch, parsed.
        RETURNS (List[List[Triple]]): The triples of each Doc: those of clauses in text order, then those of noun
            phrases.
        RAISES (ValueError): VE251 for a Doc without a parse.
        """
        for doc in docs:
            if not has_parse(doc):
                raise ValueError(Errors.VE251.format(name=self.name, text=doc.text[:60]))
        found = []
        polarities = PolarityReader.of_batch(docs, self._polarity_rules)
        for tree, polarity in zip(self._reader.read(docs), polarities, strict=True):
            triples = TripleMaker(tree, self._rules, polarity).make()
            found.append([triple for triple in triples if triple.confidence >= self.min_confidence])
        return found

    def set_annotations(self, docs: Iterable[Doc], triples: Sequence[Sequence[Triple]]) -> None:
        """Write the triples.

        docs (Iterable[Doc]): The batch.
        triples (Sequence[Sequence[Triple]]): What `predict` gave.
        """
        for doc, found in zip(docs, triples, strict=True):
            doc._.triples = found
