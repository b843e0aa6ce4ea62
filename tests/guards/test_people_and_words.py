"""Round the rules about people and words: operators from elsewhere, addresses in logs and figures, calls outwards."""

from __future__ import annotations

import ast
import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from jurisdiction.ledger.entries import OperatorSession as SessionEntry
from jurisdiction.ledger.entries import decode
from jurisdiction.models import DecisionRecord, LedgerEntry, OperatorAct, OperatorSession
from jurisdiction.presets import from_preset
from jurisdiction.questions import Operator, Verdict
from jurisdiction.records import operators, policies
from tests.architecture import house as architecture
from tests.notaries import atlas
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from webadmin import logs

NOW, IS1 = house.NOW, house.NOTARY
HOUR = timedelta(hours=1)


@pytest.fixture
def cell(db: None) -> None:
    house.found(FakeDirectory().of("is-1"))


def session(country: str = "IS", *, tenant: str = "", reason: str = "complaint 4711") -> OperatorSession:
    return operators.open_session("ab" * 16, "mo", country, reason, IS1, NOW, lasts=HOUR, tenant=tenant)


@pytest.mark.guards(9)
@pytest.mark.usefixtures("cell")
class TestOperators:
    """Mo works at the command line."""

    def test_what_is_allowed_is_done_and_shown_to_the_tenant(self) -> None:
        operators.act(session(), "harbour", "tenant suspend", IS1, NOW)
        [shown] = operators.acts("harbour")
        assert (shown.act, shown.operator, shown.country, shown.reason, shown.refused) == (
            "tenant suspend", "mo", "IS", "complaint 4711", "",
        )  # fmt: skip
        assert operators.acts("fjord") == []

    def test_from_a_country_the_tenant_does_not_allow_nothing_is_done(self) -> None:
        elsewhere = session("US")
        with pytest.raises(operators.Refused, match="may not sign in from this country"):
            operators.act(elsewhere, "harbour", "tenant show", IS1, NOW)
        assert [act.refused for act in operators.acts("harbour")] == ["OPERATOR_LOC_DENIED"]
        assert DecisionRecord.objects.filter(point=9, tenant="harbour", verdict="deny").exists()

    def test_a_session_for_one_tenant_is_not_even_opened_from_there(self) -> None:
        with pytest.raises(operators.Refused, match="may not sign in"):
            session("US", tenant="harbour")

    def test_each_tenant_is_asked_whatever_another_allows(self) -> None:
        policies.adopt("fjord", from_preset("outside-five-eyes", atlas(), NOW.date()), IS1, NOW)
        norway = session("NO")
        operators.act(norway, "fjord", "tenant show", IS1, NOW)
        with pytest.raises(operators.Refused):
            operators.act(norway, "harbour", "tenant show", IS1, NOW)

    @pytest.mark.parametrize("reason", ["", "  ", "x", "x" * 201, "two\nlines\x00"])
    def test_without_a_reason_there_is_no_session(self, reason: str) -> None:
        with pytest.raises(operators.Refused, match="reason"):
            session(reason=reason)

    @pytest.mark.parametrize("country", ["", "??", "UK", "is", "XX"])
    def test_from_nowhere_there_is_no_session(self, country: str) -> None:
        with pytest.raises(operators.Refused, match="no country code"):
            session(country)

    @pytest.mark.parametrize("later", [HOUR, HOUR * 100, -HOUR])
    def test_outside_its_time_a_session_does_nothing(self, later: timedelta) -> None:
        with pytest.raises(operators.Refused, match="has ended"):
            operators.act(session(), "harbour", "tenant show", IS1, NOW + later)

    def test_no_session_is_longer_than_a_day_of_work(self) -> None:
        for lasts in (operators.LONGEST + HOUR, timedelta(0), -HOUR):
            with pytest.raises(operators.Refused, match="at most 12 hours"):
                operators.open_session("cd" * 16, "mo", "IS", "complaint 1", IS1, NOW, lasts=lasts)

    def test_a_closed_session_and_one_for_another_tenant_do_nothing(self) -> None:
        one = session(tenant="fjord")
        with pytest.raises(operators.Refused, match="for another tenant"):
            operators.act(one, "harbour", "tenant show", IS1, NOW)
        operators.close(one.public_id, NOW)
        one.refresh_from_db()
        with pytest.raises(operators.Refused, match="has ended"):
            operators.act(one, "fjord", "tenant show", IS1, NOW)

    def test_what_cannot_be_undone_needs_a_second_person_and_not_the_same_twice(self) -> None:
        one = session()
        with pytest.raises(operators.Refused, match="second person"):
            operators.act(one, "harbour", "tenant delete", IS1, NOW, dangerous=True)
        with pytest.raises(operators.Refused, match="second person has to agree"):
            operators.approve(one.public_id, "mo", IS1, NOW)
        agreed = operators.approve(one.public_id[:8], "ada", IS1, NOW)
        operators.act(agreed, "harbour", "tenant delete", IS1, NOW, dangerous=True)
        assert [act.refused for act in operators.acts("harbour")] == ["", operators.SECOND_PERSON]
        assert operators.acts("harbour")[0].second == "ada"

    def test_nobody_agrees_after_the_end_or_to_a_guess(self) -> None:
        one = session()
        with pytest.raises(operators.Refused, match="has ended"):
            operators.approve(one.public_id, "ada", IS1, NOW + 2 * HOUR)
        for guess in ("", "ab", "ffffffff"):
            with pytest.raises(operators.Refused, match="no such session"):
                operators.approve(guess, "ada", IS1, NOW)

    def test_content_is_denied_from_everywhere_for_any_reason(self) -> None:
        policy = policies.in_force("harbour", IS1.key.verify_key)
        for country in ("IS", "US", "??"):
            decision = IS1.decide(Operator(country, ticket=True, wants="content"), policy, NOW)
            assert (decision.verdict, decision.because) == (Verdict.DENY, ("OPERATOR_CONTENT_NEVER",))

    def test_the_ledger_has_the_session_and_nobodys_name(self) -> None:
        one = operators.approve(session(tenant="harbour").public_id, "ada", IS1, NOW)
        rows = [decode(bytes(row.leaf)) for row in LedgerEntry.objects.filter(kind="operator")]
        assert [entry.second != "" for entry in rows if isinstance(entry, SessionEntry)] == [False, True]
        leaves = b"".join(bytes(row.leaf) for row in LedgerEntry.objects.all())
        for name in (b"mo", b"ada", b"4711", b"harbour"):
            assert b'"' + name + b'"' not in leaves
        assert one.public_id.encode() in leaves

    def test_an_act_cannot_be_hidden_by_deleting_its_session(self) -> None:
        one = session()
        operators.act(one, "harbour", "tenant show", IS1, NOW)
        with pytest.raises(Exception, match="protected"):
            one.delete()
        assert OperatorAct.objects.exists()


SECRETS = ("ada@example.is", "192.0.2.7", "2001:db8::7", "Subject: harbour map", "<id-1@example.is>")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure("json", "debug", stream)
    yield stream
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.mark.guards(11)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_way_of_logging_lets_it_through(written: io.StringIO, secret: str) -> None:
    ours, foreign = logging.getLogger("mailhost.guard"), logging.getLogger("library")
    ours.error("a line with %s in it", secret)
    ours.error(f"a sentence with {secret} inside")  # what must not be done, done
    ours.error("a key", extra={"reason": secret, "peer": secret})
    foreign.error("the library says %r", secret)
    structlog.get_logger("mailhost.guard").error("structured", count=secret, rcpt=secret)
    try:
        int(secret)
    except ValueError:
        ours.exception("it broke")
        foreign.exception("it broke there")
    assert written.getvalue().count("\n") >= 7
    assert secret not in written.getvalue()
    assert secret.rsplit("@", maxsplit=1)[-1].rstrip(">") not in written.getvalue()


@pytest.mark.guards(11)
def test_no_figure_carries_it(tmp_path: Path) -> None:
    """In a process of its own: the library keeps one folder of numbers for a process."""
    program = f"""
from pathlib import Path
from webadmin import metrics
counters = metrics.begin(Path({str(tmp_path)!r}))
for secret in {SECRETS!r}:
    counters.count("smtp_recipients", secret)
print(metrics.page(Path({str(tmp_path)!r}), []).decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=architecture.ROOT, capture_output=True, text=True, check=True
    )
    assert f'reason="other"}} {len(SECRETS)}.0' in done.stdout
    assert not [secret for secret in SECRETS if secret in done.stdout]


# Who may open a connection to another machine, and to whom.
OUTWARDS = {
    "webadmin/cell/witnessing.py": "the witnesses that the operator names, with the ledger's head",
    "webadmin/celery.py": "the cell's own broker",
    "webadmin/api/redisrates.py": "the same, with how often a token of the programming interface asked",
    "webadmin/cell/questions.py": "the directory, at a Unix socket of this machine",
    "mailhost/smtp/client.py": "mail hosts, and only after the egress decision",
    "mailhost/adapters/lookups.py": "the resolver that the operator names",
    "mailhost/adapters/policyfetch.py": "web sites of domains that mail is for, after the egress decision, for their MTA-STS policy",
    "mailhost/adapters/websites.py": "web sites at public addresses that a domain's DNS names, for their MTA-STS policy or a TLS report",
    "mailhost/adapters/reportpost.py": "the same, with a TLS report, after the policy of whoever reports was asked",
    "mailhost/adapters/rspamd.py": "the operator's own spam filter, at the address that the operator names",
    "mailhost/adapters/sources/imap.py": "a mailbox's former host, named by its owner, who brings his mail in",
    "webadmin/doctor/survey.py": "the mail host of a domain that is named there, to see whether port 25 is open",
    "webadmin/cell/measuring.py": "a cell whose distance somebody measures by hand",
}
DIALLING = {
    "create_connection", "open_connection", "connect", "connect_ex", "connect_tcp", "urlopen", "HTTPConnection",
    "HTTPSConnection", "SMTP", "SMTP_SSL", "IMAP4", "IMAP4_SSL", "create_datagram_endpoint", "sendto", "sock_connect",
}  # fmt: skip
CLIENTS = {
    "urllib.request", "http.client", "smtplib", "imaplib", "ftplib", "xmlrpc", "requests", "httpx", "httpx2", "aiohttp",
    "celery", "redis", "dns.asyncresolver", "dns.resolver", "dns.asyncquery", "dns.query", "sentry_sdk", "boto3",
}  # fmt: skip


def _dials(tree: ast.AST) -> set[str]:
    """Calls and imports that open connections."""
    calls = {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in architecture.nodes(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }
    # A signal's `connect` and sqlite's are no wires.
    wires = calls & DIALLING - {"connect"}
    clients = {name for name, _ in architecture.imports(tree) if architecture.is_within(name, tuple(CLIENTS))}
    sockets = {name for name, _ in architecture.imports(tree) if name == "socket"}
    return wires | clients | ({"socket.connect"} if sockets and "connect" in calls else set())


@pytest.mark.guards(15)
def test_nobody_calls_out_but_those_who_are_named() -> None:
    found = {module.where: _dials(module.tree) for module in architecture.product()}
    strangers = {where: sorted(how) for where, how in found.items() if how and where not in OUTWARDS}
    # The worker imports Celery to be one.
    strangers.pop("webadmin/processes/worker.py", None)
    assert not strangers, f"these open connections: {strangers}"


@pytest.mark.guards(15)
@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("import urllib.request\nurllib.request.urlopen('https://example.org')", True),
        ("import asyncio\nasyncio.open_connection('example.org', 443)", True),
        ("import socket\ns = socket.socket()\ns.connect(('example.org', 1))", True),
        ("from importlib import import_module\nimport_module('sentry_sdk')", True),
        ("worker_ready.connect(tell)", False),
        ("import socket\nsocket.socket().bind(('127.0.0.1', 0))", False),
    ],
)
def test_a_call_outwards_is_seen(source: str, caught: bool) -> None:
    assert bool(_dials(ast.parse(source))) is caught
