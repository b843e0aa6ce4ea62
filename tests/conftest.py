"""Fixtures that every test may use: a database that knows which cell it is, and no sockets outside journeys."""

import gc
import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
import pytest_socket
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.db import connection
from nacl.pwhash import argon2id
from pytest_django import DjangoDbBlocker

from tests import migrated
from tests.journeys.house import HOUSES

# Where bytecode is not kept (the Makefile says why it should be), rewriting assertions is half of a run.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Python looks through everything that was imported whenever a few thousand objects are new: a sixth of a run.
gc.set_threshold(200_000, 50, 100)

# A shared machine may be slow for a moment; how long an example takes is a matter for tests/bench.
# Forty new examples in every run: the whole suite has to end within half an hour, and `make fuzz` searches longer.
hypothesis.settings.register_profile("suite", deadline=None, max_examples=40)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=10)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """A folder for what journeys make once; the workers inherit its name."""
    if not hasattr(config, "workerinput"):
        os.environ[HOUSES] = tempfile.mkdtemp(prefix="skerry-houses-")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Journeys first: a file is one worker's, and a long one at the end would leave the others without work.

    On PostgreSQL only what asks the database: the rest is the same there as here.
    """
    items.sort(key=lambda item: item.get_closest_marker("journey") is None)
    for item in items:
        _spare(item)
    if connection.vendor == "postgresql":
        left_out = [item for item in items if not _asks_the_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _asks_the_database(item)]


# What pytest-django does around every test, and for most of ours took longer than the test, with the marker that asks
# for it. We have no mail and no sites of Django's, no live server and no classes of unittest: nothing asks for those.
_AROUND_EVERY_TEST = {
    "_dj_autoclear_mailbox": "",
    "_django_clear_site_cache": "",
    "_django_db_marker": "django_db",
    "_django_isolate_apps": "django_isolate_apps",
    "_django_set_urlconf": "urls",
    "_django_setup_unittest": "",
    "_live_server_helper": "",
    "_template_string_if_invalid_marker": "ignore_template_errors",
}


def _spare(item: pytest.Item) -> None:
    """Leave out the fixtures that do nothing for this test. (What other fixtures ask for they get when they ask.)"""
    if isinstance(item, pytest.Function):
        marks = {mark.name for mark in item.iter_markers()}
        idle = {name for name, mark in _AROUND_EVERY_TEST.items() if mark not in marks}
        if "monkeypatch" not in inspect.signature(item.function).parameters:
            idle.add("monkeypatch")
        item.fixturenames = [name for name in item.fixturenames if name not in idle]


def _asks_the_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool({"db", "transactional_db"} & fixtures) or item.get_closest_marker("django_db") is not None


def pytest_collection_finish() -> None:
    """What is there now stays until the end; nobody needs to look whether it is garbage."""
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None) -> bool:
    """Whether the test database has been migrated in an earlier run."""
    if connection.vendor != "sqlite":
        return False
    return migrated.begin_with_a_copy(Path(connection.settings_dict["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_keepdb: bool, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """The test database, told its cell the way `skerry` tells a real one."""
    from tests.emptying import beginning

    with django_db_blocker.unblock():
        if connection.vendor == "sqlite" and not django_db_keepdb:
            connection.ensure_connection()
            migrated.keep(connection.connection)
        if connection.vendor == "postgresql":
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {name} SET skerry.cell = 'is-1'")
            connection.close()
        beginning.fill()
    yield
    if connection.vendor == "postgresql":
        # Threads of the tests may still hold connections, and a database in use cannot be dropped.
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


# Hooks instead of fixtures that use themselves: of those pytest makes the whole chain anew for each of the tests, which
# for most of them is more work than the test.
@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A unit test that opens a socket fails, and its secrets cost nothing; journeys and database servers are in earnest."""
    unit = item.get_closest_marker("journey") is None
    AROUND.want(sockets=not unit or connection.vendor == "postgresql", price=not unit or item.nodeid.startswith(DEAR))
    return (yield)


class Around:
    """What is the same for most tests: changed only where one wants it otherwise than the one before."""

    def __init__(self) -> None:
        self._sockets = self._price = True
        self._end = ExitStack()
        self._keys = count()

    def want(self, *, sockets: bool, price: bool) -> None:
        """Whether the next test may open sockets, and whether secrets cost what they cost thieves."""
        self._keys = count()
        if (sockets, price) == (self._sockets, self._price):
            return
        self._end.close()
        self._sockets, self._price = sockets, price
        if not sockets:
            pytest_socket.disable_socket(allow_unix_socket=True)
            self._end.callback(pytest_socket.enable_socket)
        if not price:
            self._end.enter_context(_cheap_secrets(lambda: next(self._keys)))


AROUND = Around()


def pytest_unconfigure(config: pytest.Config) -> None:
    AROUND.want(sockets=True, price=True)
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(HOUSES), ignore_errors=True)


def _argon2_at_no_cost(size: int, password: bytes, salt: bytes, *_: int, **__: int) -> bytes:
    return argon2id.kdf(size, password, salt, opslimit=argon2id.OPSLIMIT_MIN, memlimit=argon2id.MEMLIMIT_MIN)


# Where the price itself is tested.
DEAR = ("tests/seal/", "tests/jurisdiction/ledger/", "tests/mailauth/")
_CHEAP = SimpleNamespace(kdf=_argon2_at_no_cost)


@cache
def _rsa_key(number: int) -> RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@contextmanager
def _cheap_secrets(number: Callable[[], int]) -> Iterator[None]:
    """A fifth of a second a password is for thieves, and an RSA key takes as long.

    A test gets keys that differ from each other, and that other tests had before.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mailhost.seal.password.argon2id", _CHEAP)
        patched.setattr("jurisdiction.ledger.keylog.nacl_argon2id", _CHEAP)
        patched.setattr("mailhost.mailauth.dkim_key.generate_private_key", lambda **_: _rsa_key(number()))
        yield
