"""What this cell offers to the domains it hosts, from its settings and its certificate: names, ports, keys.

The one place where settings become the values that `domaindns.dnsrecords` writes records from, for the command line,
the DNS page and the periodic jobs.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailhost.adapters.dkimkeys import DOMAINS_KEY
from mailhost.domaindns.dnsrecords import Hosting
from mailhost.mailauth.resolver import Resolver, Tlsa
from mailhost.provision.domaindns import Hosted
from mailhost.tlspolicy.mtasts import Mode, Policy
from mailhost.wiring import resolving
from webadmin.cell import tls
from webadmin.cell.keyfiles import read_or_make
from webadmin.environ import Environ

# RFC 8461 §3.2: weeks or more; shorter while testing, so that a mistake is forgotten soon.
MAX_AGE = {Mode.ENFORCE: timedelta(weeks=4), Mode.TESTING: timedelta(days=1)}


def hosted(environ: Environ) -> Hosted:
    """The offer, with the secret of ownership texts and DKIM keys."""
    return Hosted(_hosting(environ), read_or_make(environ.keys / DOMAINS_KEY), policy(environ))


def _hosting(environ: Environ) -> Hosting:
    zone = environ.zone
    return Hosting(
        mail_hosts=(environ.hostname,),
        client_host=environ.hostname,
        web_host=environ.web_host or environ.hostname,
        spf_name=f"_spf.{zone}" if zone else "",
        dkim_zone=f"dkim.{zone}" if zone else "",
        reports=environ.reports_address,
        tls_reports=environ.reports_address,
        tlsa=_tlsa(environ),
        submission_port=environ.submission_port,
        submissions_port=environ.submissions_port,
        imap_port=environ.imap_port,
        imaps_port=environ.imaps_port,
    )


def _tlsa(environ: Environ) -> tuple[Tlsa, ...]:
    """RFC 7672 §3.1.1: the certificate's public key, which a renewal with the same key leaves alone."""
    try:
        certificate = tls.leaf(tls.files(environ)[0])
    except (OSError, ValueError, IndexError):
        return ()
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return (Tlsa(3, 1, 1, hashlib.sha256(key).digest()),)


def policy(environ: Environ) -> Policy | None:
    """The MTA-STS policy of every hosted domain, None where there is none to serve."""
    mode = Mode(environ.mta_sts)
    return None if mode is Mode.NONE else Policy(mode, (environ.hostname,), MAX_AGE[mode])


def resolver(environ: Environ) -> Resolver | None:
    """Who is asked whether records are right, None where nothing is looked up. Keeps no answer: people wait for it."""
    return resolving.fresh(environ.resolver)
