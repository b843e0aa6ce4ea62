"""Taking evidence about this machine: what is declared, and where two datasets put its public address.

Debian's tor-geoipdb is the first opinion, any .mmdb the second. Neither is asked over the network, and the address
itself is not written down. Round trips are measured from elsewhere and brought in (`skerry evidence add`).
"""

from __future__ import annotations

import asyncio
from datetime import date

from jurisdiction.declared import NOTHING
from jurisdiction.geo import Located
from jurisdiction.notary import Notary
from jurisdiction.records import evidence
from mailhost.domaindns import dnswalk
from webadmin.cell import hosting
from webadmin.cell.gazetteer import Gazetteer
from webadmin.environ import Environ


def take(environ: Environ, notary: Notary, today: date) -> Located | None:
    """Record the declaration and, for a cell with a public address, what geolocation says of it."""
    evidence.declare(notary, today)
    if not environ.public_address:
        return None
    found = where(environ, notary, today)
    evidence.locate(found, notary, today)
    if environ.resolver:
        evidence.walked(mail_path(environ, notary, today), notary, today)
    return found


def mail_path(environ: Environ, notary: Notary, today: date) -> list[Located]:
    """Where the addresses stand that the DNS gives for the cell's own name, which all its domains' MX records name.

    Empty where the DNS does not answer, or where the name leads past the cell's public address: that shows nothing.
    """
    resolver = hosting.resolver(environ)
    if resolver is None:
        return []
    found = asyncio.run(dnswalk.hosts(resolver, "mx", environ.hostname))
    addresses = [one.address for one in found.servers]
    if environ.public_address not in addresses:
        return []
    places = Gazetteer(environ, notary.atlas.countries, declared=NOTHING)
    return [places(address, today).located for address in addresses]


def where(environ: Environ, notary: Notary, today: date) -> Located:
    """Where both datasets put the cell's public address. What the operator declares about networks is no evidence
    here: it would be his own word twice."""
    return Gazetteer(environ, notary.atlas.countries, declared=NOTHING)(environ.public_address, today).located
