"""Signing what leaves: the author's domain, its own tenant, both algorithms, and nobody else's name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from mailhost.mailauth import dkim
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim_key import Algorithm, key_record, new_key
from mailhost.mailauth.dkim_signing import SigningKey
from mailhost.mailauth.resolver import Txt
from mailhost.outbox import Forward, Outgoing
from mailhost.ports import Account, Allowance, Counting, Tallied
from mailhost.signing import LARGE, SigningQueue
from tests.fakedns import FakeDns

NOW = datetime(2027, 3, 14, 15, 9, 26, tzinfo=UTC)
KEYS = {algorithm: new_key(algorithm) for algorithm in Algorithm}


class MemoryKeys:
    """`SigningKeys` in a dictionary: (tenant, domain) -> keys."""

    def __init__(self, *hosted: tuple[int, str]) -> None:
        self.keys = {
            (tenant, domain): [SigningKey(domain, f"s{index}", key) for index, key in enumerate(KEYS.values(), 1)]
            for tenant, domain in hosted
        }

    async def signing(self, tenant_id: int, domain: str) -> Sequence[SigningKey]:
        return self.keys.get((tenant_id, domain), ())


class Put:
    """`Queue` that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Outgoing] = []

    async def put(self, message: Outgoing, *, now: datetime) -> None:
        self.got.append(message)

    async def put_counted(self, message: Outgoing, counting: Counting, *, now: datetime) -> Tallied:
        self.got.append(message)
        return Tallied.TOO_MANY


async def signed(content: bytes, *, sender: str = "ada@example.is", tenant: int = 7) -> bytes:
    queue = Put()
    message = Outgoing("0" * 32, tenant, 1, sender, (Forward("cleo@other.test", "other.test"),), content)
    await SigningQueue(queue, MemoryKeys((7, "example.is"))).put(message, now=NOW)
    [put] = queue.got
    assert put.content.endswith(content)
    return put.content.removesuffix(content)


def mail(author: str = "Ada <ada@example.is>", body: bytes = b"High at noon.\r\n") -> bytes:
    return f"From: {author}\r\nTo: cleo@other.test\r\nSubject: Tides\r\n\r\n".encode() + body


async def test_what_is_counted_on_its_way_is_signed_as_well() -> None:
    queue = Put()
    message = Outgoing("0" * 32, 7, 1, "ada@example.is", (Forward("cleo@other.test", "other.test"),), mail())
    counting = Counting(Account(1, 7, "ada@example.is", 1), [b"c" * 16], Allowance(), NOW.date())
    found = await SigningQueue(queue, MemoryKeys((7, "example.is"))).put_counted(message, counting, now=NOW)
    assert found is Tallied.TOO_MANY
    assert queue.got[0].content.startswith(b"DKIM-Signature:")


@pytest.mark.parametrize("body", [b"High at noon.\r\n", b"High at noon.\r\n" * (LARGE // 10)])
async def test_both_algorithms_sign_and_verify(body: bytes) -> None:
    content = mail(body=body)
    fields = await signed(content)
    assert fields.count(b"DKIM-Signature:") == 2
    dns = FakeDns(
        {f"s{n}._domainkey.example.is": [Txt(key_record(k).encode())] for n, k in enumerate(KEYS.values(), 1)}
    )
    results = await dkim.verify(Parts(fields + content), dns, now=NOW)
    assert [(one.status, one.domain) for one in results] == [(dkim.DkimStatus.PASS, "example.is")] * 2
    forged = fields + b"Subject: Other\r\n" + content
    assert all(one.status is dkim.DkimStatus.FAIL for one in await dkim.verify(Parts(forged), dns, now=NOW))


@pytest.mark.parametrize("author", ["ada@other.test", "nobody", "", "ada@sub.example.is"])
async def test_what_a_domain_here_passes_on_is_signed_by_that_domain_or_not_at_all(author: str) -> None:
    fields = await signed(mail(author))
    assert (b"d=example.is" in fields) == ("@" in author)


async def test_nobody_signs_for_another_tenants_domain() -> None:
    assert await signed(mail(), tenant=8) == b""


async def test_a_receipt_is_signed_for_its_author_and_a_stranger_is_not() -> None:
    assert b"d=example.is" in await signed(mail(), sender="")
    assert await signed(mail("cleo@other.test"), sender="") == b""
    assert await signed(b"Subject: no author\r\n\r\n") == b""
