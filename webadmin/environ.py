"""Every setting of a Skerry process: one typed reader, and the one place that reads the environment.

A setting is an environment variable `SKERRY_<NAME>`; its type, default and sentence stand here and nowhere
else (`infra/env.example` is checked against this class). All problems are reported at once, each with the
variable's name and what to do. A process has one role: a cell's process must not even hold the credential of
the directory, and the other way round, so a variable of the other side is a problem, not a convenience.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from webadmin.limitsettings import LimitSettings
from webadmin.settingtypes import (
    BlockLists,
    Broker,
    CellName,
    Countries,
    FilterHere,
    HostAndPort,
    Networks,
    Origin,
    OtherCells,
    Port,
    PublicAddress,
    ReportsAddress,
    Resolver,
    Witnesses,
    lines,
    split,
)

PREFIX: Final = "SKERRY_"
# What a cell may listen on, and be called by browsers, while nobody but its own machine reaches it.
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
CHECKOUT = Path(__file__).resolve().parent.parent


class SettingsProblem(Exception):
    """One or more settings are wrong; the text lists all of them."""


class Environ(LimitSettings):
    """The settings of one process. Field descriptions are the reference that operators read."""

    home: Path = Field(CHECKOUT / "var", description="Folder of data, keys and sockets of all cells on this machine.")
    cell: CellName = Field("is-1", description="The cell this process belongs to: country code, dash, number.")
    role: Literal["cell", "directory"] = Field("cell", description="Which side of the house this process serves.")
    database_url: str = Field(
        "", description="PostgreSQL URL of the cell's database; empty means SQLite in <home>/<cell>/."
    )
    directory_database_url: str = Field(
        "", description="PostgreSQL URL of the directory's database; only for processes with SKERRY_ROLE=directory."
    )
    directory_socket: Path | None = Field(
        None,
        description="Socket at which a daemon asks the directory; empty: it starts a process of it for a question.",
    )
    database_patience: int = Field(
        20, ge=1, le=300, description="Seconds a statement waits for a locked database before mail is deferred (451)."
    )
    keys_dir: Path | None = Field(
        None, description="Folder of the cell's key files, outside database and backups; empty: <home>/<cell>/keys."
    )
    hostname: str = Field("localhost", description="Name this host announces in SMTP and IMAP and in certificates.")
    zone: str = Field(
        "",
        description="A DNS zone of the operator's in which this cell publishes keys and sender lists, such as"
        " is-1.skerry.example; domains point at it once. Empty: each domain publishes its own.",
    )
    web_host: str = Field(
        "",
        description="Name of the host that serves MTA-STS policies and settings for mail programs; empty:"
        " SKERRY_HOSTNAME.",
    )
    mta_sts: Literal["none", "testing", "enforce"] = Field(
        "none",
        description="The MTA-STS policy of hosted domains. It needs certificates for mta-sts.<domain>; begin with"
        " testing.",
    )
    bind: str = Field("127.0.0.1", description="Address to listen on; '::' or 0.0.0.0 on a real host.")
    mx_port: Port = Field(2525, description="SMTP from other hosts (25 on a real host).")
    submission_port: Port = Field(2587, description="SMTP submission with STARTTLS (587 on a real host).")
    submissions_port: Port = Field(2465, description="SMTP submission over TLS (465 on a real host).")
    imap_port: Port = Field(2143, description="IMAP with STARTTLS (143 on a real host).")
    imaps_port: Port = Field(2993, description="IMAP over TLS (993 on a real host).")
    web_port: Port = Field(8025, description="HTTP of the web process; a reverse proxy ends TLS on a real host.")
    web_bind: str = Field(
        "",
        description="Address the web process listens on: 127.0.0.1 behind a proxy on this machine; empty: SKERRY_BIND.",
    )
    web_origin: Origin = Field(
        "",
        description="Address of the web pages as browsers see it, such as https://mail.example.is. Empty:"
        " https://<SKERRY_HOSTNAME>; on loopback http://localhost:<SKERRY_WEB_PORT>.",
    )
    smtpd_workers: int = Field(0, ge=0, le=64, description="smtpd processes; 0 means one for each core, at most 4.")
    imapd_workers: int = Field(0, ge=0, le=64, description="imapd processes; 0 means one for each core, at most 4.")
    tls_cert: Path | None = Field(None, description="PEM certificate chain; empty: a self-signed one is made.")
    tls_key: Path | None = Field(None, description="PEM private key that belongs to SKERRY_TLS_CERT.")
    resolver: Resolver = Field("", description="host:port of a validating resolver; empty: nothing is looked up.")
    dnsbl: BlockLists = Field(
        "",
        description="Zones of DNS block lists that are asked about strangers, with commas. Needs SKERRY_RESOLVER, and"
        " the list's permission to ask from its address.",
    )
    rspamd: FilterHere = Field(
        "",
        description="URL of rspamd's worker on this machine, such as http://127.0.0.1:11333, which then reads every"
        " stranger's mail before it is sealed; empty: none does.",
    )
    strangers: Networks = Field(
        "",
        description="Networks of this machine whose clients are judged as strangers, with commas: 127.0.0.2/32. Others"
        " on loopback are never put off, listed or counted.",
    )
    smarthost: HostAndPort = Field(
        "",
        description="host:port of a relay that takes all outgoing mail. Empty: it is delivered to each domain's own"
        " hosts, which needs SKERRY_RESOLVER. With a relay it says where mail goes from there: without it a policy that"
        " keeps readable mail from any bloc holds all that leaves.",
    )
    private_targets: bool = Field(
        default=False,
        description="Deliver to loopback and private addresses too, for a laboratory; a domain could else have this"
        " host talk to itself or to a machine behind its firewall.",
    )
    reports_address: ReportsAddress = Field(
        "",
        description="Address that takes others' DMARC and TLS reports about the domains hosted here, as counts; no"
        " mailbox of that name is needed. The domains' records name it. Empty: there is none.",
    )
    tls_reports: bool = Field(
        default=False,
        description="Count how encrypted delivery to other domains went, and tell each domain that asks once a day"
        " (RFC 8460), for all mail of the cell. Off: for mail of domains that chose so.",
    )
    queue_keys_dir: Path | None = Field(
        None,
        description="Folder of the outbound queue's daily keys, which come and go; outside database and backups."
        " Empty: queue/ in the folder of key files.",
    )
    imap_clear_on_loopback: bool = Field(
        default=False, description="Allow LOGIN without TLS from loopback, for a local proxy or a benchmark."
    )
    default_quota_bytes: int = Field(
        10 * 1024**3,
        ge=1 << 20,
        description="Quota of a new mailbox, in octets as stored (sealed and compressed).",
    )
    controllers: Countries = Field(
        "",
        description="Countries of everybody with power over this cell's machines (operator, owners), as codes with"
        " commas: IS,NO. '??' for one that is not known. Empty: the cell's own country alone.",
    )
    facility: str = Field(
        "", description="Who holds the house the machine stands in: id of an entity of the facts; owners are added."
    )
    platform: str = Field(
        "", description="Who runs the machine, if not the operator: id of an entity of the facts; owners are added."
    )
    public_address: PublicAddress = Field(
        "", description="IP address of the MX as others see it; where geolocation puts it is evidence. Empty: none."
    )
    geo_database: Path | None = Field(
        None, description="A second geolocation dataset (.mmdb) beside Debian's tor-geoipdb; without it nothing agrees."
    )
    asn_database: Path | None = Field(
        None, description="A table of networks' numbers (.mmdb, ASN): tells who holds a mail host's network. Optional."
    )
    places: str = Field(
        "",
        description="Where networks are that no dataset places, as the operator declares: 192.168.7.0/24=IS with"
        " commas, NETWORK=COUNTRY/OWNERS for other owners; or lines in <home>/<cell>/places.",
    )
    witnesses: Witnesses = Field(
        "", description="Who cosigns this cell's ledger: URL#KEY, with commas; or lines in <home>/<cell>/witnesses."
    )
    witnessed_logs: str = Field(
        "", description="Keys of ledgers that this cell cosigns, with commas; or lines in <home>/<cell>/witnessed-logs."
    )
    measurers: str = Field(
        "", description="Who may report how fast this cell answers, and from where: LANDMARK#KEY, several with commas."
    )
    operator: str = Field("", description="Name of the operator at the command line; empty: the machine's user name.")
    operator_country: Countries = Field(
        "", description="Country the operator works from, as a code. Empty: the cell's own country."
    )
    operator_reason: str = Field(
        "",
        description="Why the operator works on tenants. Empty: each session states its own; a cell that serves"
        " loopback only is its operator's own box and needs none.",
    )
    second_person: Literal["auto", "needed", "delay"] = Field(
        "auto",
        description="What a dangerous act of an operator needs: another operator who agrees, or (delay, for a cell with"
        " one operator) an hour. auto: nothing on a cell that serves loopback only, else another operator.",
    )
    broker_url: Broker = Field(
        "", description="Broker of background work, such as redis://127.0.0.1:6379/0; empty: files in <home>/<cell>."
    )
    signup: Literal["auto", "closed", "voucher", "open"] = Field(
        "auto",
        description="Who may found a tenant on the web: nobody, who has a voucher, everybody (with proof of work)."
        " auto: everybody on a cell that serves loopback only, else voucher.",
    )
    signup_domain: str = Field(
        "",
        description="The cell's shared domain: where a new tenant's first mailbox is. Empty: <cell>.test on a cell that"
        " serves loopback only; else nobody can sign up.",
    )
    signup_work: int = Field(
        19,
        ge=0,
        le=26,
        description="Work a browser does before a signup without a voucher: about 2^N hashes; 19 is a second or two on"
        " a laptop, one more doubles it, 0 asks for none.",
    )
    other_cells: OtherCells = Field(
        "",
        description="Cells that a founder may choose instead of this one: no-1#https://mail.example.no, several with"
        " commas; or lines in <home>/<cell>/other-cells.",
    )
    young_days: int = Field(
        14, ge=0, le=365, description="Days a tenant is young that signed up without a voucher; 0 switches it off."
    )
    young_recipients: int = Field(
        50, ge=1, description="Recipients a day of a young tenant. `skerry tenant trust` lifts this and the next."
    )
    young_new_recipients: int = Field(
        20, ge=1, description="Recipients a day of a young tenant that it never wrote to before."
    )
    cooling_off_days: int = Field(
        14,
        ge=1,
        le=90,
        description="Days between the decision to delete a tenant and its end. Until then nothing new is stored, its"
        " people fetch their mail, and its owner can take the decision back.",
    )
    demo: bool = Field(default=False, description="Switch on the demo tenant's recipients that simulate failures.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines are written to stderr.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")

    @model_validator(mode="after")
    def _only_the_own_side(self) -> Self:
        if self.role == "cell" and self.directory_database_url:
            raise ValueError(
                "SKERRY_DIRECTORY_DATABASE_URL is set in a cell's process; a cell must not hold the directory's"
                " credential: remove it, or set SKERRY_ROLE=directory"
            )
        if self.role == "directory" and self.database_url:
            raise ValueError(
                "SKERRY_DATABASE_URL is set in the directory's process; the directory must not hold a cell's"
                " credential: remove it, or set SKERRY_ROLE=cell"
            )
        if self.dnsbl and not self.resolver:
            raise ValueError("SKERRY_DNSBL needs SKERRY_RESOLVER: without a resolver no block list can be asked")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("SKERRY_TLS_CERT and SKERRY_TLS_KEY belong together: set both or neither")
        return self

    @property
    def country(self) -> str:
        """ISO 3166-1 alpha-2 code of the country this cell stands in."""
        return self.cell[:2].upper()

    @property
    def web_listens_on(self) -> str:
        """The address of the web process's port. On loopback alone it says nothing: a proxy may stand in front."""
        return self.web_bind or self.bind

    @property
    def serves_loopback_only(self) -> bool:
        """Whether nobody but this machine can reach mail and pages: a laptop, a test, an operator's own box."""
        called = urlsplit(self.web_origin).hostname or "localhost"
        return {self.bind, self.web_listens_on, called} <= LOOPBACK

    @property
    def who_signs_up(self) -> Literal["closed", "voucher", "open"]:
        """Who may found a tenant on the web."""
        if not self.shared_domain:
            return "closed"
        if self.signup == "auto":
            return "open" if self.serves_loopback_only else "voucher"
        return self.signup

    @property
    def shared_domain(self) -> str:
        """Where first mailboxes are; empty where there is none."""
        return self.signup_domain or (f"{self.cell}.test" if self.serves_loopback_only else "")

    @property
    def second_person_rule(self) -> Literal["none", "needed", "delay"]:
        """What a dangerous act waits for."""
        if self.second_person != "auto":
            return self.second_person
        return "none" if self.serves_loopback_only else "needed"

    @property
    def web_address(self) -> str:
        """Scheme, host and port of the web pages as a browser shows them; passkeys are made for this host."""
        if self.web_origin:
            return self.web_origin
        return f"http://localhost:{self.web_port}" if self.serves_loopback_only else f"https://{self.hostname}"

    @property
    def other_cell_list(self) -> tuple[tuple[str, str], ...]:
        """Name and web address of each: from the setting, or a line each in `<home>/<cell>/other-cells`."""
        told = split(self.other_cells) or lines(self.cell_dir / "other-cells")
        return tuple([(cell, url) for cell, _hash, url in (one.partition("#") for one in told)])

    @property
    def cell_dir(self) -> Path:
        return self.home / self.cell

    @property
    def directory_dir(self) -> Path:
        return self.home / "directory"

    @property
    def directory_database(self) -> str:
        """URL of the directory's database, from the setting or from the file `<home>/directory/database-url`.

        The file lets a cell's command line start a directory process whose credential it never holds. Empty: SQLite.
        """
        stored = self.directory_dir / "database-url"
        if self.role != "directory" or self.directory_database_url or not stored.exists():
            return self.directory_database_url
        return stored.read_text(encoding="ascii").strip()

    @property
    def place_list(self) -> tuple[str, ...]:
        """NETWORK=COUNTRY lines: from the setting, or a line each in `<home>/<cell>/places`."""
        return split(self.places) or lines(self.cell_dir / "places")

    @property
    def witness_list(self) -> tuple[str, ...]:
        """URL#KEY of each witness: from the setting, or a line each in `<home>/<cell>/witnesses`."""
        return split(self.witnesses) or lines(self.cell_dir / "witnesses")

    @property
    def witnessed_list(self) -> tuple[str, ...]:
        """Key of each log this cell cosigns: from the setting, or a line each in `<home>/<cell>/witnessed-logs`."""
        return split(self.witnessed_logs) or lines(self.cell_dir / "witnessed-logs")

    @property
    def block_lists(self) -> tuple[str, ...]:
        return split(self.dnsbl)

    @property
    def stranger_networks(self) -> tuple[str, ...]:
        return split(self.strangers)

    @property
    def keys(self) -> Path:
        return self.keys_dir or self.cell_dir / "keys"

    @property
    def queue_keys(self) -> Path:
        return self.queue_keys_dir or self.keys / "queue"

    @property
    def blobs(self) -> Path:
        return self.cell_dir / "blobs"

    @property
    def outgoing(self) -> Path:
        """Large contents of the outbound queue, sealed; with their keys gone they are noise."""
        return self.cell_dir / "outgoing"

    @property
    def run(self) -> Path:
        return self.cell_dir / "run"

    def workers(self, asked: int) -> int:
        """Processes to start when `asked` were configured (0: one for each core, at most 4)."""
        return asked or min(4, os.cpu_count() or 1)


def read(values: dict[str, object] | None = None) -> Environ:
    """The settings from the environment, `values` of tests before them. Raises SettingsProblem with all problems."""
    try:
        # A variable that is empty says nothing.
        told = {name.upper(): value for name, value in os.environ.items() if value}
        here = {name: told[key] for name in Environ.model_fields if (key := PREFIX + name.upper()) in told}
        return Environ.model_validate(here | (values or {}))
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper() if problem["loc"] else ""
            lines.append("  " + ": ".join(filter(None, (name, problem["msg"].removeprefix("Value error, ")))))
        raise SettingsProblem("These settings need a correction:\n" + "\n".join(lines)) from None


def unknown() -> dict[str, str]:
    """Variables that look like settings and are none, each with the setting it may be meant for, or ""."""
    known = [name.upper() for name in Environ.model_fields]
    told = sorted(name for name, value in os.environ.items() if value and name.upper().startswith(PREFIX))
    strange = {name: name.upper().removeprefix(PREFIX) for name in told}
    return {
        name: PREFIX + meant[0] if (meant := get_close_matches(said, known, n=1, cutoff=0.8)) else ""
        for name, said in strange.items()
        if said not in known
    }
