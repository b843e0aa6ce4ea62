"""`infra/env.example`, written from the settings reader: every setting, its sentence, its default.

python -m tests.architecture.settings_reference > infra/env.example
"""

from __future__ import annotations

import sys
import textwrap
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from webadmin.environ import CHECKOUT, PREFIX, Environ
from webadmin.limitsettings import LimitSettings

HEAD = """\
Every setting of a Skerry process, with its default. Remove the '#' of a line to change it.
Written from webadmin/environ.py by 'python -m tests.architecture.settings_reference'; a test compares the two.
"""


def reference() -> str:
    """The whole file."""
    blocks = [_comment(HEAD)]
    # Those of the cell first, then the limits, which few ever touch.
    for name, field in sorted(Environ.model_fields.items(), key=lambda one: one[0] in LimitSettings.model_fields):
        blocks.append(f"{_comment(_sentence(field))}\n#{PREFIX}{name.upper()}={_value(field.default)}")
    return "\n\n".join(blocks) + "\n"


def _comment(text: str) -> str:
    lines = [line for part in text.strip().splitlines() for line in textwrap.wrap(part, 116)]
    return "\n".join(f"# {line}" for line in lines)


def _sentence(field: FieldInfo) -> str:
    """The description, and the choices where there is a list of them."""
    description = (field.description or "").strip()
    if get_origin(field.annotation) is Literal:
        return f"{description} One of: {', '.join(str(choice) for choice in get_args(field.annotation))}."
    return description


def _value(default: Any) -> str:
    """A default as it would be written into the file."""
    match default:
        case None:
            return ""
        case bool():
            return "true" if default else "false"
        case Path() if default.is_relative_to(CHECKOUT):
            return str(default.relative_to(CHECKOUT))
        case Enum():
            return str(default.value)
        case _:
            return str(default)


if __name__ == "__main__":
    sys.stdout.write(reference())
