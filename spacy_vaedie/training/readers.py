"""Corpus readers: annotated Docs, raw text, and both mixed. Each is a callable that takes the pipeline and streams
Examples."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from spacy import registry
from spacy.language import Language
from spacy.pipeline import SpanCategorizer, SpanFinder, TextCategorizer
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors
from ..tokens import annotated_regions
from .examples import predicted_copy
from .files import find_files, read_docbin
from .overlap import HeldOut, NothingNew
from .raw_text import RAW_SUFFIXES, cut_doc, read_raw_docs
from .sampling import choose_share

Reader = Callable[[Language], Iterable[Example]]
_ENTITIES = ("gold", "none", "predicted")


@registry.readers("spacy-vaedie.RelationCorpus.v1")
def create_relation_corpus(
    path: Optional[Path], entities: str = "gold", parse: bool = True, limit: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Read Docs that are annotated with relations, as `spacy vaedie convert` writes them. Docs that are not annotated
    may stand among them. Empty Docs are skipped.

    path (Optional[Path]): A .spacy file, or a folder with them. None, as configs have it until they are told, is an
        error.
    entities (str): `gold`: the predicted Docs start with the tokens, entities and span groups of the file. `none`:
        with its tokens only, so that a component can learn to find the entities. `predicted`: they start from the bare
        text, so that the pipeline finds its own tokens, entities and parse.
    parse (bool): Where the Docs start with the tokens of the file, start with its parse, tags and lemmas too, which
        saves parsing the same texts in each epoch.
    limit (int): Number of Docs to read, 0 for all.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. It raises VE301 or VE311 for a path without such
        files, VE302 for a file of another kind, VE307 for a damaged one, and VE310 where it has read everything and no
        Doc was annotated with relations.
    RAISES (ValueError): VE005 for an unknown value of `entities`, VE107 for a negative `limit`, VE324 without a path.
    """
    if entities not in _ENTITIES:
        raise ValueError(Errors.VE005.format(value=entities, what="value of 'entities'", options=", ".join(_ENTITIES)))
    owner = "spacy-vaedie.RelationCorpus.v1"
    _check_not_negative(owner, limit=limit)
    return partial(_read_relations, _given(owner, path), entities=entities, parse=parse, limit=limit)


@registry.readers("spacy-vaedie.AnnotatedText.v1")
def create_annotated_text(
    path: Optional[Path], parse: bool = True, share: float = 1.0, limit: int = 0, seed: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Read Docs with any annotation (entities, span groups, categories, relations), for spaCy's own pipes. The
    predicted Docs start with the tokens of the file and nothing that was annotated. Empty Docs are skipped.

    path (Optional[Path]): A .spacy file, or a folder with them. None is an error.
    parse (bool): Start with the parse, tags and lemmas of the file, too.
    share (float): Share of the Docs to read, e.g. 0.1 to learn from a tenth of the labels. The Docs are chosen by a
        hash of their text, those of each combination of labels in their share; a larger share holds every smaller one.
        Below 1.0 the files are read as a whole before the first Example comes.
    limit (int): Number of Docs to read of these, 0 for all.
    seed (int): Another number chooses another share.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. It raises VE301 or VE311 for a path without such
        files, VE302 for a file of another kind, VE304 where no file holds a Doc with tokens, VE307 for a damaged
        one, and VE321 for a Doc that is not annotated where a pipe of the pipeline would learn from it that nothing is
        there.
    RAISES (ValueError): VE107 for a `share` outside of 0 to 1, or a negative `limit`, VE324 without a path.
    """
    owner = "spacy-vaedie.AnnotatedText.v1"
    _check_not_negative(owner, limit=limit)
    if not 0 < share <= 1:
        raise ValueError(Errors.VE107.format(setting="share", value=share, must="above 0 and at most 1", owner=owner))
    return partial(read_annotated, _given(owner, path), parse=parse, share=share, limit=limit, seed=seed, guard=True)


@registry.readers("spacy-vaedie.RawText.v1")
def create_raw_text(
    path: Optional[Path],
    min_length: int = 1,
    max_length: int = 0,
    limit: int = 0,
    entities: bool = False,
    held_out: Union[None, Path, List[Path]] = None,
    allow_held_out: bool = False,
) -> Callable[[Language], Iterator[Example]]:
    """Read raw text, to learn from it without labels. The references are not annotated: relations None, and no entities
    unless they are asked for.

    Text files have a text a line, JSONL files a text in the field `text` of each line; both are streamed, and may be
    gzipped. Treebanks (.conllu) give the text of each sentence, and not their parse. DocBin files keep their tokens and
    the parse that was saved with them (e.g. by `spacy apply`), and lose entities, span groups and relations.

    path (Optional[Path]): A .txt, .txt.gz, .jsonl, .jsonl.gz, .conllu or .spacy file, or a folder with them. None is
        an error.
    min_length (int): Texts and pieces with fewer tokens are skipped. Blank ones always are.
    max_length (int): Texts with more tokens are cut into pieces of at most this length, after the last sentence that
        fits where the Doc knows its sentences. 0 for no limit.
    limit (int): Number of texts and pieces to read, 0 for all.
    entities (bool): Keep the entities and span groups of DocBin files, so that an extractor has pairs that are not
        annotated to learn from (its setting `unlabelled`).
    held_out (Union[None, Path, List[Path]]): Files or folders with the texts that models are scored on, one or many.
        One of these texts in the raw text, alone or as a sentence of a Doc that knows its sentences, is an error.
    allow_held_out (bool): Read such texts nevertheless, and tell once how many there were (VW304).
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. It raises VE301 or VE311 for a path without such
        files, VE302 for a file of another kind, VE303 for a damaged line, VE304 for a file without text, VE307 for a
        damaged DocBin, VE107 where every text is shorter than `min_length`, and VE323 for a text that is held out.
    RAISES (ValueError): VE107 for a negative number, or `min_length` above `max_length`, VE324 without a path.
    """
    owner = "spacy-vaedie.RawText.v1"
    _check_not_negative(owner, min_length=min_length, max_length=max_length, limit=limit)
    if 0 < max_length < min_length:
        must = f"at most `max_length` ({max_length})"
        raise ValueError(Errors.VE107.format(setting="min_length", value=min_length, must=must, owner=owner))
    # A path may be a str here: only spaCy's own loading turns it into a Path.
    places = [held_out] if isinstance(held_out, (str, Path)) else held_out or []
    scored = HeldOut([Path(place) for place in places], allow_held_out)
    lengths = (min_length, max_length)
    return partial(_read_raw, _given(owner, path), scored, lengths=lengths, limit=limit, entities=entities)


@registry.readers("spacy-vaedie.MixedCorpus.v1")
def create_mixed_corpus(
    labelled: Reader, raw: Reader, raw_per_labelled: float = 1.0
) -> Callable[[Language], Iterator[Example]]:
    """Mix annotated Docs with raw text, to learn from both at once. Each epoch has every labelled Example once, and
    `raw_per_labelled` raw ones after each on average. The next epoch goes on in the raw text where this one stopped,
    and starts again at its end. Raw text that holds nothing but annotated texts is told of (VW303).

    `spacy train` reads a corpus once and shuffles it in each epoch, and so sees one epoch's share of the raw text
    only: make `raw_per_labelled` as large as the raw text is. With `max_epochs = -1` it reads on in it in each epoch,
    in the same order of labelled Examples, but initializes the pipeline from the first 100 Examples, raw ones among
    them. The extractor then takes its labels, the types that go together and the frequencies of labels that it starts
    from, and the encoder its vocabulary, from these alone. So give the labels: `labels` in the block
    `[initialize.components.extractor]`.

    Pipes of spaCy that take missing annotation for none (`spancat`, `span_finder` and `textcat`) must not learn from
    raw text, so they cannot be trained on this corpus. `ner`, `textcat_multilabel` and the extractor can.

    labelled (Callable[[Language], Iterable[Example]]): Reader of annotated Docs.
    raw (Callable[[Language], Iterable[Example]]): Reader of raw text.
    raw_per_labelled (float): Raw Examples for each labelled one, 0 for none.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. It raises VE107 where `raw` gives nothing, and
        VE318 where a pipe of the pipeline would learn from raw text that nothing is there.
    RAISES (ValueError): VE107 for a negative `raw_per_labelled`.
    """
    _check_not_negative("spacy-vaedie.MixedCorpus.v1", raw_per_labelled=raw_per_labelled)
    return MixedCorpus(labelled, raw, raw_per_labelled)


class MixedCorpus:
    """See `create_mixed_corpus`. Keeps the place in the raw text from one epoch to the next.

    labelled (Callable[[Language], Iterable[Example]]): Reader of annotated Docs.
    raw (Callable[[Language], Iterable[Example]]): Reader of raw text.
    raw_per_labelled (float): Raw Examples for each labelled one.
    """

    def __init__(self, labelled: Reader, raw: Reader, raw_per_labelled: float) -> None:
        self.labelled = labelled
        self.raw = raw
        self.raw_per_labelled = raw_per_labelled
        self._nlp: Optional[Language] = None
        self._stream: Iterator[Example] = iter(())
        self._compared = False

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """YIELDS (Example): The labelled and raw Examples of one epoch."""
        if nlp is not self._nlp:
            _refuse_misled(nlp)
            # Docs of another pipeline have another vocab.
            self._nlp, self._stream = nlp, iter(())
        n_raw = 0
        texts = None if self._compared else NothingNew()
        for n_labelled, example in enumerate(self.labelled(nlp), start=1):
            if texts is not None:
                texts.labelled(example.reference)
            yield example
            while n_raw < int(n_labelled * self.raw_per_labelled):
                n_raw += 1
                raw = self._next_raw(nlp)
                if texts is not None:
                    texts.raw(raw.reference)
                yield raw
        if texts is not None and not self._compared:
            self._compared = True
            texts.tell()

    def _next_raw(self, nlp: Language) -> Example:
        example = next(self._stream, None)
        if example is None:
            self._stream = iter(self.raw(nlp))
            example = next(self._stream, None)
        if example is None:
            owner, must = "spacy-vaedie.MixedCorpus.v1", "a reader that gives at least one Example"
            raise ValueError(Errors.VE107.format(setting="raw", value=self.raw, must=must, owner=owner))
        return example


def _find_misled(nlp: Language) -> Dict[str, Optional[str]]:
    """Pipes that are trained and cannot tell a text that is not annotated from one where nothing is: their names, and
    the span group that they learn from, None for categories."""
    frozen = nlp.config["training"].get("frozen_components", ())
    misled: Dict[str, Optional[str]] = {}
    for name, pipe in nlp.pipeline:
        if name in frozen:
            continue
        if isinstance(pipe, (SpanCategorizer, SpanFinder)):
            misled[name] = str(pipe.cfg["spans_key"])
        elif isinstance(pipe, TextCategorizer) and not pipe.support_missing_values:
            misled[name] = None
    return misled


def _refuse_misled(nlp: Language) -> None:
    for name in _find_misled(nlp):
        raise ValueError(Errors.VE318.format(name=name))


def _refuse_raw(reference: Doc, misled: Dict[str, Optional[str]], path: Path) -> None:
    for name, key in misled.items():
        what, empty = "categories", "a 0.0 for each in `doc.cats`"
        if key is not None:
            what, empty = f"span group '{key}'", f"`doc.spans[{key!r}] = []`"
        if not reference.cats if key is None else key not in reference.spans:
            text = reference.text[:60]
            raise ValueError(Errors.VE321.format(path=path, text=text, what=what, name=name, empty=empty))


def _read_relations(path: Path, nlp: Language, *, entities: str, parse: bool, limit: int) -> Iterator[Example]:
    annotated = False
    n_read = 0
    for file in find_files(path, [".spacy"]):
        for reference in read_docbin(file, nlp.vocab):
            if not len(reference):
                continue
            annotated = annotated or bool(annotated_regions(reference))
            if entities == "predicted":
                predicted = nlp.make_doc(reference.text)
            else:
                predicted = predicted_copy(reference, parse=parse, entities=entities == "gold")
            yield Example(predicted, reference)
            n_read += 1
            if n_read == limit:
                return
    if not annotated:
        raise ValueError(Errors.VE310.format(path=path))


def read_annotated(
    path: Path,
    nlp: Language,
    *,
    parse: bool = True,
    share: float = 1.0,
    limit: int = 0,
    seed: int = 0,
    guard: bool = False,
) -> Iterator[Example]:
    """Read Docs as `spacy-vaedie.AnnotatedText.v1` does.

    path (Path): A .spacy file, or a folder with them.
    nlp (Language): The pipeline.
    parse (bool), share (float), limit (int), seed (int): See `create_annotated_text`.
    guard (bool): Whether the pipeline learns from them, so that a Doc without annotation may mislead it.
    YIELDS (Example): The Examples.
    RAISES (ValueError), (FileNotFoundError): As the reader.
    """
    docs: Iterable[Doc] = (
        doc for file in find_files(path, [".spacy"]) for doc in read_docbin(file, nlp.vocab) if len(doc)
    )
    if share < 1:
        docs = list(docs)
        chosen = choose_share(docs, share, seed)
        docs = [doc for index, doc in enumerate(docs) if index in chosen]
    empty = True
    misled = _find_misled(nlp) if guard else {}
    for reference in islice(docs, limit or None):
        empty = False
        _refuse_raw(reference, misled, path)
        yield Example(predicted_copy(reference, parse=parse, entities=False), reference)
    if empty:
        raise ValueError(Errors.VE304.format(path=path))


def _read_raw(
    path: Path, held_out: HeldOut, nlp: Language, *, lengths: Tuple[int, int], limit: int, entities: bool
) -> Iterator[Example]:
    n_read = n_texts = n_found = 0
    for file in find_files(path, RAW_SUFFIXES):
        for doc in read_raw_docs(file, nlp):
            n_texts += 1
            n_found += held_out.has(doc, file)
            for piece in _cut(doc, *lengths):
                yield Example(predicted_copy(piece, entities=entities), predicted_copy(piece, entities=entities))
                n_read += 1
                if n_read == limit:
                    held_out.tell(n_found, n_texts, path)
                    return
    if not n_read:
        owner, must = "spacy-vaedie.RawText.v1", f"at most the number of tokens in the longest text of {path}"
        raise ValueError(Errors.VE107.format(setting="min_length", value=lengths[0], must=must, owner=owner))
    held_out.tell(n_found, n_texts, path)


def _cut(doc: Doc, min_length: int, max_length: int) -> Iterator[Doc]:
    return (piece for piece in cut_doc(doc, max_length) if len(piece) >= min_length)


def _given(owner: str, path: Optional[Path]) -> Path:
    """RETURNS (Path): The path.
    RAISES (ValueError): VE324 where there is none."""
    if path is None:
        raise ValueError(Errors.VE324.format(owner=owner))
    return Path(path)


def _check_not_negative(owner: str, **settings: Any) -> None:
    for setting, value in settings.items():
        if value < 0:
            raise ValueError(Errors.VE107.format(setting=setting, value=value, must="0 or more", owner=owner))
