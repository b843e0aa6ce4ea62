"""When the law's answer is no: readable mail for a Five Eyes host never leaves, and its author knows why and what to do.

Two hosts on loopback stand for the world: one that the operator declares to be in Germany and in American hands, one
in Germany and in German hands. The tenant's policy holds, with its authors' consent, then it refuses. What stays here
behind a link is the journey of `test_secure_link`.
"""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest

from tests.journeys.house import House, prepared
from tests.journeys.otherhost import OtherHost, other_host
from tests.journeys.test_kill import _unverified
from tests.journeys.test_sending import mail, populated, submit, texts, wait_for_an_empty_queue, wait_for_texts

pytestmark = [pytest.mark.journey, pytest.mark.slow]

AMERICAN, GERMAN = "127.0.0.2", "127.0.0.3"
HOLDING = """
allow = ["IS"]
backup_allow = ["IS"]
operator_allow = ["IS"]
egress_plain_deny_blocs = ["FVEY"]
egress_rule = "hold"
consent = true
"""
REFUSING = """
allow = ["IS"]
backup_allow = ["IS"]
operator_allow = ["IS"]
egress_plain_deny_blocs = ["FVEY"]
egress_rule = "refuse"
"""
SEALED = b"""From: ada@example.is\r
To: cleo@other.test\r
Subject: ...\r
MIME-Version: 1.0\r
Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\r
\r
--b\r
Content-Type: application/pgp-encrypted\r
\r
Version: 1\r
--b\r
Content-Type: application/octet-stream\r
\r
-----BEGIN PGP MESSAGE-----\r
\r
aGlnaCBhdCBub29u\r
-----END PGP MESSAGE-----\r
--b--\r
"""


def towards(cell: House, host: str, other: OtherHost) -> None:
    """Start the cell, again if it runs, with all mail for elsewhere going to this host, which stands for the others."""
    cell.stop()
    laboratory = {"SKERRY_SMARTHOST": f"{host}:{other.port}", "SKERRY_PRIVATE_TARGETS": "true"}
    cell.settings = {**cell.settings, **laboratory}
    cell.start()


def send_raw(cell: House, password: str, content: bytes, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", cell.ports["SUBMISSION"], timeout=60) as client:
        client.starttls(context=_unverified())
        client.login("ada@example.is", password)
        client.sendmail("ada@example.is", [to], content)


def test_readable_mail_for_a_five_eyes_host_never_leaves_and_its_author_knows_what_to_do(tmp_path: Path) -> None:
    places = f"{AMERICAN}/32=DE/US,{GERMAN}/32=DE"
    with (
        other_host(address=AMERICAN) as american,
        other_host(address=GERMAN) as german,
        prepared(SKERRY_PLACES=places) as cell,
    ):
        ada, _ben = populated(cell)
        rules = tmp_path / "policy.toml"
        rules.write_text(HOLDING)
        cell.skerry("policy", "set", "example", "--file", str(rules), "--yes")
        towards(cell, AMERICAN, american)

        submit(cell, ada, mail("Charts"), "cleo@other.test", "blind@other.test")
        [notice] = wait_for_texts(cell, "ada@example.is", ada, 1)
        said = b" ".join(notice.split())
        for expected in (
            b"Final-Recipient: rfc822; cleo@other.test",
            b"Final-Recipient: rfc822; blind@other.test",
            b"Status: 5.7.1",
            b"belongs to somebody from, the Five Eyes",
            b"in the folder Held",
            b"Seal it for its reader",
            b"ask your administrator",
            b"[consent] as the first word of its subject",
            b"[link] as the first word of its subject",
            b"on record as decision ",
        ):
            assert expected in said, expected
        assert b"High at noon" not in notice
        [copy] = texts(cell, "ada@example.is", ada, "Held")
        assert b"High at noon" in copy
        wait_for_an_empty_queue(cell)
        assert american.connections == 0, "not even a greeting went there"

        # A receipt, which a mail program sends by itself and from nobody, is mail like any other.
        submit(cell, ada, mail("Read: Charts"), "cleo@other.test", sender="")
        # What only its reader can open may go.
        send_raw(cell, ada, SEALED, "cleo@other.test")
        american.wait_for(1)
        assert b"BEGIN PGP MESSAGE" in american.arrived[0].content

        # Its author may agree, since this policy leaves that to him; only this once, and nobody elsewhere sees it.
        send_raw(cell, ada, copy.replace(b"Subject: Charts", b"Subject: [consent] Charts"), "cleo@other.test")
        american.wait_for(2)
        agreed = american.arrived[1].content
        assert b"\r\nSubject: Charts\r\n" in agreed
        assert b"consent" not in agreed
        assert b"skerry-held" not in agreed.lower()

        # A policy that refuses gives nothing back but the reason.
        rules.write_text(REFUSING)
        cell.skerry("policy", "set", "example", "--file", str(rules), "--yes")
        submit(cell, ada, mail("Soundings"), "cleo@other.test")
        refusal = wait_for_texts(cell, "ada@example.is", ada, 2)[-1]
        assert b"does not let readable mail go" in b" ".join(refusal.split())
        assert b"High at noon" not in refusal
        assert len(texts(cell, "ada@example.is", ada, "Held")) == 2
        wait_for_an_empty_queue(cell)
        assert [b"High at noon" in one.content for one in american.arrived] == [False, True]

        # Sent again from the folder it is asked about anew: to a host in other hands it goes, without a trace.
        towards(cell, GERMAN, german)
        send_raw(cell, ada, copy, "cleo@other.test")
        german.wait_for(1)
        assert b"High at noon" in german.arrived[0].content
        assert b"skerry-held" not in german.arrived[0].content.lower()
