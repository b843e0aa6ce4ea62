"""Typed reading of one TOML table, with every mistake written down.

`Fields` wraps a table and hands out its values by type. A wrong or missing value adds a `Problem` and yields a
harmless stand-in, so that reading goes on and the reader of the messages gets all of them at once. `done` reports
keys nobody asked for: a misspelt `contollers` must not be read as "no controllers".

Country codes deserve care of their own. Norway's NO without quotes is the value false to many readers of data,
so false where a code belongs is answered with that explanation.
"""

import math
from collections.abc import Collection, Mapping
from datetime import date, datetime

from jurisdiction.problems import Problem

UNKNOWN = "??"  # a country that is not known; never a code of ISO 3166

_NOWHERE = date(1, 1, 1)
_NORWAY = 'Write country codes in quotes: "NO". Without them Norway becomes the value false in many readers'


class Fields:
    """One table of a file. `name` is what a person calls it: a fact's id, a case's id."""

    def __init__(self, table: object, file: str, name: str, problems: list[Problem]) -> None:
        self.file = file
        self.name = name
        self.problems = problems
        self._asked: set[str] = set()
        self._table: Mapping[str, object] = {}
        if isinstance(table, Mapping):
            self._table = table
        else:
            self.problem("is not a table", "Write it as a TOML table of keys and values")

    def problem(self, what: str, remedy: str) -> None:
        self.problems.append(Problem(self.file, self.name, what, remedy))

    def has(self, key: str) -> bool:
        return key in self._table

    def raw(self, key: str) -> object:
        """The value as TOML gave it, or None."""
        self._asked.add(key)
        return self._table.get(key)

    def _required(self, key: str, *, required: bool) -> object:
        value = self.raw(key)
        if value is None and required:
            self.problem(f"{key} is missing", f"Add {key}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty string; missing is a problem unless a default is given."""
        value = self._required(key, required=default is None)
        if value is None:
            return default or ""
        if isinstance(value, str) and (value or default == ""):
            return value
        self.problem(f"{key} is {value!r}", f"{key} must be a text in quotes")
        return default or ""

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value and value not in allowed:
            self.problem(f"{key} is {value!r}", f"Use one of: {', '.join(sorted(allowed))}")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self.raw(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.problem(f"{key} is {value!r}", f"{key} must be true or false")
        return default

    def optional_flag(self, key: str) -> bool | None:
        return self.flag(key) if self.has(key) else None

    def number(self, key: str, *, minimum: float, maximum: float, default: float | None = None) -> float:
        value = self._required(key, required=default is None)
        if value is None:
            return minimum if default is None else default
        if isinstance(value, int | float) and not isinstance(value, bool):
            if math.isfinite(value) and minimum <= value <= maximum:
                return float(value)
            self.problem(f"{key} is {value}", f"{key} must lie between {minimum:g} and {maximum:g}")
        else:
            self.problem(f"{key} is {value!r}", f"{key} must be a number")
        return minimum if default is None else default

    def whole(self, key: str, *, minimum: int, maximum: int, default: int | None = None) -> int:
        value = self.number(key, minimum=minimum, maximum=maximum, default=default)
        if not value.is_integer():
            self.problem(f"{key} is {value}", f"{key} must be a whole number")
        return int(value)

    def day(self, key: str) -> date:
        found = self.optional_day(key)
        if found is None:
            if not self.has(key):
                self.problem(f"{key} is missing", f"Add {key} as a date: {key} = 2026-11-21")
            return _NOWHERE
        return found

    def optional_day(self, key: str) -> date | None:
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        self.problem(f"{key} is {value!r}", f"{key} must be a date: {key} = 2026-11-21")
        return None

    def texts(self, key: str, *, required: bool = True, repeats: bool = False) -> tuple[str, ...]:
        """A list of strings, each once, in the order written; naming one twice is a problem unless it may repeat."""
        value = self._required(key, required=required)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.problem(f"{key} is {value!r}", f"{key} must be a list of texts in quotes")
            return ()
        good = [item for item in value if isinstance(item, str) and item]
        for item in value:
            if item is False:
                self.problem(f"{key} holds false", _NORWAY)
            elif not isinstance(item, str) or not item:
                self.problem(f"{key} holds {item!r}", f"{key} must be a list of texts in quotes")
        for item in sorted({item for item in good if good.count(item) > 1 and not repeats}):
            self.problem(f"{key} names {item!r} twice", "Name it once")
        return tuple(dict.fromkeys(good))

    def country(self, key: str, known: Collection[str], *, or_unknown: bool = False, default: str = "") -> str:
        value = self.raw(key)
        if value is None:
            if not default:
                self.problem(f"{key} is missing", f'Add {key} with a country code, for example "IS"')
            return default
        if value is False:
            self.problem(f"{key} is false", _NORWAY)
            return UNKNOWN
        if not isinstance(value, str):
            self.problem(f"{key} is {value!r}", 'A country is a code of two letters in quotes, for example "IS"')
            return UNKNOWN
        self._check_code(key, value, known, or_unknown=or_unknown)
        return value

    def countries(
        self,
        key: str,
        known: Collection[str],
        *,
        or_unknown: bool = False,
        required: bool = True,
        repeats: bool = False,
    ) -> tuple[str, ...]:
        codes = self.texts(key, required=required, repeats=repeats)
        for code in codes:
            self._check_code(key, code, known, or_unknown=or_unknown)
        return codes

    def _check_code(self, key: str, code: str, known: Collection[str], *, or_unknown: bool) -> None:
        if code in known or (or_unknown and code == UNKNOWN):
            return
        hint = "Use a code of ISO 3166-1 in capital letters"
        if code.upper() in known:
            hint = f'Write "{code.upper()}"'
        elif code == "UK":
            hint = 'The United Kingdom is "GB"'
        elif code == UNKNOWN:
            hint = "A known country is needed here"
        self.problem(f"{key} names the unknown country {code!r}", hint)

    def done(self) -> None:
        """Reports every key that was not read."""
        for key in sorted(set(self._table) - self._asked):
            known = ", ".join(sorted(self._asked))
            self.problem(f"{key} is not a key of this table", f"Remove it or correct its name; known are: {known}")
