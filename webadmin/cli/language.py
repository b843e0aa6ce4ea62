"""The language of a command's answer: English, unless `--language` asks for another that the pages speak."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from django.conf import settings
from django.utils import translation

from webadmin.cli.door import WrongUse

LanguageFlag = Annotated[str, typer.Option("--language", metavar="CODE", help="Answer in en, fr, is, de or ru.")]


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Answer in this language. Raises WrongUse for one that the pages do not speak."""
    known = dict(settings.LANGUAGES)
    if code not in known:
        raise WrongUse(f"--language is one of {', '.join(known)}, not {code}")
    with translation.override(code):
        yield
