"""`skerry operator add|list|reset|delete`: who may open the operators' pages of this cell.

An operator has a name and a password and no mailbox. The first sign-in asks for a second factor before anything else;
`reset` takes lost factors away and ends every session and token, so that the next sign-in sets up new ones.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from webadmin.accounts import operators
from webadmin.api import tokens
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import Failed, PasswordStdinFlag, YesFlag, confirm, opened, secret

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in the tenants' logs, such as mo.")]


@app.command()
def add(name: Name, *, password_stdin: PasswordStdinFlag = False, as_json: JsonFlag = False) -> None:
    """Make an operator's account; the password is asked for."""
    with opened(as_json=as_json) as cell:
        password = secret("operator's password", from_stdin=password_stdin, twice=True)
        try:
            made = operators.add(name, password, cell=cell.environ.cell, today=cell.now.date())
        except operators.NotMade as problem:
            raise Failed(str(problem)) from None
        page = f"{cell.environ.web_address}/operators/sign-in/"
        about: dict[str, Any] = {"name": made.name, "page": page}
        answer(about, as_json=as_json, text=lambda: f"operator {made.name} is made; sign in at {page}")


@app.command("list")
def list_(*, as_json: JsonFlag = False) -> None:
    """List operators and their second factors."""
    with opened(as_json=as_json):
        columns = ("name", "created", "passkeys", "authenticator", "recovery_codes", "sessions")
        answer_list(operators.listing(), as_json=as_json, columns=columns, empty="no operators; add one")


@app.command()
def reset(
    name: Name, *, password_stdin: PasswordStdinFlag = False, yes: YesFlag = False, as_json: JsonFlag = False
) -> None:
    """Give a new password, take second factors away, end all sessions and tokens: for whoever has lost them."""
    with opened(as_json=as_json):
        confirm(f"Take {name}'s second factors away and end all their sessions and tokens?", yes=yes)
        password = secret("new operator's password", from_stdin=password_stdin, twice=True)
        try:
            operators.reset(name, password)
        except operators.NotMade as problem:
            raise Failed(str(problem)) from None
        # Who had the password or a factor may have made a token with it.
        tokens.revoke_all(name)
        answer({"name": name}, as_json=as_json, text=lambda: f"{name} signs in with the password and sets up a factor")


@app.command()
def delete(name: Name, *, yes: YesFlag = False, as_json: JsonFlag = False) -> None:
    """Remove an operator's account and the tokens of their programs. What they did stays in the tenants' logs."""
    with opened(as_json=as_json):
        confirm(f"Remove operator {name}?", yes=yes)
        try:
            operators.delete(name)
        except operators.NotMade as problem:
            raise Failed(str(problem)) from None
        # They go by the name: the next one who has it would set the old programs to work again.
        tokens.revoke_all(name)
        answer({"name": name}, as_json=as_json, text=lambda: f"operator {name} is removed")
