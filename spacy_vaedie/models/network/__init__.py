"""The torch networks behind the models. No module outside of this folder imports torch.

It is imported when a model is built, not before: spaCy loads every registered factory whenever it makes a pipeline,
and must not fail, nor wait for torch, where none of them is used.
"""

from importlib.util import find_spec

from ...errors import Errors

if find_spec("torch") is None:
    raise ImportError(Errors.VE901.format(thing="A model with a network", package="torch", requirement="torch"))
