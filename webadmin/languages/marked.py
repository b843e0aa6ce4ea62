"""Texts that are marked to be translated, collected from templates and modules without GNU gettext.

In: the folders of this program. Out: `Marked` texts, each once, in the order of their files. Templates are read as
Django reads them (`templatize`); modules by their syntax trees, so that nothing is run. Packages without Django mark
nothing: of the modules in `SPOKEN` every sentence is taken, and what is put into it gets its name from the code,
`{country} is allowed …`. `languages.spoken` finds the translation of such a sentence by its shape.

What is computed (`_(text)`) cannot be seen here: the text itself has to be marked where it is written.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.utils.translation.template import templatize

ROOT: Final = Path(__file__).resolve().parents[2]
# Modules whose sentences pages show and that mark nothing themselves.
SPOKEN: Final = (
    "jurisdiction/explain.py",
    "jurisdiction/homing.py",
    "jurisdiction/note.py",
    "jurisdiction/policy.py",
    "jurisdiction/presets.py",
    "jurisdiction/records/operators.py",
    "jurisdiction/sentences.py",
    "mailhost/adapters/egress.py",
    "mailhost/domaindns/dnscheck.py",
    "mailhost/message/fates.py",
    "mailhost/message/forwardletter.py",
    "mailhost/message/linkletters.py",
    "mailhost/outbound/notices.py",
    "mailhost/provision/activating.py",
    "mailhost/provision/agreements.py",
    "mailhost/provision/aliases.py",
    "mailhost/provision/apppasswords.py",
    "mailhost/provision/consents.py",
    "mailhost/provision/dnsletters.py",
    "mailhost/provision/domains.py",
    "mailhost/provision/founding.py",
    "mailhost/provision/leaving.py",
    "mailhost/provision/mailboxes.py",
    "mailhost/provision/names.py",
    "mailhost/provision/passwords.py",
    "mailhost/provision/securelinks.py",
    "mailhost/provision/sending.py",
    "mailhost/provision/tenants.py",
    "mailhost/provision/wishes.py",
    "mailhost/rules/away.py",
    "mailhost/rules/rule.py",
    "mailhost/seal/password.py",
    "mailhost/outbound/transport.py",
    "webadmin/accounts/owners.py",
    "webadmin/api/tokens.py",
)
# Names that stand in sentences, out of the data: file or folder, table, and the field that is one ("" for a table of
# names).
NAMES: Final = (
    ("jurisdiction/data/countries.toml", "country", ""),
    ("jurisdiction/data/blocs.toml", "bloc", "name"),
    ("jurisdiction/data/blocs.toml", "bloc", "sentence"),
    ("jurisdiction/data/keys.toml", "key", "sentence"),
    ("jurisdiction/data/facts", "fact", "value"),
    ("jurisdiction/data/facts", "fact", "note"),
    ("jurisdiction/data/events.toml", "event", "title"),
    ("jurisdiction/data/events.toml", "event", "note"),
)
# States of facts are said by sentences of their own, and ids (FVEY) by the names that they are of.
_STATES: Final = frozenset({"yes", "no", "unknown"})
_ID: Final = re.compile(r"[A-Z0-9]+")
# The context of names: a country may be called like something else.
NAME: Final = "name"
# A function that marks -> what its first arguments are.
_MARKS: Final = {
    "_": ("text",),
    "gettext": ("text",),
    "gettext_lazy": ("text",),
    "gettext_noop": ("text",),
    "ngettext": ("text", "plural"),
    "ngettext_lazy": ("text", "plural"),
    "pgettext": ("context", "text"),
    "pgettext_lazy": ("context", "text"),
    "npgettext": ("context", "text", "plural"),
}
_MARKING: Final = re.compile(rf"\b(?:{'|'.join(_MARKS)})\(")
_STRING: Final = r"""u?((?:"(?:[^"\\]|\\.)*")|(?:'(?:[^'\\]|\\.)*'))"""
_CALL: Final = re.compile(rf"\b(_|n?p?gettext)\(\s*{_STRING}(?:\s*,\s*{_STRING})?(?:\s*,\s*{_STRING})?")
_WORD: Final = re.compile(r"(?<![\w.=+-])[A-Za-z’'-]{2,}(?![\w=])")
# A sentence has at least so many words beside what is put into it; less is a format or a key.
_WORDS: Final = 2
_CODE: Final = re.compile(r"[\\<>^$\n]|\bFROM\b")


@dataclass(frozen=True, slots=True)
class Marked:
    """One text. `plural` and `context` are empty where there are none."""

    text: str
    plural: str = ""
    context: str = ""


def everything(root: Path = ROOT) -> list[Marked]:
    """All marked texts of the program, each once."""
    found: dict[Marked, None] = {}
    pages = root / "webadmin"
    for path in sorted(pages.rglob("*")):
        if "frontend" in path.parts or not path.is_file():
            continue
        if path.suffix == ".py":
            found |= dict.fromkeys(in_module(path.read_text(encoding="utf-8")))
        elif "templates" in path.parts and path.suffix in {".html", ".txt", ".svg"}:
            found |= dict.fromkeys(in_template(path.read_text(encoding="utf-8")))
    for name in SPOKEN:
        found |= dict.fromkeys(Marked(text) for text in sentences((root / name).read_text(encoding="utf-8")))
    found |= dict.fromkeys(Marked(text, context=NAME) for text in names(root))
    return list(found)


def names(root: Path = ROOT) -> Iterator[str]:
    """Names and short sentences out of the data, as often as they stand there."""
    for name, table, field in NAMES:
        place = root / name
        for path in sorted(place.glob("*.toml")) if place.is_dir() else [place]:
            rows = tomllib.loads(path.read_text(encoding="utf-8"))[table]
            for one in rows.values() if isinstance(rows, dict) else rows:
                text = one.get(field, "") if field else one
                if text and text not in _STATES and not _ID.fullmatch(text):
                    yield text


def in_template(source: str) -> Iterator[Marked]:
    """The marked texts of a template."""
    for call in _CALL.finditer(templatize(source)):
        yield _marked(call[1], [str(ast.literal_eval(one)) for one in call.groups()[1:] if one])


def in_module(source: str) -> Iterator[Marked]:
    """The texts that a module gives to one of gettext's functions."""
    if not _MARKING.search(source):
        return
    for node in _in_order(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MARKS:
            wanted = node.args[: len(_MARKS[node.func.id])]
            words = [one.value for one in wanted if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if words and len(words) == len(wanted):
                yield _marked(node.func.id, words)


def sentences(source: str) -> Iterator[str]:
    """What a module says in sentences: its strings of several words, without docstrings and annotations."""
    tree = ast.parse(source)
    silent: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            silent.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            silent |= set(node.values)
    for node in _in_order(tree):
        if node in silent:
            continue
        text = shape(node)
        if len(_WORD.findall(re.sub(r"\{\w*\}", "", text))) >= _WORDS and not _CODE.search(text):
            yield text


def shape(node: ast.AST) -> str:
    """A string or f-string with the names of what is put into it; "" for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts: list[str] = []
    names: list[str] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            name = (re.findall(r"[A-Za-z]\w*", ast.unparse(part.value)) or ["value"])[-1].lower()
            # The same name twice is two things: they are told apart by a number.
            names.append(name)
            number = names.count(name)
            parts.append("{" + (name if number == 1 else f"{name}{number}") + "}")
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value))
    return "".join(parts)


def _marked(function: str, words: list[str]) -> Marked:
    return Marked(**dict(zip(_MARKS[function], words, strict=False)))


def _in_order(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, in the order of the source."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))
