"""Which policy a command was given: a preset by name, or a file of TOML, read completely before anything is done."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from jurisdiction.notary import Notary
from jurisdiction.policy import Policy, PolicyErrors, read
from jurisdiction.presets import PRESETS, from_preset
from webadmin.cli.door import Failed, WrongUse

PresetFlag = Annotated[str | None, typer.Option("--preset", help="A ready-made policy; `skerry policy presets`.")]
FileFlag = Annotated[Path | None, typer.Option("--file", help="A policy as TOML.")]
MAX_FILE_BYTES = 1024 * 1024  # a policy has a few lines


def chosen_policy(preset: str | None, file: Path | None, notary: Notary, now: datetime) -> Policy | None:
    """The policy that the options name, None for none. Raises WrongUse, Failed."""
    if preset is not None and file is not None:
        raise WrongUse("give one of --preset and --file")
    if preset is not None:
        if preset not in PRESETS:
            raise WrongUse(f"there is no preset {preset!r}; there are: {', '.join(PRESETS)}")
        return from_preset(preset, notary.atlas, now.date())
    if file is None:
        return None
    try:
        with file.open("rb") as opened_file:
            table = tomllib.loads(opened_file.read(MAX_FILE_BYTES).decode("utf-8"))
        return read(table, notary.atlas, file=file.name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise Failed(f"{file} is not TOML: {problem}; country codes stand in quotes") from None
    except PolicyErrors as problem:
        raise Failed(str(problem)) from None
