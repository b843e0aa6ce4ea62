"""The DNS of the tests: records in maps, names that fail, names that are signed.

    dns = FakeDns({"example.is": [Mx(10, "mx.example.is"), Txt(b"v=spf1 mx -all")]})
    dns.fail.add("slow.example")              # every type fails
    dns.fail.add(("example.is", Txt))         # one type fails
    dns.authentic.add("example.is")           # answers carry the AD bit

Names match in any case and without their final dot. A name exists when it or something below it has records
(RFC 8020), so `NoData` and `NoSuchName` come out as a real server would say. `asked` lists every question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mailhost.mailauth.resolver import Cname, DnsAnswer, DnsFailure, Lookup, NoData, NoSuchName, Rdata, askable

MAX_ALIASES = 8


class FakeDns:
    """Implements `Resolver`."""

    def __init__(self, zone: Mapping[str, Iterable[Rdata]] | None = None) -> None:
        self.zone: dict[str, list[Rdata]] = {}
        self.fail: set[str | tuple[str, type]] = set()
        self.authentic: set[str] = set()
        self.asked: list[tuple[str, type]] = []
        for name, records in (zone or {}).items():
            self.add(name, *records)

    def add(self, name: str, *records: Rdata) -> None:
        self.zone.setdefault(_key(name), []).extend(records)

    def replace(self, name: str, *records: Rdata) -> None:
        self.zone[_key(name)] = list(records)

    async def lookup[R](self, name: str, kind: type[R]) -> Lookup[R]:
        self.asked.append((_key(name), kind))
        if not askable(name):
            return NoSuchName()
        at, authentic = _key(name), True
        for _ in range(MAX_ALIASES):
            authentic = authentic and at in self.authentic
            if at in self.fail or (at, kind) in self.fail:
                return DnsFailure("SERVFAIL")
            records = self.zone.get(at, [])
            found = tuple(record for record in records if isinstance(record, kind))
            if found:
                return DnsAnswer(found, authentic, at if at != _key(name) else "")
            alias = next((record for record in records if isinstance(record, Cname)), None)
            if alias is None:
                return NoData(authentic) if self._exists(at) else NoSuchName(authentic)
            at = _key(alias.target)
        return DnsFailure("alias loop")

    def _exists(self, key: str) -> bool:
        return key in self.zone or any(name.endswith("." + key) for name in self.zone)


def _key(name: str) -> str:
    return name.lower().removesuffix(".")
