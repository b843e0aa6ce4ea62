"""Texts in five languages: collected, translated, said."""
