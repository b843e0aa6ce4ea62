"""The places that must ask before they act, as a list that a test goes through.

A decision is worth what its enforcement is worth. Each point names what it refuses and where in the code it does so;
`tests/architecture/test_enforcement.py` fails when a point that exists names code that is not there, or has no guard
test, a test that tries to get round it. A point that is not built yet says so.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Point:
    """`where` are places as `path/to/file.py::symbol`; none means that the point is not built."""

    number: int
    name: str
    refuses: str
    where: tuple[str, ...] = ()

    @property
    def built(self) -> bool:
        return bool(self.where)


POINTS: Final = (
    Point(
        1,
        "tenant homing",
        "a tenant whose policy excludes this cell, before its slug is claimed; a mailbox without a lease",
        ("mailhost/provision/tenants.py::add", "jurisdiction/records/policies.py::adopt"),
    ),
    Point(
        2,
        "ORM router and database CHECK",
        "a model of the other side, and a row that names another cell, by whatever SQL it comes",
        ("webadmin/cell/scopes.py::OwnSideOnly", "mailhost/migrations/0002_guards.py::put_up"),
    ),
    Point(
        3, "blob store", "a name that leads out of the cell's folder", ("mailhost/adapters/blobs.py::FileBlobs.path",)
    ),
    Point(
        4,
        "task publish and worker start",
        "a job for another cell, a message stamped for one, a worker that is of another, work under an old policy",
        ("mailhost/adapters/jobs.py::publish", "mailhost/adapters/jobs.py::start"),
    ),
    Point(
        5,
        "backup and restore",
        "a copy in a country or in hands that one tenant denies, another cell's backup or dump, a log that forgets",
        (
            "jurisdiction/records/backups.py::decide",
            "webadmin/processes/backups.py::restore",
            "jurisdiction/records/backups.py::resume",
            "webadmin/cell/identity.py::check",
        ),
    ),
    Point(
        6,
        "DNS and MX",
        "a server of ours in a place the tenant does not allow, or in an unknown one",
        ("mailhost/domaindns/dnswalk.py::judge", "jurisdiction/published.py::may_publish"),
    ),
    Point(
        7,
        "inbound SMTP",
        "a recipient whose home is another cell",
        ("mailhost/routing.py::resolve", "mailhost/receive.py::Receiver.recipient"),
    ),
    Point(
        8,
        "outbound route",
        "readable mail for a server in a denied country or in denied hands, and any mail without TLS",
        (
            "mailhost/adapters/egress.py::DatabaseDecider.may_leave",
            "mailhost/outbound/leaving.py::Leaving.shares",
            "jurisdiction/published.py::may_leave",
        ),
    ),
    Point(
        9,
        "operator session",
        "an operator in a country the tenant denies, without a reason, after the end, alone where two are needed",
        (
            "jurisdiction/records/operators.py::act",
            "webadmin/web/gate.py::Gate.process_view",
            "webadmin/web/rows.py::LookOnly",
        ),
    ),
    Point(10, "legal-request desk", "a disclosure of more than is held, or without counsel"),
    Point(
        11,
        "logs, errors, metrics",
        "an address, an IP address, a subject in a line or a label",
        ("webadmin/logs.py::redact", "webadmin/metrics.py::Counters.count"),
    ),
    Point(
        12,
        "key files",
        "keys of another cell, and keys that others on the machine can read",
        ("webadmin/cell/keyfiles.py::check_folder", "webadmin/cell/identity.py::compare"),
    ),
    Point(
        13,
        "node admission",
        "new data on a machine whose evidence ran out or speaks against its country",
        ("jurisdiction/records/leases.py::refuse_if_blocked", "mailhost/receive.py::admit"),
    ),
    Point(14, "relocation", "a move to a place the policy does not allow"),
    Point(
        15,
        "third-party calls",
        "any connection outwards but to mail hosts, the resolver, the database, the broker, hosts that somebody named",
        ("webadmin/cell/witnessing.py::Witness.send",),
    ),
)
