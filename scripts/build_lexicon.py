"""Write WordNet's nouns and verbs as a lexicon: each word with what the things and acts it stands for are kinds of."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Annotated, Dict, Iterator, List, NamedTuple

import srsly
import typer

# Pointers of the database to what a synset is a kind or an instance of, see wninput(5WN).
HYPERNYMS = ("@", "@i")
# Files of the database by part of speech. A lemma of both has the classes of both.
PARTS_OF_SPEECH = ("noun", "verb")


class Synset(NamedTuple):
    """A meaning.

    name (str): Its first word and its part of speech, with its place in the database, which makes it the only one.
    field (str): The lexicographer's file that it stands in, e.g. "noun.artifact".
    above (List[str]): Places of what it is a kind of.
    """

    name: str
    field: str
    above: List[str]


def main(
    wordnet: Annotated[
        Path, typer.Argument(help="Folder with WordNet's database: data.noun, index.noun, lexnames, ...")
    ],
    output: Annotated[Path, typer.Argument(help="The lexicon to write, .jsonl.gz")],
    n_senses: Annotated[int, typer.Option(help="Read the most frequent meanings of a word only")] = 1,
    min_words: Annotated[int, typer.Option(help="Leave out classes of fewer words")] = 10,
) -> None:
    """Words of several parts are left out: a pair is looked up by single tokens."""
    lexicon = read_wordnet(wordnet, n_senses)
    sizes = Counter(name for classes in lexicon.values() for name in classes)
    kept = {word: [name for name in classes if sizes[name] >= min_words] for word, classes in lexicon.items()}
    output.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(output, "wt", encoding="utf8") as file:
        for word, classes in kept.items():
            if classes:
                file.write(srsly.json_dumps({"word": word, "classes": classes}) + "\n")
    n_classes = sum(size >= min_words for size in sizes.values())
    typer.echo(f"{sum(map(bool, kept.values()))} words in {n_classes} classes in {output}")


def read_wordnet(folder: Path, n_senses: int) -> Dict[str, List[str]]:
    """Read all words of one part with their classes.

    folder (Path): WordNet's database.
    n_senses (int): How many meanings of a word count for each part of speech, the most frequent ones.
    RETURNS (Dict[str, List[str]]): The classes of each word, from the nearest to the widest.
    """
    fields = [line.split("\t")[1] for line in (folder / "lexnames").read_text("utf8").splitlines()]
    lexicon: Dict[str, List[str]] = {}
    for pos in PARTS_OF_SPEECH:
        synsets = read_synsets(folder / f"data.{pos}", pos, fields)
        for line in database_lines(folder / f"index.{pos}"):
            word, *rest = line.split()
            if "_" not in word:
                classes = dict.fromkeys(lexicon.get(word, []))
                for place in rest[-int(rest[1]) :][:n_senses]:
                    classes.update(dict.fromkeys(classes_of(place, synsets)))
                lexicon[word] = list(classes)
    return lexicon


def read_synsets(path: Path, pos: str, fields: List[str]) -> Dict[str, Synset]:
    """Read the meanings of one part of speech.

    path (Path): A data file, see wndb(5WN).
    pos (str): The part of speech.
    fields (List[str]): Names of the lexicographers' files, by number.
    RETURNS (Dict[str, Synset]): The meanings by their place.
    """
    synsets = {}
    for line in database_lines(path):
        place, field, _, n_words, *rest = line.split(" | ")[0].split()
        # Each word is followed by a number; then come the pointers, of four columns each.
        pointers = rest[2 * int(n_words, 16) :]
        columns = pointers[1 : 1 + 4 * int(pointers[0])]
        above = [columns[i + 1] for i in range(0, len(columns), 4) if columns[i] in HYPERNYMS]
        synsets[place] = Synset(f"{rest[0].lower()}.{pos[0]}.{place}", fields[int(field)], above)
    return synsets


def classes_of(place: str, synsets: Dict[str, Synset]) -> List[str]:
    """RETURNS (List[str]): A meaning, all that it is a kind of, nearest first, and its field."""
    ahead, seen = [place], dict.fromkeys([place])
    while ahead:
        above = [item for item in synsets[ahead.pop(0)].above if item not in seen]
        seen.update(dict.fromkeys(above))
        ahead.extend(above)
    return [*(synsets[item].name for item in seen), synsets[place].field]


def database_lines(path: Path) -> Iterator[str]:
    """YIELDS (str): The lines of a file of the database behind the licence, which is indented."""
    with path.open(encoding="utf8") as file:
        yield from (line for line in file if not line.startswith("  "))


if __name__ == "__main__":
    typer.run(main)
