"""Schedules of the objective: functions of the number of updates so far.

Thinc's own schedules are generators, which neither a pickle nor a resumed training survives.
"""

from __future__ import annotations

from dataclasses import dataclass

from spacy.util import registry

from ..errors import Errors


@dataclass(frozen=True)
class AnnealedKL:
    """A weight that grows from 0 in a line and then stays.

    weight (float): The weight in the end.
    warmup_steps (int): Updates until then.
    """

    weight: float
    warmup_steps: int

    def __call__(self, step: int) -> float:
        """RETURNS (float): The weight after a number of updates."""
        return self.weight * min(1.0, step / max(self.warmup_steps, 1))


@registry.schedules("spacy-vaedie.AnnealedKL.v1")
def annealed_kl(weight: float = 0.003, warmup_steps: int = 500) -> AnnealedKL:
    """Let the weight of the KL divergence grow from 0 in a line, so that the decoder learns to use the latents before
    they cost anything (Bowman et al. 2016, section 3.1).

    weight (float): The weight in the end; 1 gives the evidence lower bound itself.
    warmup_steps (int): Updates until then.
    RETURNS (AnnealedKL): The schedule.
    RAISES (ValueError): VE107 for a negative weight or number of updates.
    """
    for setting, value in (("weight", weight), ("warmup_steps", warmup_steps)):
        if value < 0:
            owner = "spacy-vaedie.AnnealedKL.v1"
            raise ValueError(Errors.VE107.format(setting=setting, value=value, must="0 or more", owner=owner))
    return AnnealedKL(weight, warmup_steps)
