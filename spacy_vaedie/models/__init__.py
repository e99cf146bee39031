"""Thinc models, each built by a registered architecture."""
