"""Pictures of what stands on a Doc."""

from .relations import render_relations

__all__ = ["render_relations"]
