"""`skerry token`: made and shown once, listed without secret, revoked; whose it is has to be said."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jurisdiction.records import operators
from tests.cli.conftest import Skerry
from tests.provision import house
from webadmin.accounts.models import Account
from webadmin.api.models import ApiToken


def test_a_tenants_token_is_made_listed_and_revoked(skerry: Skerry, cell: None) -> None:
    made = skerry("token", "add", "invitations", "--tenant", "harbour", "--right", "mailboxes:write", "--json").json
    assert made["token"].startswith("skerry_")
    assert made["rights"] == ["mailboxes:write"]
    listed = skerry("token", "list", "--tenant", "harbour", "--json").json
    assert [one["name"] for one in listed] == ["invitations"]
    assert made["token"] not in str(listed)
    number = str(listed[0]["number"])
    assert skerry("token", "revoke", number, "--tenant", "fjord").code == 1
    assert skerry("token", "revoke", number, "--tenant", "harbour").code == 0
    assert skerry("token", "list", "--tenant", "harbour", "--json").json == []
    assert "token add invitations" in [act.act for act in operators.acts("harbour")]


def test_an_operators_token_may_more_and_is_the_operators(skerry: Skerry, cell: None) -> None:
    made = skerry("token", "add", "watch", "--operator", "--right", "read", "--json").json
    assert "queue:read" in made["rights"]
    assert "queue:write" not in made["rights"]
    assert made["operator"]
    assert [one["name"] for one in skerry("token", "list", "--operator", "--json").json] == ["watch"]
    assert skerry("token", "list", "--tenant", "harbour", "--json").json == []


def test_the_tokens_of_an_operator_who_goes_go_with_them(skerry: Skerry, cell: None) -> None:
    mine = skerry("token", "add", "watch", "--operator", "--right", "read", "--json").json["operator"]
    skerry("token", "add", "invitations", "--tenant", "harbour", "--right", "mailboxes:write")
    assert skerry("operator", "delete", mine, "--yes").code == 1, "no such account"
    assert ApiToken.objects.count() == 2
    Account.objects.create(cell=house.CELL, name=mine, created=house.NOW.date())
    assert skerry("operator", "delete", mine, "--yes").code == 0
    assert ApiToken.objects.get().name == "invitations"


def test_an_operator_who_begins_anew_has_no_old_tokens(skerry: Skerry, cell: None) -> None:
    mine = skerry("token", "add", "watch", "--operator", "--right", "read", "--json").json["operator"]
    skerry("token", "add", "invitations", "--tenant", "harbour", "--right", "mailboxes:write")
    reset = ("operator", "reset", mine, "--yes", "--password-stdin")
    assert skerry(*reset, typed="granite under heather\n").code == 1, "no such account"
    assert ApiToken.objects.count() == 2
    Account.objects.create(cell=house.CELL, name=mine, created=house.NOW.date())
    assert skerry(*reset, typed="granite under heather\n").code == 0
    assert ApiToken.objects.get().name == "invitations"


def test_wrong_use_says_what_there_is(skerry: Skerry, cell: None) -> None:
    assert skerry("token", "add", "x").code == 2
    assert skerry("token", "add", "x", "--tenant", "harbour", "--operator", "--right", "read").code == 2
    unknown = skerry("token", "add", "x", "--tenant", "harbour", "--right", "queue:read")
    assert (unknown.code, "mailboxes:read" in unknown.err) == (2, True)
    assert skerry("token", "add", "x", "--tenant", "nobody", "--right", "read").code == 1


def test_a_dry_run_makes_none(skerry: Skerry, cell: None) -> None:
    tried = skerry("token", "add", "x", "--tenant", "harbour", "--right", "read", "--dry-run", "--json").json
    assert "token" not in tried
    assert not ApiToken.objects.exists()


# One program forks one for each module: Django alone is loaded once for all.
IMPORTS = """
import os, sys, importlib
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
import django
django.setup()
for module in sys.argv[1:]:
    child = os.fork()
    if not child:
        importlib.import_module(module)
        if celery := sys.modules.get("webadmin.celery"):
            celery.app.loader.init_worker()  # what Celery loads besides when a worker begins
        os._exit(3 if "ninja" in sys.modules else 0)
    print(module, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
NOT_THE_WEB = ("webadmin.cli.token", "webadmin.cli.mailbox", "webadmin.processes.daemons", "mailhost.wiring.smtpd",
               "webadmin.processes.worker")  # fmt: skip


def loading_the_interface(*modules: str) -> dict[str, bool]:
    """Module -> whether importing it loads the interface."""
    command = [sys.executable, "-c", IMPORTS, *modules]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=300)
    codes = dict(line.split() for line in done.stdout.splitlines())
    assert set(codes.values()) <= {"0", "3"}, done.stderr
    return {module: code == "3" for module, code in codes.items()}


@pytest.mark.slow  # starts a program
def test_nobody_but_the_web_loads_the_interface() -> None:
    found = loading_the_interface(*NOT_THE_WEB, "webadmin.urls")
    assert found == dict.fromkeys(NOT_THE_WEB, False) | {"webadmin.urls": True}
