"""The pipes, each registered by a factory."""
