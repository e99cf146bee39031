import subprocess
import sys
import time

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_vaedie.pipeline.open_extractor import OpenExtractor
from spacy_vaedie.pipeline.tuples import MAX_PAIRS
from spacy_vaedie.tokens import Argument, Triple

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


@pytest.mark.parametrize("name", SENTENCES)
def test_both_schemes_say_the_same(name):
    clear, universal, expected = SENTENCES[name]
    found = extract(clear)
    if expected is None:
        assert found
        assert extract(universal)
        return
    assert found == expected
    assert extract(universal) == expected


def test_stacked_prepositions_stay_together():
    text = "It/PRON/nsubj/1 fell/VERB/ROOT/1 out/ADP/prep/1 of/ADP/prep/2 the/DET/det/5 tree/NOUN/pobj/3"
    assert extract(text) == ["It | fell out of | the tree"]


def test_an_argument_keeps_no_relative_clause():
    text = (
        "She/PRON/nsubj/1 saw/VERB/ROOT/1 a/DET/det/3 firm/NOUN/dobj/1 that/PRON/nsubj/5 makes/VERB/relcl/3 "
        "bells/NOUN/dobj/5"
    )
    assert extract(text) == ["She | saw | a firm", "a firm | makes | bells"]


def test_a_sentence_before_a_semicolon_is_no_object():
    text = "It/PRON/nsubj/1 rained/VERB/ccomp/4 ;/PUNCT/punct/4 we/PRON/nsubj/4 slept/VERB/ROOT/4 ./PUNCT/punct/4"
    assert extract(text) == ["It | rained", "we | slept"]
    assert extract(text.replace(";", ",").replace("slept", "said")) == ["It | rained", "we | said | It rained"]


def test_adverbs_before_the_verb_join_the_phrase():
    text = "It/PRON/nsubj/3 has/AUX/aux/3 quickly/ADV/advmod/3 grown/VERB/ROOT/3 today/NOUN/npadvmod/3"
    assert extract(text) == ["It | has quickly grown | today"]


CHINESE = {
    "a verb with an object": (
        "米拉/PROPN/nsubj/1 创办/VERB/root/1 了/PART/aux/1 公司/NOUN/obj/1",
        ["米拉 | 创办了 | 公司"],
    ),
    "a phrase before the verb": (
        "她/PRON/nsubj/3 在/ADP/case/2 北京/PROPN/obl/3 工作/VERB/root/3 。/PUNCT/punct/3",
        ["她 | 在工作 | 北京"],
    ),
    "a passive": (
        "公司/NOUN/nsubj:pass/3 被/AUX/aux:pass/3 米拉/PROPN/nsubj/3 收购/VERB/root/3",
        ["公司 | 被收购 | 米拉"],
    ),
    "a passive whose agent is oblique": (
        "公司/NOUN/nsubj:pass/3 被/ADP/case/2 米拉/PROPN/obl:agent/3 收购/VERB/root/3",
        ["公司 | 被收购 | 米拉"],
    ),
    "what is disposed of": (
        "她/PRON/nsubj/3 把/ADP/case/2 房子/NOUN/obl:patient/3 卖/VERB/root/3 了/PART/aux/3",
        ["她 | 卖了 | 房子"],
    ),
    "a copula": ("米拉/PROPN/nsubj/3 是/AUX/cop/3 铁/NOUN/compound/3 匠/NOUN/root/3", ["米拉 | 是 | 铁匠"]),
    "an apposition": (
        "铁匠/NOUN/nsubj/2 米拉/PROPN/appos/0 离开/VERB/root/2 了/PART/aux/2 北京/PROPN/obj/2",
        ["铁匠 | 离开了 | 北京", "铁匠 | 是 | 米拉"],
    ),
    "a possessor": (
        "米拉/PROPN/nmod/2 的/PART/case/0 公司/NOUN/nsubj/3 关闭/VERB/root/3",
        ["米拉的公司 | 关闭", "米拉 | 有 | 公司"],
    ),
    "a relative clause": (
        "制造/VERB/acl:relcl/3 钟/NOUN/obj/0 的/SCONJ/mark:rel/0 公司/NOUN/nsubj/4 关闭/VERB/root/4",
        ["公司 | 制造 | 钟", "公司 | 关闭"],
    ),
    "a relative clause with a subject": (
        "米拉/PROPN/nsubj/1 制造/VERB/acl:relcl/3 的/SCONJ/mark:rel/1 钟/NOUN/nsubj/4 响/VERB/root/4",
        ["米拉 | 制造 | 钟", "钟 | 响"],
    ),
    "coordination": (
        "米拉/PROPN/nsubj/3 和/CCONJ/cc/2 谭/PROPN/conj/0 卖/VERB/root/3 茶/NOUN/obj/3 、/PUNCT/punct/6 钟/NOUN/conj/4",
        ["米拉 | 卖 | 茶", "米拉 | 卖 | 钟", "谭 | 卖 | 茶", "谭 | 卖 | 钟"],
    ),
    "verbs that follow each other": (
        "她/PRON/nsubj/4 卖/VERB/advcl/4 茶/NOUN/obj/1 ，/PUNCT/punct/1 买/VERB/root/4 钟/NOUN/obj/4",
        ["她 | 卖 | 茶", "她 | 买 | 钟"],
    ),
    "labels of zh_core_web": (
        "公司/NOUN/nsubjpass/2 被/AUX/auxpass/2 卖/VERB/ROOT/2 了/PART/aux:asp/2",
        ["公司 | 被卖了"],
    ),
}


@pytest.mark.parametrize("name", CHINESE)
def test_chinese(name):
    text, expected = CHINESE[name]
    assert extract(text, ZH) == expected


@pytest.mark.parametrize(
    ("text", "nlp", "expected"),
    [
        ("She/PRON/nsubj/3 did/AUX/aux/3 n't/PART/neg/3 sell/VERB/ROOT/3 it/PRON/dobj/3", EN, "negated"),
        ("She/PRON/nsubj/3 did/AUX/aux/3 not/PART/advmod/3 sell/VERB/root/3 it/PRON/obj/3", EN, "negated"),
        ("She/PRON/nsubj/1 sold/VERB/ROOT/1 it/PRON/dobj/1", EN, "asserted"),
        ("她/PRON/nsubj/3 没有/ADV/advmod/3 再/ADV/advmod/3 卖/VERB/root/3 茶/NOUN/obj/3", ZH, "negated"),
        ("她/PRON/nsubj/1 卖/VERB/root/1 茶/NOUN/obj/1", ZH, "asserted"),
    ],
)
def test_polarity(text, nlp, expected):
    doc = OpenExtractor(nlp.vocab, lang=nlp.lang)(parse(text, nlp))
    assert [triple.polarity for triple in doc._.triples] == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Holt/PROPN/nsubj/1 bought/VERB/ROOT/1 Acme/PROPN/dobj/1 but/CCONJ/cc/2 not/PART/neg/5 Oslo/PROPN/conj/2",
            {"Acme": "asserted", "Oslo": "negated"},
        ),
        (
            "Holt/PROPN/nsubj/1 bought/VERB/root/1 Acme/PROPN/obj/1 and/CCONJ/cc/5 perhaps/ADV/advmod/5 "
            "Oslo/PROPN/conj/2",
            {"Acme": "asserted", "perhaps Oslo": "hypothetical"},
        ),
        (
            "Holt/PROPN/nsubj/3 is/AUX/cop/3 a/DET/det/3 smith/NOUN/root/3 but/CCONJ/cc/7 not/PART/advmod/7 "
            "a/DET/det/7 baker/NOUN/conj/3",
            {"a smith": "asserted", "a baker": "negated"},
        ),
        # "hardly" before a noun that is no object of the verb
        (
            "It/PRON/nsubj/1 ended/VERB/ROOT/1 with/ADP/prep/1 hardly/ADV/advmod/4 noise/NOUN/pobj/2",
            {"hardly noise": "negated"},
        ),
        # a verb speaks about the clause below it, not about itself
        (
            "They/PRON/nsubj/1 deny/VERB/ROOT/1 that/SCONJ/mark/4 she/PRON/nsubj/4 bought/VERB/ccomp/1 "
            "Acme/PROPN/dobj/4",
            {"she bought Acme": "asserted", "Acme": "negated"},
        ),
        (
            "That/SCONJ/mark/2 she/PRON/nsubj/2 left/VERB/csubj/4 is/AUX/cop/4 false/ADJ/root/4",
            {None: "negated", "false": "asserted"},
        ),
        # nobody says that money to buy something buys it, whatever the parser calls it
        (
            "Holt/PROPN/nsubj/1 lacks/VERB/ROOT/1 money/NOUN/dobj/1 to/PART/aux/4 buy/VERB/relcl/2 Acme/PROPN/dobj/4",
            {"money": "asserted", "Acme": "hypothetical"},
        ),
        ("It/PRON/nsubj/1 appears/VERB/root/1 empty/ADJ/xcomp/1", {"empty": "asserted"}),
        # and a noun is no reason to turn what is coordinated with it
        (
            "They/PRON/nsubj/1 reject/VERB/root/1 the/DET/det/3 purchase/NOUN/obj/1 and/CCONJ/cc/6 the/DET/det/6 "
            "bid/NOUN/conj/3",
            {"the purchase": "asserted", "the bid": "asserted"},
        ),
        (
            "Holt/PROPN/nsubj/6 ,/PUNCT/punct/0 not/PART/advmod/4 a/DET/det/4 smith/NOUN/appos/0 ,/PUNCT/punct/0 "
            "left/VERB/root/6",
            {None: "asserted", "a smith": "negated"},
        ),
    ],
)
def test_polarity_of_arguments(text, expected):
    doc = OpenExtractor(EN.vocab)(parse(text))
    found = {triple.objects[0].resolve(doc).text if triple.objects else None: triple for triple in doc._.triples}
    assert {text: triple.polarity for text, triple in found.items()} == expected


NOT_BUT = (
    "She/PRON/nsubj/3 did/AUX/aux/3 not/PART/neg/3 buy/VERB/ROOT/3 tea/NOUN/dobj/3 but/CCONJ/cc/4 wine/NOUN/conj/4"
)
EDGES = {
    "a negation that does not hold for the second object": (
        NOT_BUT,
        ["She | did not buy | tea", "She | did buy | wine"],
    ),
    "one that does": (NOT_BUT.replace("but", "or"), ["She | did not buy | tea", "She | did not buy | wine"]),
    "one behind the verb": (
        "She/PRON/nsubj/1 bought/VERB/ROOT/1 not/PART/neg/1 tea/NOUN/dobj/1 but/CCONJ/cc/3 wine/NOUN/conj/3",
        ["She | bought not | tea", "She | bought | wine"],
    ),
    "one of a noun as predicate": (
        "He/PRON/nsubj/4 is/AUX/cop/4 not/PART/advmod/4 a/DET/det/4 smith/NOUN/root/4 but/CCONJ/cc/7 a/DET/det/7 "
        "baker/NOUN/conj/4",
        ["He | is not | a smith", "He | is | a baker"],
    ),
    "a conjunction that the parser calls a determiner": (
        "Neither/CCONJ/det/1 Ada/PROPN/nsubj/4 nor/CCONJ/cc/1 Bo/PROPN/conj/1 left/VERB/ROOT/4",
        ["Ada | left", "Bo | left"],
    ),
    "a determiner": ("Both/DET/det/1 mills/NOUN/nsubj/2 burned/VERB/ROOT/2", ["Both mills | burned"]),
    "no": ("She/PRON/nsubj/1 has/VERB/ROOT/1 no/DET/det/3 tea/NOUN/dobj/1", ["She | has | no tea"]),
    "a negation before an argument": (
        "She/PRON/nsubj/1 sold/VERB/ROOT/1 tea/NOUN/dobj/1 but/CCONJ/cc/2 not/PART/neg/5 wine/NOUN/conj/2",
        ["She | sold | tea", "She | sold | wine"],
    ),
    "a negation behind it": (
        "Ada/PROPN/nsubj/5 ,/PUNCT/punct/0 not/PART/neg/0 Bo/PROPN/appos/0 ,/PUNCT/punct/0 left/VERB/ROOT/5",
        ["Ada | left", "Ada | is | Bo"],
    ),
    "a negation of a part": (
        "Not/PART/neg/2 all/DET/det/2 mills/NOUN/nsubj/3 burned/VERB/ROOT/3",
        ["Not all mills | burned"],
    ),
    "a negation of a clause": (
        "Not/PART/neg/1 leaving/VERB/csubj/2 is/AUX/ROOT/2 wrong/ADJ/acomp/2",
        ["Not leaving | is | wrong"],
    ),
    "a negation where no polarity is read": (
        "She/PRON/nsubj/1 sold/VERB/ROOT/1 it/PRON/dobj/1 not/PART/neg/4 in/ADP/prep/1 May/PROPN/pobj/4",
        ["She | sold | it | not in May"],
    ),
    "a comma before a quotation mark": (
        "The/DET/det/1 area/NOUN/nsubj/4 ,/PUNCT/punct/1 ''/PUNCT/punct/1 grew/VERB/ROOT/4",
        ["The area | grew"],
    ),
    "a comma behind one": (
        "``/PUNCT/punct/3 ,/PUNCT/punct/3 the/DET/det/3 area/NOUN/nsubj/4 grew/VERB/ROOT/4",
        ["the area | grew"],
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges_of_arguments_and_negations_of_the_phrase(name):
    text, expected = EDGES[name]
    assert extract(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Holt/PROPN/nsubj/5 but/CCONJ/cc/0 not/PART/neg/3 Bo/PROPN/conj/0 ,/PUNCT/punct/5 left/VERB/ROOT/5",
            {"Holt": "asserted", "Bo": "negated"},
        ),
        (
            "Not/PART/advmod/1 Holt/PROPN/nsubj/4 but/CCONJ/cc/3 Bo/PROPN/conj/1 left/VERB/root/4",
            {"Holt": "negated", "Bo": "asserted"},
        ),
    ],
)
def test_polarity_of_subjects(text, expected):
    doc = OpenExtractor(EN.vocab)(parse(text))
    assert {doc[triple.subject.end - 1].text: triple.polarity for triple in doc._.triples} == expected


def test_roles_of_arguments_confidence_and_pattern():
    doc = OpenExtractor(EN.vocab)(parse(SENTENCES["a passive with an agent"][0]))
    (triple,) = doc._.triples
    assert [argument.label for argument in (triple.subject, *triple.objects)] == ["subject", "agent", "preposition"]
    assert triple == Triple(
        Argument(0, 1, "subject"),
        (1, 2, 5),
        (Argument(6, 7, "agent"), Argument(3, 5, "preposition")),
        pattern="main_oblique",
        polarity="asserted",
        confidence=0.75,
    )


def test_confidence_can_be_cut_off():
    text = SENTENCES["a possessor"][0]
    assert extract(text, min_confidence=0.24) == ["Mira | has | mill"]
    assert extract(text, min_confidence=0.26) == []


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_settings_are_checked(value):
    with pytest.raises(ValueError, match="VE107.*min_confidence"):
        EN.create_pipe("open_extractor", config={"min_confidence": value})


def test_a_language_without_rules_is_named():
    with pytest.raises(ValueError, match=r"VE005.*'de'.*en, zh"):
        spacy.blank("de").add_pipe("open_extractor")
    assert spacy.blank("de").add_pipe("open_extractor", config={"lang": "en"})


def test_labels_of_another_vocab():
    """A pipe that was sourced or made with another vocab looks labels up where the Doc has them."""
    text = "Mira/PROPN/nsubj:weird/1 cast/VERB/root/1 bells/NOUN/obj:odd/1"
    other = spacy.blank("en")
    pipe = OpenExtractor(spacy.blank("en").vocab)
    for _ in range(2):
        doc = pipe(parse(text, other))
        assert [triple.texts(doc) for triple in doc._.triples] == [("Mira", "cast", "bells")]


def test_a_doc_without_a_parse_is_named():
    pipe = OpenExtractor(EN.vocab)
    with pytest.raises(ValueError, match="VE251.*'Not parsed '"):
        pipe(Doc(EN.vocab, words=["Not", "parsed"]))


@pytest.mark.parametrize("batch_size", [1, 2, 128])
def test_an_error_handler_takes_what_has_no_parse(batch_size):
    """That Doc alone: the others of its batch are read."""
    pipe, seen = OpenExtractor(EN.vocab), []
    pipe.set_error_handler(lambda name, component, docs, error: seen.append((name, len(docs), str(error)[:7])))
    first, last = (parse("Rain/NOUN/nsubj/1 fell/VERB/ROOT/1") for _ in range(2))
    docs = [first, Doc(EN.vocab, words=["Not", "parsed"]), last]
    assert list(pipe.pipe(docs, batch_size=batch_size)) == [first, last]
    assert [len(doc._.triples) for doc in (first, last)] == [1, 1]
    assert seen == [("open_extractor", 1, "[VE251]")]


@pytest.mark.parametrize("words", [[], [" "], ["\n", " "]])
def test_nothing_to_read(words):
    doc = OpenExtractor(EN.vocab)(Doc(EN.vocab, words=words))
    assert doc._.triples == []


@pytest.mark.parametrize(
    "text", ["Rain/NOUN/ROOT/0", "Go/VERB/ROOT/0", "Go/VERB/nsubj/0", "!/PUNCT/punct/0", "x/X/conj/0"]
)
def test_one_token(text):
    assert extract(text) == []


@pytest.mark.parametrize("heads", [[1, 0, 1, 2], [1, 2, 3, 0], [1, 2, 0, 0], [3, 3, 3, 0], [2, 2, 1, 1]])
@pytest.mark.parametrize(
    "deps", [["nsubj", "conj", "dobj", "conj"], ["advcl", "advcl", "advcl", "advcl"], ["pcomp"] * 4]
)
@pytest.mark.parametrize("pos", ["VERB", "NOUN"])
def test_cyclic_parses(heads, deps, pos):
    doc = Doc(EN.vocab, words=list("abcd"), heads=heads, deps=deps, pos=[pos] * 4)
    assert isinstance(OpenExtractor(EN.vocab)(doc)._.triples, list)


def test_a_headless_parse_has_labels_alone():
    doc = Doc(EN.vocab, words=["She", "sold", "it"], deps=["nsubj", "ROOT", "dobj"], pos=["PRON", "VERB", "PRON"])
    assert OpenExtractor(EN.vocab)(doc)._.triples == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_any_parse_gives_triples_that_fit(lang):
    """Random labels on random graphs, with cycles, crossing arcs and tokens without a head."""
    nlp = spacy.blank(lang)
    pipe = nlp.add_pipe("open_extractor")
    labels = [nlp.vocab.strings[label] for label in pipe._rules.roles if label in nlp.vocab.strings] or ["nsubj"]
    labels = sorted({"nsubj", "conj", "dobj", "obl", "case", "xcomp", "cop", "acl:relcl", "prep", "pobj", *labels})
    words = ["who", "to", "of", "by", "not", "mill", "的", '"', ";", "sold"]
    random = np.random.default_rng(0)
    for _ in range(300):
        n = int(random.integers(1, 15))
        doc = Doc(
            nlp.vocab,
            words=random.choice(words, n).tolist(),
            heads=random.integers(0, n, n).tolist(),
            deps=random.choice(labels, n).tolist(),
            pos=random.choice(["VERB", "NOUN", "PROPN", "ADJ", "AUX", "ADP"], n).tolist(),
            tags=random.choice(["VBN", "VBG", "NN"], n).tolist(),
        )
        assert all(triple.texts(doc) for triple in pipe(doc)._.triples)


@pytest.mark.parametrize("label", ["conj", "xcomp", "advcl", "prep"])
def test_deep_parses(label):
    n = 3000
    heads = [0, *range(n - 1)]
    doc = Doc(EN.vocab, words=["a"] * n, heads=heads, deps=["ROOT", "nsubj", *[label] * (n - 2)], pos=["VERB"] * n)
    assert OpenExtractor(EN.vocab)(doc)._.triples is not None


def test_too_many_pairs_stay_together():
    n = MAX_PAIRS // 2
    left = [f"A{i}/PROPN/{'conj' if i else 'nsubj'}/{max(i - 1, 0) if i else n}" for i in range(n)]
    right = [f"B{i}/NOUN/{'conj' if i else 'dobj'}/{n + i if i else n}" for i in range(n)]
    found = extract(" ".join([*left, f"met/VERB/ROOT/{n}", *right]))
    assert found == [f"{' '.join(f'A{i}' for i in range(n))} | met | {' '.join(f'B{i}' for i in range(n))}"]


def test_one_by_one_and_in_batches(en):
    texts = ["Mira founded a firm.", "", "It was sold by Tam, her brother.", "Go!", "She wants to buy it."] * 3
    pipe = OpenExtractor(en.vocab)
    single = [pipe(doc)._.triples for doc in en.pipe(texts)]
    assert single == [doc._.triples for doc in pipe.pipe(en.pipe(texts), batch_size=4)]
    assert len(single[0]) == 1


def test_in_a_pipeline(en, tmp_path):
    nlp = spacy.blank("en", vocab=en.vocab)
    for name in ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"):
        nlp.add_pipe(name, source=en)
    nlp.add_pipe("open_extractor", config={"min_confidence": 0.3})
    assert nlp.analyze_pipes()["problems"]["open_extractor"] == []
    texts = ["Mira Holt founded Brightwell in 2009.", "Brightwell was sold to a firm that makes bells."]
    docs = list(nlp.pipe(texts))
    assert docs[0]._.triples[0].texts(docs[0]) == ("Mira Holt", "founded", "Brightwell", "in 2009")
    assert [triple.texts(docs[1]) for triple in docs[1]._.triples][-1] == ("a firm", "makes", "bells")
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert loaded.get_pipe("open_extractor").min_confidence == 0.3
    assert [doc._.triples for doc in loaded.pipe(texts)] == [doc._.triples for doc in docs]
    assert [doc._.triples for doc in nlp.pipe(texts, n_process=2, batch_size=1)] == [doc._.triples for doc in docs]


FRESH = """
import sys
sys.modules["torch"] = None
import spacy
nlp = spacy.blank("en")
pipe = nlp.add_pipe("open_extractor")
doc = spacy.tokens.Doc(nlp.vocab, ["Ada", "sings"], heads=[1, 1], deps=["nsubj", "ROOT"], pos=["PROPN", "VERB"])
print(pipe(doc)._.triples[0].texts(doc))
"""


def test_without_torch():
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", FRESH], capture_output=True, text=True)
    assert found.stdout == "('Ada', 'sings')\n", found.stderr


def test_speed():
    """Far below what it makes, so that a busy machine does not fail it; docs/triples.md has the figure."""
    text = " ".join(SENTENCES["a verb with an object and more"][0].split())
    docs = [parse(text) for _ in range(2000)]
    pipe = OpenExtractor(EN.vocab)
    start = time.process_time()
    n_words = sum(len(doc) for doc in pipe.pipe(docs))
    assert n_words / (time.process_time() - start) > 30_000
