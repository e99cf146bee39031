"""What depends on the language, as data: rules that read a parse."""
