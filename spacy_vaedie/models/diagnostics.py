"""What tells a good posterior from a collapsed one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Variance of a dimension's mean over the data from which on it counts as active.
ACTIVE_VARIANCE = 0.01


def active_units(means: NDArray[np.float32]) -> int:
    """Count the latent dimensions whose mean varies with the text (Burda et al. 2016, section 5.2).

    means (NDArray[np.float32]): Posterior means over a corpus. *Shape:* (n, latent_width)
    RETURNS (int): Dimensions with a variance of at least 0.01.
    """
    return int((means.var(axis=0) >= ACTIVE_VARIANCE).sum())
