"""No log line says to whom: addresses, IPs, subjects, exception texts and local variables never reach stderr."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from webadmin import logs

ADDRESS = "ada.lovelace@example.is"
Read = Callable[[], list[dict[str, object]]]


@pytest.fixture
def lines() -> Iterator[Read]:
    """Log as JSON into memory; the lines written so far."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook, sys.unraisablehook)
    logs.configure("json", "debug", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "secret",
    [
        ADDRESS,
        f"<{ADDRESS}>",
        "ada@localhost",
        "192.0.2.17",
        "2001:db8::17",
        "::ffff:192.0.2.17",
        "fe80::1%eth0",
        "192.0.2.17:52011",
        "<1234.abcd@mail.example.is>",
        "Subject: the merger",
        "message-id=<x>",
    ],
)
def test_what_names_somebody_is_masked_wherever_it_stands(lines: Read, secret: str) -> None:
    careless = f"connection of {secret} lost"
    logging.getLogger("mailhost.smtp").error(careless)
    logging.getLogger("mailhost.smtp").error("connection of %s lost", secret)
    logging.getLogger("mailhost.smtp").error("lost", extra={"reason": secret})
    logging.getLogger("mailhost.smtp").error("lost", extra={"sender": secret})
    logging.getLogger("some.library").error(careless)
    logging.getLogger("some.library").error("connection of %s lost", secret)
    structlog.get_logger("mailhost.smtp").error(careless, sender=secret, error=secret)
    written = json.dumps(lines())
    for part in (secret, "ada", "example.is", "192.0.2", "2001:db8", "merger", "52011"):
        assert part not in written
    assert len(lines()) == 7


def test_our_own_words_and_numbers_pass(lines: Read) -> None:
    logging.getLogger("webadmin.processes.supervisor").warning("%s ended with %s", "smtpd-1", "signal-SIGKILL")
    logging.getLogger("mailhost.smtp.server").error("fault: %s at %s", "KeyError", "mailhost.receive:120")
    logging.getLogger("mailhost").info("stored", extra={"count": 3, "seconds": 0.25, "cell": "is-1", "where": "a.b:1"})
    first, second, third = lines()
    assert first["event"] == "smtpd-1 ended with signal-SIGKILL"
    assert second["event"] == "fault: KeyError at mailhost.receive:120"
    assert {key: third[key] for key in ("count", "seconds", "cell", "where")} == {
        "count": 3,
        "seconds": 0.25,
        "cell": "is-1",
        "where": "a.b:1",
    }


def test_an_undeclared_key_is_refused_and_an_ill_shaped_value_masked(lines: Read) -> None:
    structlog.get_logger("webadmin").warning("x", mailbox="ada", reason="two words", kind="fine")
    [line] = lines()
    assert (line["mailbox"], line["reason"], line["kind"]) == (logs.REFUSED, logs.MASKED, "fine")


def test_an_exception_is_its_class_and_its_place_and_nothing_more(lines: Read) -> None:
    def fail() -> None:
        subject = "the merger of example.is"  # a local variable that a rich traceback would show
        raise ValueError(f"bad mail from {ADDRESS} about {subject}")

    for logger in (logging.getLogger("mailhost.x"), logging.getLogger("library"), structlog.get_logger("webadmin.y")):
        try:
            fail()
        except ValueError:
            logger.exception("it failed")
    for line in lines():
        assert line["error"] == "ValueError"
        assert str(line["where"]).startswith("tests.webadmin.test_logs:")
        assert set(line) == {"event", "error", "where", "level", "logger", "timestamp"}
    assert "merger" not in json.dumps(lines())


def test_the_place_is_the_innermost_of_our_own_code() -> None:
    with pytest.raises(ValueError, match="Expecting") as of_a_library:
        json.loads("{")
    assert logs.named(of_a_library.value)["where"].startswith("json."), "without a place of ours, the innermost"
    before = logging.getLogger().handlers[:]
    with pytest.raises(ValueError, match="level") as of_ours:
        logs.configure("json", "nonsense")
    logging.getLogger().handlers[:] = before
    assert logs.named(of_ours.value)["where"].startswith("webadmin.logs:")


def test_a_domain_is_not_taken_for_a_place(lines: Read) -> None:
    logging.getLogger("mailhost.dispatch").warning("no route to %s", "example.is")
    assert lines()[0]["event"] == f"no route to {logs.MASKED}"


def test_uncaught_exceptions_are_lines_too(lines: Read) -> None:
    logs.catch_uncaught()

    def fail() -> None:
        raise RuntimeError(ADDRESS)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    assert [line["error"] for line in lines()] == ["RuntimeError", "RuntimeError"]
    assert ADDRESS not in json.dumps(lines())


def test_libraries_are_heard_from_warning_on_and_some_never(lines: Read) -> None:
    logging.getLogger("asyncio").info("hello")
    logging.getLogger("django.request").warning("%s: %s", "Not Found", f"/box/{ADDRESS}")
    logging.getLogger("django.request").error("%s: %s", "Internal Server Error", f"/box/{ADDRESS}")
    logging.getLogger("celery.app.trace").error(
        "Task %(name)s[%(id)s]: %(exc)s", {"name": "a", "id": 1, "exc": ADDRESS}
    )
    logging.getLogger("mail.log").critical("body")
    logging.getLogger("uvicorn.access").critical("client")
    logging.getLogger("library").error("first of 'Ada Lovelace'\nSecond line")
    [failed, task, multi] = lines()
    assert failed["event"] == f"{logs.MASKED}: {logs.MASKED}"
    assert task["event"] == f"Task {logs.MASKED}[{logs.MASKED}]: {logs.MASKED}"
    assert multi["event"] == f"first of {logs.MASKED}"


def test_a_line_cannot_be_forged(lines: Read) -> None:
    forged = 'a\n{"event": "forged"}\x1b[31m' + "x" * 1000
    logging.getLogger("mailhost").error(forged)
    [line] = lines()
    assert "\n" not in str(line["event"])
    assert "\x1b" not in str(line["event"])
    assert len(str(line["event"])) <= logs.MAX_SENTENCE


def test_console_lines_obey_the_same_rules() -> None:
    stream, before = io.StringIO(), logging.getLogger().handlers[:]
    logs.configure("console", "info", stream)
    logging.getLogger("mailhost").error("x %s", ADDRESS, extra={"error": "KeyError"})
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()
    assert "KeyError" in stream.getvalue()
    assert "ada" not in stream.getvalue()


@given(st.emails(), st.text(max_size=40))
def test_no_address_survives_cleaning(address: str, around: str) -> None:
    local, _, domain = address.partition("@")
    cleaned = logs.clean(f"{around} {address} {around}")
    assert f"{local}@{domain}" not in cleaned


@given(st.ip_addresses())
def test_no_ip_survives_cleaning(ip: object) -> None:
    assert str(ip) not in logs.clean(f"from {ip} here").split()
    assert str(ip) not in logs.clean(f"[{ip}]:25")


@given(st.text(max_size=400))
def test_cleaning_never_fails_and_is_done_in_one_pass(text: str) -> None:
    assert logs.clean(logs.clean(text)) == logs.clean(text)


def test_warnings_are_no_way_around(lines: Read) -> None:
    logging.captureWarnings(capture=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(f"from {ADDRESS}", stacklevel=1)
    finally:
        logging.captureWarnings(capture=False)
    assert ADDRESS not in json.dumps(lines())
