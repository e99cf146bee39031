"""Learning from pairs that nobody annotated, beside the annotated ones."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model, Optimizer, to_numpy

from ..errors import Errors, Warnings
from ..models.labelling import UNKNOWN, Labelling
from ..models.unlabelled import UnlabelledTerm

Floats = NDArray[np.float32]
Tell = Callable[..., None]

# Updates in a row without anything to learn from, after which that is told.
PATIENCE = 100


class UnlabelledLearning:
    """The terms of an extractor for pairs that are not annotated, and their teacher: the same model with the averages
    of its weights that the optimizer keeps.

    name (str): Name of the extractor, for messages.
    terms (Optional[Dict[str, Optional[UnlabelledTerm]]]): The terms, under names of one's own. One that is None is left
        out.
    RAISES (ValueError): VE107 for something else.
    """

    def __init__(self, name: str, terms: Optional[Dict[str, Optional[UnlabelledTerm]]]) -> None:
        self.name = name
        self.terms = {name: term for name, term in (terms or {}).items() if term is not None}
        for setting, term in self.terms.items():
            if not isinstance(term, UnlabelledTerm):
                must = 'a term for pairs that are not annotated, such as `@misc = "spacy-vaedie.SelfTraining.v1"`'
                raise ValueError(
                    Errors.VE107.format(setting=f"unlabelled.{setting}", value=term, must=must, owner=name)
                )
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self.step = 0
        self._averages: Optional[Dict[Any, Any]] = None
        self._idle = {name: _Idle() for name in self.terms}
        self._n_pairs = 0
        for term in self.terms.values():
            term.reset()

    def ask(self, model: Model[Any, Any], inputs: Any) -> Optional[Floats]:
        """What the teacher says. Call it before the forward pass of the update.

        model (Model): The model of the extractor.
        inputs (Any): Its input.
        RETURNS (Optional[Floats]): Logits, None where there are no terms. *Shape:* (n_heads, n_pairs, n_labels + 1)
        """
        if not self.terms:
            return None
        # In the first update there are no averages yet.
        with nullcontext() if self._averages is None else model.use_params(self._averages):
            logits: Floats = to_numpy(model.predict(inputs))
        return logits

    def loss(
        self, labelling: Labelling, logits: Floats, beliefs: Floats, targets: NDArray[np.int8]
    ) -> Tuple[float, Floats]:
        """The terms for a batch.

        labelling (Labelling): What the scores of a pair's labels mean.
        logits (Floats): What the network says. *Shape:* (n_heads, n_pairs, n_labels + 1)
        beliefs (Floats): Probabilities of the teacher. *Shape:* (n_pairs, n_labels + 1)
        targets (NDArray[np.int8]): Which pairs are annotated. *Shape:* (n_pairs, n_labels + 1)
        RETURNS (Tuple[float, Floats]): Their sum, and its gradient. *Shape:* as the logits
        """
        open_pairs = (targets == UNKNOWN).all(axis=1)
        gradient, total = np.zeros_like(logits), 0.0
        if not open_pairs.any():
            return total, gradient
        self._n_pairs += int(open_pairs.sum())
        for name, term in self.terms.items():
            loss, part, used = term.loss(labelling, logits[:, open_pairs], beliefs[open_pairs], self.step)
            gradient[:, open_pairs] += part
            total += loss
            self._idle[name].count(int(open_pairs.sum()), used)
        return total, gradient

    def finish_update(self, optimizer: Optimizer, tell: Tell) -> None:
        """Take the averages of an update, and say once what has found nothing to learn from.

        optimizer (Optimizer): The optimizer.
        tell (Callable[..., None]): Is told what is wrong: a message, and a key that says what it is about.
        RAISES (ValueError): VE226 where the optimizer keeps no averages.
        """
        if not self.terms:
            return
        if optimizer.averages is None:
            raise ValueError(Errors.VE226.format(name=self.name))
        self._averages = optimizer.averages
        self.step += 1
        if self.step == PATIENCE and not self._n_pairs:
            tell(Warnings.VW226.format(name=self.name, n=PATIENCE), "unlabelled")
        # A teacher may be unsure at first, and sure later; or lose its certainty.
        late = {name: idle.n_pairs for name, idle in self._idle.items() if idle.finish_update()}
        if late:
            message = Warnings.VW227.format(
                name=self.name, terms=", ".join(late), n=max(late.values()), updates=PATIENCE, step=self.step
            )
            tell(message, "unsure")


class _Idle:
    """For how long a term has used none of the pairs that there were."""

    def __init__(self) -> None:
        self.n_updates = self.n_pairs = self._asked = self._used = 0

    def count(self, asked: int, used: int) -> None:
        """Count the pairs of a batch."""
        self._asked += asked
        self._used += used

    def finish_update(self) -> bool:
        """RETURNS (bool): Whether that was one of `PATIENCE` updates in a row. Those without such pairs are not
        counted."""
        if self._used:
            self.n_updates = self.n_pairs = 0
        elif self._asked:
            self.n_updates += 1
            self.n_pairs += self._asked
        late = bool(self._asked) and not self._used and self.n_updates >= PATIENCE
        self._asked = self._used = 0
        return late
