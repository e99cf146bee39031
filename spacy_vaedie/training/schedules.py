"""Schedules of the objective: functions of the number of updates so far.

Thinc's own schedules are generators, which neither a pickle nor a resumed training survives.
"""

from __future__ import annotations

from dataclasses import dataclass

from spacy.util import registry

from ..errors import check_range


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


@dataclass(frozen=True)
class CyclicalKL:
    """A weight that starts from 0 again several times, and then stays.

    weight (float): The weight at the end of each cycle.
    cycle_steps (int): Updates of a cycle.
    n_cycles (int): How many cycles there are.
    ramp (float): Share of a cycle in which the weight grows.
    """

    weight: float
    cycle_steps: int
    n_cycles: int
    ramp: float

    def __call__(self, step: int) -> float:
        """RETURNS (float): The weight after a number of updates."""
        if step >= self.cycle_steps * self.n_cycles:
            return self.weight
        return self.weight * min(1.0, (step % self.cycle_steps) / max(self.cycle_steps * self.ramp, 1))


@dataclass(frozen=True)
class ConstantKL:
    """A weight that never changes.

    weight (float): The weight.
    """

    weight: float

    def __call__(self, step: int) -> float:
        """RETURNS (float): The weight after a number of updates."""
        return self.weight


@registry.schedules("spacy-vaedie.AnnealedKL.v1")
def annealed_kl(weight: float = 0.003, warmup_steps: int = 500) -> AnnealedKL:
    """Let the weight of the KL divergence grow from 0 in a line, so that the decoder learns to use the latents before
    they cost anything (Bowman et al. 2016, section 3.1).

    weight (float): The weight in the end; 1 gives the evidence lower bound itself.
    warmup_steps (int): Updates until then.
    RETURNS (AnnealedKL): The schedule.
    RAISES (ValueError): VE107 for a negative weight or number of updates.
    """
    check_range("spacy-vaedie.AnnealedKL.v1", 0, weight=weight, warmup_steps=warmup_steps)
    return AnnealedKL(weight, warmup_steps)


@registry.schedules("spacy-vaedie.CyclicalKL.v1")
def cyclical_kl(weight: float = 0.003, cycle_steps: int = 500, n_cycles: int = 4, ramp: float = 0.5) -> CyclicalKL:
    """Let the weight of the KL divergence grow from 0 in a line, stay, and start again, so that each cycle begins with
    the latents that the one before has learned (Fu et al. 2019, "Cyclical Annealing Schedule").

    weight (float): The weight at the end of each cycle, and after the last one.
    cycle_steps (int): Updates of a cycle.
    n_cycles (int): How many cycles there are.
    ramp (float): Share of a cycle in which the weight grows.
    RETURNS (CyclicalKL): The schedule.
    RAISES (ValueError): VE107 for a negative weight, a cycle without updates, or a share that is none.
    """
    owner = "spacy-vaedie.CyclicalKL.v1"
    check_range(owner, 0, weight=weight)
    check_range(owner, 0, 1, ramp=ramp)
    check_range(owner, 1, cycle_steps=cycle_steps, n_cycles=n_cycles)
    return CyclicalKL(weight, cycle_steps, n_cycles, ramp)


@registry.schedules("spacy-vaedie.ConstantKL.v1")
def constant_kl(weight: float = 1.0) -> ConstantKL:
    """Keep the weight of the KL divergence as it is (beta of Higgins et al. 2017).

    weight (float): The weight; 1 gives the evidence lower bound itself.
    RETURNS (ConstantKL): The schedule.
    RAISES (ValueError): VE107 for a negative weight.
    """
    check_range("spacy-vaedie.ConstantKL.v1", 0, weight=weight)
    return ConstantKL(weight)
