import spacy
import srsly
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_vaedie.cli import app

from ..pipeline.helpers import annotated_docs


def test_suggest_patterns(en, tmp_path):
    """What it writes, the ruler reads."""
    data, output = tmp_path / "data.spacy", tmp_path / "rules" / "patterns.jsonl"
    DocBin(docs=annotated_docs(en) * 2, store_user_data=True).to_disk(data)
    result = CliRunner().invoke(app, ["suggest-patterns", str(data), str(output), "--max-length", "4"])
    assert result.exit_code == 0, result.output
    assert "relations found" in result.output
    assert "path too long" in result.output
    patterns = list(srsly.read_jsonl(output))
    ruler = spacy.blank("en").add_pipe("relation_ruler")
    ruler.add_patterns(output)
    assert ruler.patterns == patterns
    assert all(pattern["support"] >= 2 and pattern["precision"] >= 0.5 for pattern in patterns)


def test_nothing_to_suggest(en, tmp_path):
    data, output = tmp_path / "data.spacy", tmp_path / "patterns.jsonl"
    DocBin(docs=annotated_docs(en), store_user_data=True).to_disk(data)
    result = CliRunner().invoke(app, ["suggest-patterns", str(data), str(output), "--min-support", "50"])
    assert result.exit_code == 1
    assert "VE505" in result.output
    assert not output.exists()
