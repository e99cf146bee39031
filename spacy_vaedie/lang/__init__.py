"""What depends on the language, as data."""
