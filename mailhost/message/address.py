"""Envelope addresses: MAIL FROM and RCPT TO, strictly (RFC 5321 §4.1.2, internationalised by RFC 6531 §3.3).

    <ada@example.is>   <"ada lovelace"@example.is>   <ada@[192.0.2.1]>   <áda@münchen.example>   <>

In: the text of a path.  Out: an `Address` whose parts have their quoting removed and whose domain is in lower-case
A-labels (UTS 46 mapping, IDNA 2008), or `BadAddress`, which says what is wrong and repeats nothing of the input.
`lookup` is the form under which an address is stored and found.

Refuses what only headers may hold (comments, folding, names), control and invisible characters in local parts,
and address literals unless asked to keep them.  Any syntactically valid domain is accepted: whether `bar.test`
or `localhost` can receive mail is the resolver's business.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

import idna

# RFC 5321 §4.5.3.1.1 to .3, in octets.  A path counts its brackets.
MAX_LOCAL = 64
MAX_DOMAIN = 255
MAX_PATH = 256
MAX_LABEL = 63

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_FAST = re.compile(rf"<([{_ATEXT}]{{1,64}}+(?:\.[{_ATEXT}]{{1,64}}+)*+)@({_LABEL}(?:\.{_LABEL})*+)>")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*+")
# RFC 6531 §3.3: atext and all beyond ASCII, said by what it is not: Python compiles it forty times as fast.
_UTF8_ATEXT = r"""[^\x00- "(),.:;<>@\[\\\]\x7f]"""
_DOT_STRING = re.compile(rf"{_UTF8_ATEXT}++(?:\.{_UTF8_ATEXT}++)*+")
# RFC 5321 §4.1.2 QcontentSMTP: printable ASCII, a backslash before any of it; RFC 6531 adds the rest of Unicode.
_QUOTED = re.compile(r'"((?:[^\x00-\x1f"\\\x7f]|\\[ -~])*+)"')
_ESCAPED = re.compile(r"\\(.)")
# RFC 5321 §4.1.2 A-d-l: a source route must be accepted and should be ignored.
_ROUTE = re.compile(rf"@{_LABEL}(?:\.{_LABEL})*+(?:,@{_LABEL}(?:\.{_LABEL})*+)*+:")
_ASCII_LOWER = {ord(c): ord(c.lower()) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


class BadAddress(ValueError):
    """The text is not an address; the message says why, for an SMTP reply or a form."""


@dataclass(frozen=True, slots=True)
class Address:
    """`local` is unquoted and NFC, its case as written; `domain` is lower-case A-labels or an address literal."""

    local: str
    domain: str

    def __str__(self) -> str:
        """`local@domain` as it stands in a path, quoted where it must be."""
        local = self.local
        if not _DOT_STRING.fullmatch(local):
            local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{local}@{self.domain}"

    @property
    def lookup(self) -> str:
        """The normal form: ASCII letters of the local part in lower case (other scripts as they are)."""
        return f"{self.local.translate(_ASCII_LOWER)}@{self.domain}"

    @property
    def is_ascii(self) -> bool:
        """Whether it can travel without SMTPUTF8 (RFC 6531 §3.4)."""
        return self.local.isascii()

    def split(self, separator: str = "+") -> tuple["Address", str | None]:
        """The address without its sub-address (RFC 5233), and the sub-address or None: `ada+x` is `ada`, `x`."""
        user, found, detail = self.local.partition(separator)
        if not found or not user:
            return self, None
        return Address(user, self.domain), detail


def parse_path(text: str, *, literals: bool = False, postmaster_at: str | None = None) -> tuple[Address | None, str]:
    """The address in `<…>` at the start of `text`, and what follows it; None stands for the null path `<>`.

    `literals` keeps `user@[192.0.2.1]` instead of refusing it.  `postmaster_at` is the domain meant by the
    `<Postmaster>` that RFC 5321 §4.5.1 lets RCPT use.  Raises BadAddress.
    """
    fast = _FAST.match(text)
    if fast and len(fast[1]) <= MAX_LOCAL and len(fast[0]) <= MAX_PATH:
        return Address(fast[1], fast[2].lower()), text[fast.end() :]
    if text.startswith("<>"):
        return None, text[2:]
    if not text.startswith("<"):
        raise BadAddress("the address must stand in angle brackets")
    end = _path_end(text)
    if len(text[: end + 1].encode("utf-8", "surrogatepass")) > MAX_PATH:
        raise BadAddress(f"the path is longer than {MAX_PATH} octets")
    inner = text[1:end]
    if route := _ROUTE.match(inner):
        inner = inner[route.end() :]
    if postmaster_at is not None and inner.lower() == "postmaster":
        return Address(inner, normal_domain(postmaster_at)), text[end + 1 :]
    return parse_address(inner, literals=literals), text[end + 1 :]


def _path_end(text: str) -> int:
    """The offset of the bracket that closes the path at the start of `text`."""
    start = 1
    if route := _ROUTE.match(text, 1):
        start = route.end()
    quoted = _QUOTED.match(text, start)
    end = text.find(">", quoted.end() if quoted else start)
    if end < 0:
        raise BadAddress("the closing angle bracket is missing")
    return end


def parse_address(text: str, *, literals: bool = False) -> Address:
    """`local@domain` without brackets.  Raises BadAddress."""
    if quoted := _QUOTED.match(text):
        local, rest = _ESCAPED.sub(r"\1", quoted[1]), text[quoted.end() :]
        if not rest.startswith("@"):
            raise BadAddress("the quoted local part must be followed by @ and a domain")
        domain = rest[1:]
    else:
        local, found, domain = text.rpartition("@")
        if not found:
            raise BadAddress("the address has no @")
        if not _DOT_STRING.fullmatch(local):
            raise BadAddress("the part before @ must be words joined by single dots, or quoted")
    return Address(_normal_local(local), _normal_host(domain, literals=literals))


def _normal_local(local: str) -> str:
    if not local:
        raise BadAddress("the part before @ is empty")
    # RFC 6532 §3.1 asks for NFC; two ways to write one letter must be one mailbox.
    local = unicodedata.normalize("NFC", local)
    if not local.isprintable():
        raise BadAddress("the part before @ holds control or invisible characters")
    if len(local.encode("utf-8")) > MAX_LOCAL:
        raise BadAddress(f"the part before @ is longer than {MAX_LOCAL} octets")
    return local


def _normal_host(domain: str, *, literals: bool) -> str:
    if not domain.startswith("["):
        return normal_domain(domain)
    if not literals:
        raise BadAddress("an address literal instead of a domain is not accepted here")
    inner = domain[1:-1] if domain.endswith("]") else ""
    try:
        # RFC 5321 §4.1.3: `[192.0.2.1]` and `[IPv6:2001:db8::1]`.
        if inner[:5].lower() == "ipv6:" and "%" not in inner:
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        raise BadAddress("the address literal is not an IP address") from None


def normal_domain(domain: str) -> str:
    """A domain in lower-case A-labels (`münchen.example` is `xn--mnchen-3ya.example`).  Raises BadAddress."""
    if len(domain) > MAX_DOMAIN:
        raise BadAddress(f"the domain is longer than {MAX_DOMAIN} octets")
    if domain.isascii():
        ascii_domain = domain
    else:
        try:
            # RFC 6531 §3.2 and RFC 5890; UTS 46 maps capitals and full-width forms as browsers do.
            ascii_domain = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise BadAddress("the domain is not a valid internationalised name") from None
    if len(ascii_domain) > MAX_DOMAIN or not _DOMAIN.fullmatch(ascii_domain):
        raise BadAddress("the domain must be labels of letters, digits and hyphens joined by dots")
    return ascii_domain.lower()
