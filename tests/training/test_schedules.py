import copy
import pickle

import pytest
import spacy
from thinc.api import Config

from spacy_vaedie.training.schedules import AnnealedKL, annealed_kl


def test_it_grows_in_a_line_and_stays():
    schedule = annealed_kl(weight=0.4, warmup_steps=4)
    assert [schedule(step) for step in range(7)] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert schedule(10**9) == 0.4


@pytest.mark.parametrize("warmup_steps", [0, 1])
def test_without_warmup(warmup_steps):
    assert annealed_kl(weight=1.0, warmup_steps=warmup_steps)(1) == 1.0


def test_no_kl_at_all():
    assert annealed_kl(weight=0.0, warmup_steps=10)(100) == 0.0


def test_the_same_step_gives_the_same_weight():
    """No generator: a schedule can be asked in any order, copied, and pickled."""
    schedule = annealed_kl(weight=0.4, warmup_steps=4)
    assert schedule(3) == schedule(3)
    schedule(100)
    assert schedule(1) == pytest.approx(0.1)
    for other in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert other == schedule
        assert other(2) == schedule(2)


@pytest.mark.parametrize(("setting", "value"), [("weight", -0.1), ("warmup_steps", -1)])
def test_settings_out_of_range(setting, value):
    with pytest.raises(ValueError, match=f"VE107.*'{setting}' is {value}.*spacy-vaedie.AnnealedKL.v1"):
        annealed_kl(**{setting: value})


def test_it_resolves_from_a_config():
    config = Config().from_str(
        '[kl_weight]\n@schedules = "spacy-vaedie.AnnealedKL.v1"\nweight = 0.5\nwarmup_steps = 10\n'
    )
    assert spacy.registry.resolve(config)["kl_weight"] == AnnealedKL(0.5, 10)
