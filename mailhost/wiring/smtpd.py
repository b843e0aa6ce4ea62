"""smtpd: the MX and the submission ports."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from mailhost.adapters.grants import DatabaseGrants
from mailhost.adapters.logins import DatabaseLogins
from mailhost.adapters.lost_answers import DatabaseLostAnswers
from mailhost.adapters.signins import SignInBook
from mailhost.adapters.tally import DatabaseTally, look
from mailhost.limits import FailedLogins
from mailhost.overdrawn import Overdrawn
from mailhost.smtp.floor import House
from mailhost.smtp.serve import Door
from mailhost.smtp.serve import serve as serve_smtp
from mailhost.smtp.submission import Desk
from mailhost.submit import Submitter
from mailhost.wiring.chosenlimits import allowance, smtp_limits
from mailhost.wiring.intake import intake, signing_queue
from mailhost.wiring.judging import judging
from mailhost.wiring.surroundings import Surroundings, bound, now, run, stop_on_signals, workshop


def run_smtpd(around: Surroundings) -> None:
    """Serve the MX and the submission ports until SIGTERM or SIGINT."""
    run(_smtpd(around))


async def _smtpd(around: Surroundings) -> None:
    settings = around.settings
    ports = (settings.mx_port, settings.submission_port, settings.submissions_port)
    mx, submission, submissions = (bound(settings.bind, port) for port in ports)
    limits = smtp_limits(settings)
    async with (
        workshop(settings) as shop,
        judging(around, shop) as judge,
        intake(around, shop, limits, judge) as (receiver, routes, plain),
    ):
        lost = DatabaseLostAnswers(shop.writer, shop.readers)
        shop.changes.on_any(lost.refresh)
        book = SignInBook(shop.writer, shop.readers, country=None, now=now)
        desk = Desk(
            DatabaseLogins(
                shop.readers,
                key=around.secrets.app_password,
                now=now,
                book=book,
            ),
            Submitter(
                hostname=settings.hostname,
                routes=routes,
                receiver=receiver,
                queue=Overdrawn(signing_queue(around, shop), partial(shop.readers.run, look)),
                tally=DatabaseTally(shop.writer),
                grants=DatabaseGrants(shop.readers),
                lost_answers=lost,
                key=around.secrets.correspondent,
                now=now,
                limits=limits,
                allowance=allowance(settings),
            ),
            FailedLogins(limits.failed_logins, limits.rate_window, now=time.monotonic),
        )
        postmaster_domain = await plain.first_domain() or settings.hostname
        public = House(settings.hostname, receiver, limits, around.metrics, around.tls, postmaster_domain)
        users = replace(public, desk=desk)
        stop = stop_on_signals()
        around.ready()
        await serve_smtp([Door(mx, public), Door(submission, users), Door(submissions, users, implicit=True)], stop)
        await book.settled()
