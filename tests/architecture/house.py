"""The house as text: its files, modules, functions and imports, read once for all tests in this folder.

Nothing is imported or run; a module is its syntax tree. Folders that `.gitignore` names are not of the project.
"""

from __future__ import annotations

import ast
import fnmatch
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is installed; everything else in the tree is for developers.
PRODUCT = ("webadmin", "mailhost", "jurisdiction", "directory")

# The parts that compute and nothing else: no database, no socket, no clock, no Django.
PURE = (
    "mailhost.message",
    "mailhost.seal",
    "mailhost.mailauth",
    "mailhost.tlspolicy",
    "mailhost.domaindns.dnsrecords",
    "mailhost.domaindns.dnscheck",
    "mailhost.limits",
    "mailhost.rules",
    "mailhost.outcomes",
    "mailhost.ports",
    "jurisdiction",
)
# Use-cases and protocol edges: they speak to ports and sockets they are given, and know no Django either.
DJANGO_FREE = (
    *PURE,
    "mailhost.imap",
    "mailhost.smtp",
    "mailhost.bridge",
    "mailhost.routing",
    "mailhost.receive",
    "mailhost.deliver",
    "mailhost.wishes.answering",
    "mailhost.wishes.filing",
    "mailhost.wishes.forwarding",
    "mailhost.wishes.returns",
    "mailhost.outbound.stayed",
    "mailhost.submit",
    "mailhost.dispatch",
    "mailhost.importing",
)
# Where Django may stand inside `jurisdiction`.
JURISDICTION_WITH_DJANGO = (
    "jurisdiction.models",
    "jurisdiction.records",
    "jurisdiction.tasks",
    "jurisdiction.migrations",
    "jurisdiction.apps",
)


@dataclass(frozen=True)
class Module:
    """One Python file: dotted name, path from the root, text. What is long to find out is found out once."""

    name: str
    path: Path
    where: str

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def lines(self) -> int:
        return self.source.count("\n")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, str(self.path))


@dataclass(frozen=True)
class Function:
    """A function or method, by its name inside the module (`Writer.place`)."""

    module: Module
    name: str
    lines: int


def _ignored() -> re.Pattern[str]:
    """What names and paths from the root look like that are not of the project."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip().rstrip("/") for line in lines if line.strip()]
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in [*patterns, ".git"]))


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project."""
    return tuple(Path(name) for name in _files(str(ROOT), _ignored()))


def _files(folder: str, ignored: re.Pattern[str]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if ignored.match(entry.name) or ignored.match(entry.path.removeprefix(f"{ROOT}/")):
            continue
        if entry.is_dir():
            yield from _files(entry.path, ignored)
        elif entry.is_file():
            yield entry.path


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the project that a person wrote."""
    return tuple(read(path) for path in files() if path.suffix == ".py" and "migrations" not in path.parts)


@cache
def read(path: Path) -> Module:
    """One file as a module."""
    relative = path.relative_to(ROOT)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, str(relative))


def product() -> Iterator[Module]:
    """The modules that are installed."""
    return (module for module in modules() if is_within(module.name, PRODUCT))


def is_within(name: str, parents: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of `parents` or lies below one."""
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


def within(*parents: str, without: tuple[str, ...] = ()) -> Iterator[Module]:
    """The modules below `parents` that are not below `without`."""
    return (module for module in product() if is_within(module.name, parents) and not is_within(module.name, without))


def functions(module: Module) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    yield from _functions(module, module.tree, "")


def _functions(module: Module, node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            name = prefix + child.name
            yield Function(module, name, (child.end_lineno or child.lineno) - child.lineno + 1)
            yield from _functions(module, child, name + ".")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(module, child, prefix + child.name + ".")
        elif not isinstance(child, ast.expr):  # where nothing of a name can be defined
            yield from _functions(module, child, prefix)


@cache
def symbols(module: Module) -> frozenset[str]:
    """Names a reader can be sent to: functions, classes, methods, and constants of modules and classes."""
    return frozenset(_symbols(module.tree, ""))


def _symbols(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for child in node.body:
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + child.name
            case ast.ClassDef():
                yield prefix + child.name
                yield from _symbols(child, prefix + child.name + ".")
            case ast.Assign():
                yield from (prefix + target.id for target in child.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name


@cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """The tree's nodes as `ast.walk` gives them, which ten tests go through and one would take a second for."""
    found = [tree]
    for node in found:
        for value in vars(node).values():
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [one for one in value if isinstance(one, ast.AST)]
    return tuple(found)


@cache
def imports(tree: ast.AST) -> tuple[tuple[str, int], ...]:
    """Absolute dotted names a module imports, anywhere in it, with their lines; `import_module("x")` too."""
    return tuple(_imports(tree))


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in nodes(tree):
        match node:
            case ast.Import():
                yield from ((alias.name, node.lineno) for alias in node.names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name, node.lineno
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name, node.lineno
