"""What triples are read from which sentences, in both schemes and both languages."""

import pytest

from spacy_vaedie.pipeline.open_extractor import OpenExtractor

from .sentences import EN, SENTENCES, ZH, extract, parse


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
