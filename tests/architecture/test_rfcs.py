"""`docs/rfcs.md` says which RFCs this program follows, how far and where; the code cites them on the branch.

The table and the citations are two views of one fact, so neither may know an RFC the other does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from mailhost.imap import capabilities
from tests.architecture import house

TABLE = house.ROOT / "docs" / "rfcs.md"
# yes: what concerns a mail host of this kind; part: the title's remark says what; notation: a definition or format
# is used, no more; not yet: meant, nothing of it is there; no: read, and left out on purpose.
STATUSES = {"yes", "part", "notation", "not yet", "no"}
# Capability of the IMAP server -> the RFC that defines it. What is not announced cannot be done whole.
CAPABILITIES = {
    "LITERAL+": 7888, "SASL-IR": 4959, "ENABLE": 5161, "ID": 2971, "UIDPLUS": 4315, "MOVE": 6851, "SPECIAL-USE": 6154,
    "CONDSTORE": 7162, "QRESYNC": 7162, "APPENDLIMIT": 7889, "COMPRESS=DEFLATE": 4978, "ESEARCH": 4731,
    "SEARCHRES": 5182, "LIST-EXTENDED": 5258, "LIST-STATUS": 5819, "STATUS=SIZE": 8438, "QUOTA": 9208, "BINARY": 3516,
    "MULTIAPPEND": 3502, "OBJECTID": 8474, "UTF8=ACCEPT": 6855, "SAVEDATE": 8514, "WITHIN": 5032, "REPLACE": 8508,
    "PREVIEW": 8970, "UIDONLY": 9586, "METADATA": 5464, "NOTIFY": 5465, "SORT": 5256, "IMAP4rev2": 9051,
}  # fmt: skip
CITATION = re.compile(r"\bRFC (\d{3,5})\b")
PATH = re.compile(r"`([\w/]+\.py)`")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    number: int
    title: str
    status: str
    where: tuple[str, ...]


@cache
def _table() -> tuple[Row, ...]:
    rows = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0].isdigit():
            assert len(cells) == 4, f"four columns are RFC, title, status, where: {line}"
            rows.append(Row(int(cells[0]), cells[1], cells[2], tuple(PATH.findall(cells[3]))))
    return tuple(rows)


@cache
def _cited() -> dict[int, set[str]]:
    """The files that cite each RFC."""
    found: dict[int, set[str]] = {}
    for module in house.modules():
        for number in CITATION.findall(module.source):
            found.setdefault(int(number), set()).add(module.where)
    return found


def test_every_cited_rfc_stands_in_the_table() -> None:
    known = {row.number for row in _table()}
    missing = {number: sorted(files) for number, files in _cited().items() if number not in known}
    assert not missing, "add these to docs/rfcs.md: " + "; ".join(
        f"RFC {number} ({', '.join(files)})" for number, files in sorted(missing.items())
    )


def test_every_module_in_the_table_exists_and_cites_its_rfc() -> None:
    cited = _cited()
    wrong = [
        f"RFC {row.number}: {path} {'does not cite it' if (house.ROOT / path).is_file() else 'does not exist'}"
        for row in _table()
        for path in row.where
        if path not in cited.get(row.number, set())
    ]
    assert not wrong, "\n".join(wrong)


def test_a_status_is_one_of_five_and_says_where_only_for_what_is_there() -> None:
    for row in _table():
        assert row.status in STATUSES, f"RFC {row.number}: {row.status!r} is none of {sorted(STATUSES)}"
        assert row.title, f"RFC {row.number} has no title"
        assert bool(row.where) == (row.status in {"yes", "part", "notation"}), f"RFC {row.number}: {row.status}, where?"


def test_the_table_is_in_order_and_has_each_rfc_once() -> None:
    numbers = [row.number for row in _table()]
    assert numbers == sorted(set(numbers))
    assert numbers


def test_citations_are_written_the_same_way() -> None:
    # "RFC9051" or "rfc 9051" would escape the search. RFC822 is IMAP's own word.
    sloppy = re.compile(r"\b(?:RFC\d{4,5}|[Rr]fc ?\d{4,5})\b")
    found = [f"{module.where}: {match}" for module in house.product() for match in sloppy.findall(module.source)]
    assert not found, "\n".join(found)


def test_an_imap_extension_is_whole_only_when_the_server_announces_it() -> None:
    announced = {row.name for row in capabilities.TABLE}
    status = {row.number: row.status for row in _table()}
    boastful = [name for name, number in CAPABILITIES.items() if status.get(number) == "yes" and name not in announced]
    modest = [name for name, number in CAPABILITIES.items() if status.get(number) == "not yet" and name in announced]
    assert not boastful, f"docs/rfcs.md says yes, the server does not announce {boastful}"
    assert not modest, f"docs/rfcs.md says not yet, the server announces {modest}"
