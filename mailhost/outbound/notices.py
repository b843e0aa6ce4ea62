"""Telling an author what became of his message: a notice, sealed into his own mailbox.

Everybody who can put mail into the queue has a mailbox in this cell, so a notice never leaves it. It carries the
header of the original and never its body. The null sender has nobody to be told (RFC 5321 §6.1), except of what the
tenant's own policy stopped, and whoever asked for no notices gets none (RFC 3461 §4.1).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.message.address import BadAddress, parse_address
from mailhost.message.dsn import notice
from mailhost.message.fates import Fate
from mailhost.message.letter import Say
from mailhost.outbox import GIVE_UP, Forward, Item, Outbox
from mailhost.outcomes import Deferred
from mailhost.receive import Receiver

# Reason code of an item: (enhanced status code, a sentence for the author).
WHY: Final[dict[str, tuple[str, str]]] = {
    "refused_by_host": ("5.0.0", "The receiving host refused the message."),
    "deferred_by_host": ("4.0.0", "The receiving host asked to try again later."),
    "null_mx": ("5.1.10", "This domain says that it takes no mail."),
    "no_such_domain": ("5.1.2", "This domain does not exist; check the address."),
    "no_address": ("5.4.4", "This domain names no host that could take mail."),
    "private_target": ("5.4.4", "This domain sends its mail to an address that is not on the internet."),
    "points_here": (
        "5.4.6",
        (
            "The DNS sends this domain's mail to this very mail host, which does not host it. Its operator must correct"
            " that."
        ),
    ),
    "dns_failed": ("4.4.3", "The name servers of this domain do not answer."),
    "no_resolver": ("4.4.3", "This mail host has neither a resolver nor a smarthost set; its operator must set one."),
    "unreachable": ("4.4.1", "No host of this domain could be reached."),
    "refused": ("4.4.1", "No host of this domain takes connections."),
    "timeout": ("4.4.1", "The hosts of this domain do not answer in time."),
    "closed": ("4.4.2", "The receiving host closed the connection."),
    "not_smtp": ("4.4.2", "What answers at this domain is no mail host."),
    "greeting_refused": ("4.4.2", "The receiving host did not want to talk to us."),
    "hello_refused": ("4.4.2", "The receiving host did not want to talk to us."),
    "tls_failed": ("4.7.5", "No encrypted connection to the receiving host could be made."),
    "tls_refused": ("4.7.5", "The receiving host offers encryption and then refuses it."),
    "tls_required": (
        "5.7.10",
        (
            "The receiving host offers no encryption, and mail leaves here encrypted only. Ask its operator to switch"
            " on TLS, or seal the message for its reader."
        ),
    ),
    "relayed": (
        "2.0.0",
        "It was handed to the receiving host, which sends no notices of its own: whether it was read is not known.",
    ),
    "delivered": ("2.0.0", "It is in the recipient's mailbox."),
    "tls_stripped": (
        "4.7.10",
        (
            "The receiving domain says that its hosts encrypt, and the one that answers does not: perhaps somebody"
            " stands in between. Nothing was sent."
        ),
    ),
    "tls_certificate": (
        "4.7.5",
        (
            "The receiving domain asks for a certificate that the authorities vouch for, and its host does not show"
            " one. Nothing was sent; its operator must renew the certificate."
        ),
    ),
    "dane_mismatch": (
        "4.7.5",
        (
            "The receiving domain names the certificate of its host in the DNS (DANE), and the host shows another."
            " Nothing was sent; its operator must correct one of the two."
        ),
    ),
    "dane_unknown": (
        "4.7.5",
        "What the receiving domain's DNS says about its host's certificate (DANE) could not be had. Nothing was sent.",
    ),
    "sts_unknown": (
        "4.7.5",
        (
            "You asked for verified encryption on the whole way (REQUIRETLS), and the receiving domain could not be"
            " asked which hosts are its own (MTA-STS). Nothing was sent."
        ),
    ),
    "sts_host_not_listed": (
        "4.7.5",
        (
            "The receiving domain lists the hosts that may take its mail (MTA-STS), and the DNS names others. Nothing"
            " was sent; its operator must correct one of the two."
        ),
    ),
    "requiretls_no_tls": (
        "5.7.10",
        (
            "You asked for verified encryption on the whole way (REQUIRETLS), and no host of the receiving domain"
            " offers it. Send the message again without asking, or seal it for its reader."
        ),
    ),
    "requiretls_unproven": (
        "5.7.10",
        (
            "You asked for verified encryption on the whole way (REQUIRETLS), and the receiving domain proves neither"
            " by DNSSEC nor by MTA-STS which hosts are its own. Send the message again without asking, or seal it for"
            " its reader."
        ),
    ),
    "requiretls_unsupported": (
        "5.7.30",
        (
            "You asked for verified encryption on the whole way (REQUIRETLS), and the receiving host does not promise"
            " it for its own way on. Send the message again without asking, or seal it for its reader."
        ),
    ),
    "content_gone": (
        "5.3.0",
        (
            "This mail host has lost the message before it was sent, so nobody has it. Your mail program may have kept"
            " a copy: send it again."
        ),
    ),
    "restored": (
        "4.3.0",
        (
            "This mail host was restored from a backup, and the message may have left already. It is held until an"
            " administrator says whether it goes again."
        ),
    ),
    "egress_denied": (
        "5.7.1",
        (
            "It was not sent: your organisation's policy does not let readable mail go to the country or the owner of"
            " the receiving host. Seal the message for its reader (OpenPGP or S/MIME), or ask your administrator."
        ),
    ),
    "egress_held": (
        "5.7.1",
        (
            "It was not sent: your organisation's policy holds readable mail for the receiving host. The whole message"
            " is in the folder Held of your mailbox, sealed as all your mail is, and nowhere else here. Seal it for"
            " its reader (OpenPGP or S/MIME), or ask your administrator about the policy; then open it in Held, send"
            " it again to the addresses named here, and delete it from Held."
        ),
    ),
    "egress_not_kept": (
        "5.7.1",
        (
            "It was not sent: your organisation's policy holds readable mail for the receiving host. Your mailbox"
            " cannot take it back, so it is not in the folder Held either: your mail program may have kept a copy."
            " Seal the message for its reader (OpenPGP or S/MIME), or ask your administrator about the policy."
        ),
    ),
    "link_waits": (
        "4.2.2",
        (
            "It is to stay here for its reader to open by a link, and the words for that could not be given to you yet."
            " Make room in your mailbox."
        ),
    ),
    "parted": ("4.0.0", "It is sent on its own: other recipients of the same message needed your consent or a link."),
    "held_waits": (
        "4.2.2",
        (
            "Your organisation's policy holds readable mail for the receiving host, and the message could not be given"
            " back to you yet. Make room in your mailbox."
        ),
    ),
}
# What the tenant's own policy stopped, and nothing of it is left in the author's mailbox.
OF_POLICY: Final = frozenset({"egress_denied", "egress_not_kept"})
EXPIRED: Final = "4.4.7"  # RFC 3463 §3.5: delivery time expired


class Notices:
    """Writes notices and hands them to the cell's own delivery. `say_to` gives the sentences of a mailbox's owner in
    their language, `random_word` letters no message can foresee."""

    def __init__(
        self,
        *,
        hostname: str,
        receiver: Receiver,
        outbox: Outbox,
        now: Callable[[], datetime],
        say_to: Callable[[int], Awaitable[Say]],
        random_word: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._hostname = hostname
        self._receiver = receiver
        self._outbox = outbox
        self._now = now
        self._say_to = say_to
        self._random_word = random_word

    async def send(self, item: Item, fates: Sequence[Fate]) -> bool:
        """Tell the author, if he wants to know. False: not now, try again. Raises StoreUnavailable."""
        recipients = {forward.address: forward for forward in item.recipients}
        fates = [fate for fate in fates if wants(recipients[fate.recipient], fate.action)]
        to = item.sender
        if not to:
            # RFC 5321 §6.1: the null sender is never answered. But what a policy of this house stopped was answered to
            # nobody: whose it is hears of it, or receipts and reports would vanish without a word.
            to, fates = item.author, [fate for fate in fates if fate.reason in OF_POLICY]
        if not to or not fates:
            return True
        try:
            author = parse_address(to)
        except BadAddress:
            return True
        routes = await self._receiver.recipient(author, 0)
        if not isinstance(routes, tuple):
            # An author who is gone or switched off is told nothing any more.
            return not isinstance(routes, Deferred)
        word = self._random_word()
        text = notice(
            to=str(author),
            hostname=self._hostname,
            domain=author.domain,
            message_id=f"{word}@{author.domain}",
            boundary=f"={word}",
            now=self._now(),
            queued=item.queued,
            fates=fates,
            original=await self._outbox.content(item) or b"",
            envid=item.envid,
            gives_up=item.queued + GIVE_UP if fates[0].action == "delayed" else None,
            say=await self._say_to(routes[0].mailbox_id),
        )
        envelope = Envelope(None, Client("", self._hostname, "LMTP"), recipients=[Recipient(author, routes)])
        return not isinstance(await self._receiver.message(envelope, bytearray(text)), Deferred)


# RFC 3461 §4.1: the word of NOTIFY that asks for each action.
_ASKED_BY: Final = {"failed": "FAILURE", "delayed": "DELAY", "relayed": "SUCCESS", "delivered": "SUCCESS"}


def wants(forward: Forward, action: str) -> bool:
    """Whether the author wants to hear of it; without NOTIFY, of failure and delay."""
    words = set(forward.notify.upper().split(",")) - {""}
    return _ASKED_BY[action] in (words or {"FAILURE", "DELAY"})


def fate(
    forward: Forward, action: str, reason: str, *, status: str = "", host: str = "", said: str = "", more: str = ""
) -> Fate:
    """What became of a recipient, in words; `more` are further sentences about the reason."""
    usual, why = WHY.get(reason, ("4.0.0", "It could not be delivered yet."))
    if action == "delayed":
        # RFC 3463 §2: class 4 says that trying again may help, whatever it would be called at the end.
        usual = f"4{usual[1:]}"
    return Fate(forward.address, action, status or usual, f"{why} {more}".strip(), host, said, forward.orcpt, reason)
