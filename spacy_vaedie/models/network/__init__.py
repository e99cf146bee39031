"""The torch networks behind the models. No module outside of this folder imports torch."""
