"""What this package is called."""

__title__ = "spacy-vaedie"
__version__ = "0.1.0.dev0"
