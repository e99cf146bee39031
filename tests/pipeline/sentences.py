"""Sentences with their parse, written as text, and the triples that they give."""

import spacy
from spacy.tokens import Doc

from spacy_vaedie.pipeline.open_extractor import OpenExtractor

EN, ZH = spacy.blank("en"), spacy.blank("zh")


def parse(text, nlp=EN):
    """A Doc from `word/POS/label/head` with maybe `/tag`, tokens apart by spaces."""
    rows = [item.rsplit("/", 4) if item.count("/") == 4 else [*item.split("/"), ""] for item in text.split()]
    words, pos, deps, heads, tags = zip(*rows, strict=True)
    spaces = [nlp is EN] * len(words)
    return Doc(nlp.vocab, words, spaces, pos=pos, deps=deps, heads=[int(head) for head in heads], tags=tags)


def extract(text, nlp=EN, **settings):
    doc = OpenExtractor(nlp.vocab, lang=nlp.lang, **settings)(parse(text, nlp))
    return [" | ".join(triple.texts(doc)) for triple in doc._.triples]


# The same sentences in both schemes, with what they say. CLEAR first, then Universal Dependencies.
SENTENCES = {
    "a verb with an object and more": (
        "Mira/PROPN/nsubj/1 founded/VERB/ROOT/1 Brightwell/PROPN/dobj/1 in/ADP/prep/1 2009/NUM/pobj/3 ./PUNCT/punct/1",
        "Mira/PROPN/nsubj/1 founded/VERB/root/1 Brightwell/PROPN/obj/1 in/ADP/case/4 2009/NUM/obl/1 ./PUNCT/punct/1",
        ["Mira | founded | Brightwell | in 2009"],
    ),
    "a particle": (
        "She/PRON/nsubj/1 took/VERB/ROOT/1 over/ADP/prt/1 the/DET/det/4 mill/NOUN/dobj/1",
        "She/PRON/nsubj/1 took/VERB/root/1 over/ADP/compound:prt/1 the/DET/det/4 mill/NOUN/obj/1",
        ["She | took over | the mill"],
    ),
    "a preposition": (
        "She/PRON/nsubj/2 has/AUX/aux/2 lived/VERB/ROOT/2 in/ADP/prep/2 Larkton/PROPN/pobj/3",
        "She/PRON/nsubj/2 has/AUX/aux/2 lived/VERB/root/2 in/ADP/case/4 Larkton/PROPN/obl/2",
        ["She | has lived in | Larkton"],
    ),
    "a passive with an agent": (
        "It/PRON/nsubjpass/2 was/AUX/auxpass/2 founded/VERB/ROOT/2 in/ADP/prep/2 Oxhill/PROPN/pobj/3 "
        "by/ADP/agent/2 Mira/PROPN/pobj/5",
        "It/PRON/nsubj:pass/2 was/AUX/aux:pass/2 founded/VERB/root/2 in/ADP/case/4 Oxhill/PROPN/obl/2 "
        "by/ADP/case/6 Mira/PROPN/obl:agent/2",
        ["It | was founded by | Mira | in Oxhill"],
    ),
    "a passive without one": (
        "The/DET/det/1 mill/NOUN/nsubjpass/3 was/AUX/auxpass/3 sold/VERB/ROOT/3",
        "The/DET/det/1 mill/NOUN/nsubj:pass/3 was/AUX/aux:pass/3 sold/VERB/root/3",
        ["The mill | was sold"],
    ),
    "a passive whose agent is a clause": (
        "It/PRON/nsubjpass/2 is/AUX/auxpass/2 cleaned/VERB/ROOT/2 by/ADP/agent/2 boiling/VERB/pcomp/3",
        "It/PRON/nsubj:pass/2 is/AUX/aux:pass/2 cleaned/VERB/root/2 by/SCONJ/mark/4 boiling/VERB/advcl/2",
        None,
    ),
    "a copula": (
        "Mira/PROPN/nsubj/1 is/AUX/ROOT/1 a/DET/det/3 smith/NOUN/attr/1 from/ADP/prep/3 Larkton/PROPN/pobj/4",
        "Mira/PROPN/nsubj/3 is/AUX/cop/3 a/DET/det/3 smith/NOUN/root/3 from/ADP/case/5 Larkton/PROPN/nmod/3",
        ["Mira | is | a smith from Larkton"],
    ),
    "a copula with an adjective": (
        "It/PRON/nsubj/1 is/AUX/ROOT/1 almost/ADV/advmod/3 ready/ADJ/acomp/1",
        "It/PRON/nsubj/3 is/AUX/cop/3 almost/ADV/advmod/3 ready/ADJ/root/3",
        ["It | is | almost ready"],
    ),
    "an adjective that leads to something": (
        "Mira/PROPN/nsubj/1 is/AUX/ROOT/1 fond/ADJ/acomp/1 of/ADP/prep/2 tea/NOUN/pobj/3",
        "Mira/PROPN/nsubj/2 is/AUX/cop/2 fond/ADJ/root/2 of/ADP/case/4 tea/NOUN/obl/2",
        ["Mira | is fond of | tea"],
    ),
    "a chain over an adjective": (
        "She/PRON/nsubj/1 is/AUX/ROOT/1 able/ADJ/acomp/1 to/PART/aux/4 buy/VERB/xcomp/2 it/PRON/dobj/4",
        "She/PRON/nsubj/2 is/AUX/cop/2 able/ADJ/root/2 to/PART/mark/4 buy/VERB/xcomp/2 it/PRON/obj/4",
        ["She | is able to buy | it"],
    ),
    "a chain of verbs": (
        "She/PRON/nsubj/1 wants/VERB/ROOT/1 to/PART/aux/3 buy/VERB/xcomp/1 it/PRON/dobj/3",
        "She/PRON/nsubj/1 wants/VERB/root/1 to/PART/mark/3 buy/VERB/xcomp/1 it/PRON/obj/3",
        ["She | wants to buy | it"],
    ),
    "an object that acts": (
        "She/PRON/nsubj/1 asked/VERB/ROOT/1 Tam/PROPN/dobj/1 to/PART/aux/4 sell/VERB/xcomp/1 it/PRON/dobj/4",
        "She/PRON/nsubj/1 asked/VERB/root/1 Tam/PROPN/obj/1 to/PART/mark/4 sell/VERB/xcomp/1 it/PRON/obj/4",
        ["She | asked | Tam | to sell it", "Tam | to sell | it"],
    ),
    "a clause as object": (
        "She/PRON/nsubj/1 said/VERB/ROOT/1 that/SCONJ/mark/4 it/PRON/nsubj/4 rained/VERB/ccomp/1",
        "She/PRON/nsubj/1 said/VERB/root/1 that/SCONJ/mark/4 it/PRON/nsubj/4 rained/VERB/ccomp/1",
        ["She | said that | it rained", "it | rained"],
    ),
    "an apposition": (
        "Mira/PROPN/nsubj/5 ,/PUNCT/punct/0 a/DET/det/3 smith/NOUN/appos/0 ,/PUNCT/punct/0 sold/VERB/ROOT/5 "
        "it/PRON/dobj/5",
        "Mira/PROPN/nsubj/5 ,/PUNCT/punct/3 a/DET/det/3 smith/NOUN/appos/0 ,/PUNCT/punct/3 sold/VERB/root/5 "
        "it/PRON/obj/5",
        ["Mira | sold | it", "Mira | is | a smith"],
    ),
    "a possessor": (
        "Mira/PROPN/poss/2 's/PART/case/0 mill/NOUN/nsubj/3 burned/VERB/ROOT/3",
        "Mira/PROPN/nmod:poss/2 's/PART/case/0 mill/NOUN/nsubj/3 burned/VERB/root/3",
        ["Mira 's mill | burned", "Mira | has | mill"],
    ),
    "a nominalisation with a possessor": (
        "Mira/PROPN/poss/2 's/PART/case/0 sale/NOUN/nsubj/5 of/ADP/prep/2 it/PRON/pobj/3 failed/VERB/ROOT/5",
        "Mira/PROPN/nmod:poss/2 's/PART/case/0 sale/NOUN/nsubj/5 of/ADP/case/4 it/PRON/nmod/2 failed/VERB/root/5",
        ["Mira 's sale of it | failed", "Mira | sale of | it"],
    ),
    "a nominalisation with an agent": (
        "The/DET/det/1 sale/NOUN/nsubj/6 of/ADP/prep/1 mills/NOUN/pobj/2 by/ADP/prep/1 Mira/PROPN/pobj/4 "
        "failed/VERB/ROOT/6",
        "The/DET/det/1 sale/NOUN/nsubj/6 of/ADP/case/3 mills/NOUN/nmod/1 by/ADP/case/5 Mira/PROPN/nmod/1 "
        "failed/VERB/root/6",
        ["The sale of mills by Mira | failed", "Mira | sale of | mills"],
    ),
    "a relative clause with its subject": (
        "a/DET/det/1 firm/NOUN/ROOT/1 that/PRON/nsubj/3 makes/VERB/relcl/1 bells/NOUN/dobj/3",
        "a/DET/det/1 firm/NOUN/root/1 that/PRON/nsubj/3 makes/VERB/acl:relcl/1 bells/NOUN/obj/3",
        ["a firm | makes | bells"],
    ),
    "a relative clause with its object": (
        "the/DET/det/1 bell/NOUN/ROOT/1 which/PRON/dobj/4 Mira/PROPN/nsubj/4 cast/VERB/relcl/1",
        "the/DET/det/1 bell/NOUN/root/1 which/PRON/obj/4 Mira/PROPN/nsubj/4 cast/VERB/acl:relcl/1",
        ["Mira | cast | the bell"],
    ),
    "a relative clause without a pronoun": (
        "the/DET/det/1 bell/NOUN/ROOT/1 Mira/PROPN/nsubj/3 cast/VERB/relcl/1",
        "the/DET/det/1 bell/NOUN/root/1 Mira/PROPN/nsubj/3 cast/VERB/acl:relcl/1",
        ["Mira | cast | the bell"],
    ),
    "a participle": (
        "a/DET/det/1 bell/NOUN/ROOT/1 cast/VERB/acl/1/VBN by/ADP/agent/2 Mira/PROPN/pobj/3",
        "a/DET/det/1 bell/NOUN/root/1 cast/VERB/acl/1/VBN by/ADP/case/4 Mira/PROPN/obl:agent/2",
        ["a bell | was cast by | Mira"],
    ),
    "coordinated subjects": (
        "Mira/PROPN/nsubj/3 and/CCONJ/cc/0 Tam/PROPN/conj/0 sing/VERB/ROOT/3 songs/NOUN/dobj/3",
        "Mira/PROPN/nsubj/3 and/CCONJ/cc/2 Tam/PROPN/conj/0 sing/VERB/root/3 songs/NOUN/obj/3",
        ["Mira | sing | songs", "Tam | sing | songs"],
    ),
    "coordinated objects": (
        "She/PRON/nsubj/1 sells/VERB/ROOT/1 bells/NOUN/dobj/1 ,/PUNCT/punct/2 old/ADJ/amod/5 lamps/NOUN/conj/2 "
        "and/CCONJ/cc/5 tea/NOUN/conj/5",
        "She/PRON/nsubj/1 sells/VERB/root/1 bells/NOUN/obj/1 ,/PUNCT/punct/5 old/ADJ/amod/5 lamps/NOUN/conj/2 "
        "and/CCONJ/cc/7 tea/NOUN/conj/2",
        ["She | sells | bells", "She | sells | old lamps", "She | sells | tea"],
    ),
    "coordinated verbs": (
        "She/PRON/nsubj/1 cast/VERB/ROOT/1 bells/NOUN/dobj/1 and/CCONJ/cc/1 moved/VERB/conj/1 to/ADP/prep/4 "
        "Oxhill/PROPN/pobj/5",
        "She/PRON/nsubj/1 cast/VERB/root/1 bells/NOUN/obj/1 and/CCONJ/cc/4 moved/VERB/conj/1 to/ADP/case/6 "
        "Oxhill/PROPN/obl/4",
        ["She | cast | bells", "She | moved to | Oxhill"],
    ),
    "coordinated verbs with one object": (
        "She/PRON/nsubj/1 buys/VERB/ROOT/1 and/CCONJ/cc/1 sells/VERB/conj/1 tea/NOUN/dobj/3",
        "She/PRON/nsubj/1 buys/VERB/root/1 and/CCONJ/cc/3 sells/VERB/conj/1 tea/NOUN/obj/3",
        ["She | buys | tea", "She | sells | tea"],
    ),
    "coordinated passives with one auxiliary": (
        "It/PRON/nsubjpass/2 was/AUX/auxpass/2 sold/VERB/ROOT/2/VBN and/CCONJ/cc/2 moved/VERB/conj/2/VBN "
        "to/ADP/prep/4 Oxhill/PROPN/pobj/5",
        "It/PRON/nsubj:pass/2 was/AUX/aux:pass/2 sold/VERB/root/2/VBN and/CCONJ/cc/4 moved/VERB/conj/2/VBN "
        "to/ADP/case/6 Oxhill/PROPN/obl/4",
        ["It | was sold", "It | was moved to | Oxhill"],
    ),
    "a participle clause with the subject of another": (
        "Singing/VERB/advcl/3 songs/NOUN/dobj/0 Mira/PROPN/nsubj/3 left/VERB/ROOT/3 Larkton/PROPN/dobj/3",
        "Singing/VERB/advcl/3 songs/NOUN/obj/0 Mira/PROPN/nsubj/3 left/VERB/root/3 Larkton/PROPN/obj/3",
        ["Mira | Singing | songs", "Mira | left | Larkton | Singing songs"],
    ),
}
