"""Few-label information extraction inside spaCy: a variational autoencoder and a relation extractor."""

from . import tokens  # noqa: F401  registers doc._.relations and the latents
from .about import __version__

__all__ = ["__version__"]
