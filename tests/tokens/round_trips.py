"""Ways in which spaCy carries a Doc from one place to another, and which must not change what stands on it."""

import copy
import pickle

import spacy
from spacy.cli.apply import apply
from spacy.tokens import Doc, DocBin


def through_bytes(doc, folder):
    return Doc(doc.vocab).from_bytes(doc.to_bytes())


def through_docbin(doc, folder):
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(doc.vocab))


def through_docbin_twice(doc, folder):
    return through_docbin(through_docbin(doc, folder), folder)


def through_pickle(doc, folder):
    return pickle.loads(pickle.dumps(doc))


def through_copy(doc, folder):
    return doc.copy()


def through_deepcopy(doc, folder):
    return copy.deepcopy(doc)


def through_processes(doc, folder):
    nlp = spacy.blank("en", vocab=doc.vocab)
    nlp.add_pipe("doc_cleaner")
    other = nlp.make_doc("Another one.")
    return list(nlp.pipe([other, doc], n_process=2, batch_size=1))[1]


def through_apply(doc, folder):
    model, data, output = (folder / name for name in ("model", "data.spacy", "output.spacy"))
    spacy.blank("en", vocab=doc.vocab).to_disk(model)
    DocBin(docs=[doc], store_user_data=True).to_disk(data)
    apply(data, output, str(model), "text", batch_size=2, n_process=1)
    return next(DocBin().from_disk(output).get_docs(doc.vocab))


def through_merge_alone(doc, folder):
    return Doc.from_docs([doc])


ALL = [
    through_bytes,
    through_docbin,
    through_docbin_twice,
    through_pickle,
    through_copy,
    through_deepcopy,
    through_processes,
    through_apply,
    through_merge_alone,
]
