"""The part of XML Schema that the schema of DMARC reports uses: what stands where, how often, and with which values.

In: a schema's text and a document. Out: what is wrong, a line each; nothing for a valid document. Sequences are checked
in their order, `all` groups by how often each element comes; simple types by their values and patterns. Anything else
that a schema could say is not understood and raises.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring

XS = "{http://www.w3.org/2001/XMLSchema}"
_BUILT_IN = {
    "xs:string": ".*",
    "xs:integer": r"[+-]?\d+",
    "xs:decimal": r"[+-]?(\d+(\.\d*)?|\.\d+)",
}


class Schema:
    """A schema with one kind of root element."""

    def __init__(self, text: bytes) -> None:
        root = fromstring(text)
        self._space = f"{{{root.attrib['targetNamespace']}}}"
        self._types = {one.attrib["name"]: one for one in root if "name" in one.attrib and one.tag != f"{XS}element"}
        [self._root] = [one for one in root if one.tag == f"{XS}element"]

    def problems(self, document: bytes) -> list[str]:
        """What is wrong with a document."""
        found = fromstring(document)
        name = f"{self._space}{self._root.attrib['name']}"
        return list(self._element(found, self._root)) if found.tag == name else [f"the root is {found.tag}"]

    def _element(self, found: Element, declared: Element) -> Iterator[str]:
        name = declared.attrib.get("type", "")
        kind = self._types[name] if name in self._types else declared.find(f"{XS}complexType")
        if name in _BUILT_IN:
            yield from self._text(found, [_BUILT_IN[name]])
        elif kind is None:
            raise NotImplementedError(name)
        elif kind.tag == f"{XS}simpleType":
            values = [re.escape(one.attrib["value"]) for one in kind.iter(f"{XS}enumeration")]
            yield from self._text(found, [*values, *(one.attrib["value"] for one in kind.iter(f"{XS}pattern"))])
        elif kind.find(f"{XS}simpleContent") is None:
            yield from self._children(found, next(iter(kind)))

    def _text(self, found: Element, patterns: list[str]) -> Iterator[str]:
        text = found.text or ""
        if len(found) or not any(re.fullmatch(one, text, re.DOTALL) for one in patterns):
            yield f"{self._name(found)}: {text!r}"

    def _children(self, found: Element, group: Element) -> Iterator[str]:
        if group.tag not in {f"{XS}all", f"{XS}sequence"}:
            raise NotImplementedError(group.tag)
        declared = {one.attrib["name"]: one for one in group if one.tag == f"{XS}element"}
        names = [self._name(one) for one in found]
        counts = Counter(names)
        for name, one in declared.items():
            most = one.attrib.get("maxOccurs", "1")
            if counts[name] < int(one.attrib.get("minOccurs", "1")) or (
                most != "unbounded" and counts[name] > int(most)
            ):
                yield f"{self._name(found)} has {counts[name]} times {name}"
        if group.tag == f"{XS}sequence" and names != sorted(names, key=[*declared, *names].index):
            yield f"{self._name(found)} is in the order {names}"
        for child, name in zip(found, names, strict=True):
            if name in declared:
                yield from self._element(child, declared[name])
            elif group.find(f"{XS}any") is None:
                yield f"{self._name(found)} has {name}"

    def _name(self, found: Element) -> str:
        """The element's name; with its namespace where that is another one."""
        return found.tag.removeprefix(self._space)
