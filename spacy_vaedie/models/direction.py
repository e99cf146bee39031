"""A relation between two spans goes one way: what is said of a pair in one order counts against the other."""

from __future__ import annotations

from typing import Any, Callable, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from .candidates import Candidates

Floats = NDArray[Any]
Ints = NDArray[np.int64]

BOTH, ONE = DIRECTIONS = ("both", "one")


def check_directions(directions: str, multi_label: bool, owner: str) -> str:
    """Check the setting `directions` of an extractor.

    directions (str): The setting.
    multi_label (bool): Whether a pair may have several labels.
    owner (str): Name of the extractor, for the message.
    RETURNS (str): The setting.
    RAISES (ValueError): VE107 for another one, and for `one` where a pair may have several labels.
    """
    if directions not in DIRECTIONS or (multi_label and directions == ONE):
        must = f"`{BOTH}`, or `{ONE}` where `multi_label` is off"
        raise ValueError(Errors.VE107.format(setting="directions", value=directions, must=must, owner=owner))
    return directions


def find_partners(candidates: Sequence[Candidates]) -> Ints:
    """For each pair of a batch the one with head and tail exchanged.

    candidates (Sequence[Candidates]): The candidates of each Doc.
    RETURNS (Ints): Rows among all pairs of the batch, -1 where the other order is no candidate. *Shape:* (n_pairs,)
    """
    found = [np.zeros(0, dtype="int64")]
    start = 0
    for item in candidates:
        n_spans = max(len(item.spans), 1)
        keys = item.pairs[:, 0].astype("int64") * n_spans + item.pairs[:, 1]
        swapped = item.pairs[:, 1].astype("int64") * n_spans + item.pairs[:, 0]
        order = np.argsort(keys, kind="stable")
        places = np.minimum(np.searchsorted(keys[order], swapped), max(len(keys) - 1, 0))
        rows = order[places] if len(keys) else order
        # A span and itself have one order.
        known = (keys[rows] == swapped) & (rows != np.arange(len(rows)))
        found.append(np.where(known, rows + start, -1))
        start += len(keys)
    return np.concatenate(found)


def tie(logits: Floats, partners: Ints) -> Tuple[Floats, Callable[[Floats], Floats]]:
    """Let the two orders of a pair exclude each other. Scored apart, with n and z(label) as the logits of "no relation"
    and the labels, and n' and z'(label) in the other order, a label in this one has the weight exp(z + n'), none at all
    exp(n + n'), and one in the other order exp(z' + n): the product of two softmaxes, without what says both. So a
    softmax of

        z(label) + n'   and   n + log(exp(n') + sum of exp(z'))

    gives the probability of each label in this order, and as "no relation" that of all the rest.

    logits (Floats): *Shape:* (n_heads, n_pairs, n_labels + 1)
    partners (Ints): What `find_partners` gives. *Shape:* (n_pairs,)
    RETURNS (Tuple[Floats, Callable[[Floats], Floats]]): The tied logits, and what turns their gradient into that of
        the given ones. *Shape:* as the logits
    """
    rows = np.flatnonzero(partners >= 0)
    others = partners[rows]
    top = logits.max(axis=-1, keepdims=True)
    weights = np.exp(logits - top)
    total = weights.sum(axis=-1, keepdims=True)
    sums = (top + np.log(total))[..., 0]
    tied = logits.copy()
    tied[:, rows, 0] += sums[:, others]
    tied[:, rows, 1:] += logits[:, others, :1]
    shares = weights / total

    def backprop(gradient: Floats) -> Floats:
        found = gradient.copy()
        # Each row is the partner of its partner.
        found[:, rows] += gradient[:, others, :1] * shares[:, rows]
        found[:, rows, 0] += gradient[:, others, 1:].sum(axis=-1)
        return found

    return tied, backprop


def keep_surer(chosen: NDArray[np.bool_], probabilities: Floats, partners: Ints) -> NDArray[np.bool_]:
    """Of a pair with a label in both orders, keep the likelier one, and of equal ones the first.

    chosen (NDArray[np.bool_]): *Shape:* (n_pairs, n_labels)
    probabilities (Floats): *Shape:* (n_pairs, n_labels + 1)
    partners (Ints): *Shape:* (n_pairs,)
    RETURNS (NDArray[np.bool_]): *Shape:* (n_pairs, n_labels)
    """
    best = np.where(chosen, probabilities[:, 1:], -1.0).max(axis=1, initial=-1.0)
    other = np.where(partners >= 0, best[partners], -1.0)
    later = np.arange(len(partners)) > partners
    loses = (other > best) | ((other == best) & later & (partners >= 0))
    kept: NDArray[np.bool_] = chosen & ~loses[:, None]
    return kept
