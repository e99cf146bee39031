import io

import spacy
from spacy.language import Language

from spacy_vaedie.training.logger import PLAIN_SCORES, console_logger


def log(nlp, scores):
    out = io.StringIO()
    nlp.config["training"]["score_weights"] = dict.fromkeys(scores, 0.0)
    log_step, finalize = console_logger()(nlp, out, out)
    log_step(None)
    log_step({"epoch": 1, "step": 2, "losses": {}, "other_scores": scores, "score": 0.5})
    finalize()
    return out.getvalue().splitlines()[-1].split()


def test_nats_stand_as_they_are():
    scores = {"vae_score": 0.25, "vae_kl": 3.5, "vae_perplexity": 20.25, "speed": 7.0}
    assert log(spacy.blank("en"), scores) == ["1", "2", "25.00", "3.50", "20.25", "7.00", "0.50"]
    # What others log beside it is not changed.
    assert scores["vae_kl"] == 3.5


def test_a_score_that_no_pipe_gave():
    out = io.StringIO()
    nlp = spacy.blank("en")
    nlp.config["training"]["score_weights"] = {"vae_kl": 0.0}
    console_logger()(nlp, out, out)[0]({"epoch": 1, "step": 2, "losses": {}, "other_scores": {}, "score": 0.5})
    assert out.getvalue().splitlines()[-1].split() == ["1", "2", "0.00", "0.50"]


def test_plain_scores_are_scores_of_the_encoder():
    assert set(PLAIN_SCORES) <= set(Language.get_factory_meta("vae_encoder").default_score_weights)
