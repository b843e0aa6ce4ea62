"""The directory and the blob folder in memory, for tests of provisioning. The real ones pass the same contract."""

from __future__ import annotations

from mailhost.provision.claims import TakenElsewhere


class FakeDirectory:
    """Claims of several cells in one dictionary; `of(cell)` is the view of one cell."""

    def __init__(self) -> None:
        self.tenants: dict[str, str] = {}
        self.domains: dict[str, str] = {}

    def of(self, cell: str) -> FakeClaims:
        return FakeClaims(self, cell)


class FakeClaims:
    """The directory as one cell sees it."""

    def __init__(self, directory: FakeDirectory, cell: str) -> None:
        self._directory = directory
        self._cell = cell

    def claim_tenant(self, slug: str) -> bool:
        return self._claim(self._directory.tenants, slug)

    def release_tenant(self, slug: str) -> None:
        self._release(self._directory.tenants, slug)

    def claim_domain(self, domain: str) -> bool:
        return self._claim(self._directory.domains, domain)

    def release_domain(self, domain: str) -> None:
        self._release(self._directory.domains, domain)

    def _claim(self, names: dict[str, str], name: str) -> bool:
        fresh = name not in names
        if names.setdefault(name, self._cell) != self._cell:
            raise TakenElsewhere(f"{name} belongs to another cell")
        return fresh

    def _release(self, names: dict[str, str], name: str) -> None:
        if names.get(name) == self._cell:
            del names[name]


class FakeBlobs:
    """Blobs by name; remembers what was removed."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.removed: list[str] = []

    def read(self, name: str) -> bytes:
        if name not in self.content:
            raise FileNotFoundError(name)
        return self.content[name]

    def remove(self, name: str) -> None:
        self.content.pop(name, None)
        self.removed.append(name)
