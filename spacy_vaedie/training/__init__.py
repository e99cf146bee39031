"""What training needs: examples, corpus readers, schedules, and converters of annotated data."""

from .examples import make_example

__all__ = ["make_example"]
