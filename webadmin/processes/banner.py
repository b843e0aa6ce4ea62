"""What `serve` prints once everything serves: where to go, and on the first start with the demo how to log in."""

from __future__ import annotations

from collections.abc import Sequence

from webadmin.environ import LOOPBACK, Environ
from webadmin.processes import demo


def text(environ: Environ, version: str, logins: Sequence[demo.Login], demo_tenant: str | None) -> str:
    """The banner. Secrets stand in it only in `logins`, which are given once."""
    host = "localhost" if environ.bind in LOOPBACK else environ.hostname
    lines = [
        f"Skerry {version}: cell {environ.cell} is serving.",
        "",
        f"  web           http://{host}:{environ.web_port}/",
        f"  mail comes in smtp://{host}:{environ.mx_port}",
        f"  mail is sent  smtp://{host}:{environ.submission_port} (STARTTLS), smtps://{host}:{environ.submissions_port}",
        f"  mail is read  imap://{host}:{environ.imap_port} (STARTTLS), imaps://{host}:{environ.imaps_port}",
        f"  data          {environ.cell_dir}",
    ]
    if environ.tls_cert is None:
        lines.append(f"  certificate   {environ.cell_dir / 'tls' / 'cert.pem'} (self-signed)")
    if logins:
        lines += ["", "Demo logins, shown this once:", *(line for login in logins for line in _login(login))]
    elif demo_tenant is not None:
        domain = demo.domain_of(demo_tenant)
        lines += [
            "",
            "The demo logins were printed at the first start. New ones:",
            f"  skerry app-password add open@{domain} --access session",
            f"  skerry app-password add sealed@{domain} --access sealed",
        ]
    return "\n".join([*lines, "", "Ctrl-C stops it.", ""])


def _login(login: demo.Login) -> list[str]:
    reads = {"session": "any mail program reads it", "sealed": "a mail program sees sealed age files"}[login.access]
    return [
        "",
        f"  {login.address} ({login.access} access: {reads})",
        f"    app password      {login.app_password}",
        f"    account password  {login.account_password}",
        f"    secret key        skerry mailbox secret-key {login.address}",
    ]
