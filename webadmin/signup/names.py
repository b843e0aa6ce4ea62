"""Names a stranger may take, when nobody has looked at them: no office, no look-alike, no borrowed domain.

On the shared domain a local part is plain ASCII, so that no Cyrillic letter passes for a Latin one, and its *skeleton*
(the form that looks alike: `1` as `l`, `0` as `o`, `rn` as `m`, dots and dashes gone) must be nobody's and not an
office's. Reserved are the mailboxes of RFC 2142, the names certificate authorities write to before they give somebody a
certificate for a domain, and names that would speak for the house. A tenant's name is free text of one script a word,
and looks like no domain. A domain of one's own must be written in one script, and not wholly in letters that pass for
Latin ones.

In: what somebody typed. Out: its normal form, or `BadName` with what to correct. Nothing is looked up.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from mailhost.provision import names
from mailhost.provision.errors import BadName
from mailhost.provision.tenants import MAX_NAME

MIN_LOCAL: Final = 3  # shorter names are guessed by every dictionary attack, and are worth squatting
MAX_LOCAL: Final = 40
_LOCAL: Final = re.compile(r"[a-z](?:[a-z0-9]|[._-](?=[a-z0-9]))*")
_RESERVED: Final = """
abuse account accounts admin administrator administration all alert alerts anonymous api autoconfig autodiscover
billing bot bounce bounces cell certmaster contact daemon dkim dmarc dns dpo everybody everyone ftp guest helpdesk help
host hostmaster imap info invoice is it legal list list-owner listmaster login mail mailer mailer-daemon mailerdaemon
marketing me mis moderator mta mta-sts news no-reply nobody noc noreply null office official openpgpkey operator
operators owner password payment payments pop3 postmaster privacy register registration report reports root sales
security service signup skerry smtp spam ssladmin ssladministrator sslwebmaster staff support sysadmin system team
tenant test tlsrpt tls-rpt trust undisclosed unsubscribe usenet user uucp verify verification webadmin webmail webmaster
wpad www
"""
# Cyrillic and Greek letters that pass for Latin ones; a whole word of them is a disguise.
_LIKE_LATIN: Final = frozenset("асԁеһіјӏорԛѕухѵԝαγικνορτυχω")
_DOMAIN_LIKE: Final = re.compile(r"\w\.[^\W\d_]{2,}\b")


def skeleton(local: str) -> str:
    """What a local part looks like at a glance; two names with one skeleton are one name to a reader."""
    plain = re.sub(r"[._-]", "", local.lower())
    plain = plain.translate(str.maketrans("01358", "olesb")).replace("rn", "m").replace("vv", "w").replace("i", "l")
    return re.sub(r"(.)\1+", r"\1\1", plain)


RESERVED: Final = frozenset(skeleton(word) for word in _RESERVED.split())


def local_part(typed: str) -> str:
    """A name on the shared domain. Raises BadName."""
    local = typed.strip().lower()
    if "@" in local:
        raise BadName("type only what stands before the @")
    if not MIN_LOCAL <= len(local) <= MAX_LOCAL:
        raise BadName(f"a name here has from {MIN_LOCAL} to {MAX_LOCAL} characters")
    if not local.isascii():
        raise BadName(
            "use the letters a to z without accents: other letters can be mistaken for these. A domain of your own may"
            " have names in every script"
        )
    if not _LOCAL.fullmatch(local):
        raise BadName(
            "a name begins with a letter and holds letters, digits, and single dots, dashes or underscores between them"
        )
    if skeleton(local) in RESERVED:
        raise BadName("this name, or one that looks like it, is kept for whoever runs this host")
    return local


def tenant_name(typed: str) -> str:
    """What people will read: an organisation's, a family's or one's own name. Raises BadName."""
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadName(f"a name is one line of at most {MAX_NAME} characters")
    if "@" in name or "://" in name or _DOMAIN_LIKE.search(name):
        raise BadName("this looks like a domain or an address: give a name here, and add your domain when you are in")
    for word in name.split():
        refuse_disguise(word)
    if skeleton(names_only(name)) in RESERVED:
        raise BadName("this name would speak for whoever runs this host; choose one that is yours")
    return name


def names_only(text: str) -> str:
    """The letters and digits of a name, joined."""
    return "".join([letter for letter in text if letter.isalnum()])


def own_domain(typed: str) -> str:
    """A domain of one's own, in A-labels, that is no disguise of another. Raises BadName."""
    name = names.domain(typed)
    for label in typed.strip().removesuffix(".").split("."):
        refuse_disguise(_unicode_of(label))
    return name


def _unicode_of(label: str) -> str:
    """A label as its readers see it."""
    if not label.lower().startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        raise BadName(f"{label!r} is not a label of a domain; check its spelling") from None


def refuse_disguise(word: str) -> None:
    """Refuse a word of several scripts, or one wholly in foreign letters that pass for Latin ones. Raises BadName."""
    scripts = {_script(letter) for letter in word if letter.isalpha()}
    if scripts <= {"HIRAGANA", "KATAKANA", "CJK"} or scripts <= {"HANGUL", "CJK"}:
        return
    if len(scripts) > 1:
        raise BadName(f"{word!r} mixes letters of several scripts, which can pass for another name")
    letters = [letter for letter in word.lower() if letter.isalpha()]
    if scripts & {"CYRILLIC", "GREEK"} and letters and all(letter in _LIKE_LATIN for letter in letters):
        raise BadName(f"{word!r} is written in letters that pass for Latin ones, which can pass for another name")


def _script(letter: str) -> str:
    """The first word of the letter's Unicode name, which is its script's for every script in use."""
    return unicodedata.name(letter, "UNKNOWN").replace("FULLWIDTH ", "").partition(" ")[0].partition("-")[0]
