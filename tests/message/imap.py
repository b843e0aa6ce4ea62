"""A small reader of IMAP's parenthesised lists, as strict as RFC 9051 §9, for tests only."""

import re

type Node = bytes | int | list["Node"] | None

_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*+)"')
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_ATOM = re.compile(rb"NIL|\d+")


def parse(data: bytes) -> Node:
    """The one value that `data` is, to its last byte."""
    node, at = _parse(data, 0)
    assert at == len(data), data[at:]
    return node


def _parse(data: bytes, at: int) -> tuple[Node, int]:
    if data[at : at + 1] == b"(":
        out: list[Node] = []
        at += 1
        while data[at : at + 1] != b")":
            # Bodies and addresses follow each other without a space; everything else is divided by one.
            if out and data[at : at + 1] == b" ":
                at += 1
            elif out:
                assert isinstance(out[-1], list)
                assert data[at : at + 1] == b"("
            node, at = _parse(data, at)
            out.append(node)
        return out, at + 1
    if quoted := _QUOTED.match(data, at):
        return re.sub(rb"\\(.)", rb"\1", quoted[1]), quoted.end()
    if literal := _LITERAL.match(data, at):
        end = literal.end() + int(literal[1])
        assert end <= len(data)
        return data[literal.end() : end], end
    atom = _ATOM.match(data, at)
    assert atom, data[at:]
    return (None if atom[0] == b"NIL" else int(atom[0])), atom.end()


def check_envelope(node: Node) -> None:
    """RFC 9051 §9 `envelope`."""
    assert isinstance(node, list)
    assert len(node) == 10
    for place in (0, 1, 8, 9):
        assert node[place] is None or isinstance(node[place], bytes)
    for addresses in node[2:8]:
        if addresses is None:
            continue
        assert isinstance(addresses, list)
        assert addresses
        inside = False
        for address in addresses:
            assert isinstance(address, list)
            assert len(address) == 4
            assert all(field is None or isinstance(field, bytes) for field in address)
            if address[3] is None:
                # a group begins, or ends
                assert (address[2] is None) is inside
                inside = not inside
        assert not inside


def check_body(node: Node, *, extended: bool) -> None:
    """RFC 9051 §9 `body`."""
    assert isinstance(node, list)
    if isinstance(node[0], list):
        parts = [part for part in node if isinstance(part, list)][
            : next(n for n, x in enumerate(node) if isinstance(x, bytes))
        ]
        for part in parts:
            check_body(part, extended=extended)
        rest = node[len(parts) :]
        assert isinstance(rest[0], bytes)
        assert len(rest) == (5 if extended else 1)
        if extended:
            check_parameters(rest[1])
            check_extension(rest[2:])
        return
    kind, subtype, parameters, content_id, description, encoding, size, *rest = node
    assert isinstance(kind, bytes)
    assert isinstance(subtype, bytes)
    assert isinstance(encoding, bytes)
    assert isinstance(size, int)
    check_parameters(parameters)
    assert all(field is None or isinstance(field, bytes) for field in (content_id, description))
    if kind == b"TEXT":
        assert isinstance(rest.pop(0), int)
    elif kind == b"MESSAGE" and subtype in {b"RFC822", b"GLOBAL"} and rest and isinstance(rest[0], list):
        check_envelope(rest.pop(0))
        check_body(rest.pop(0), extended=extended)
        assert isinstance(rest.pop(0), int)
    assert len(rest) == (4 if extended else 0)
    if extended:
        assert rest[0] is None or isinstance(rest[0], bytes)
        check_extension(rest[1:])


def check_parameters(node: Node) -> None:
    """RFC 9051 §9 `body-fld-param`."""
    if node is not None:
        assert isinstance(node, list)
        assert node
        assert len(node) % 2 == 0
        assert all(isinstance(text, bytes) for text in node)


def check_extension(nodes: list[Node]) -> None:
    """RFC 9051 §9: disposition, language, location."""
    disposition, language, location = nodes
    if disposition is not None:
        assert isinstance(disposition, list)
        assert len(disposition) == 2
        assert isinstance(disposition[0], bytes)
        check_parameters(disposition[1])
    assert language is None or isinstance(language, bytes) or (isinstance(language, list) and language)
    assert location is None or isinstance(location, bytes)
