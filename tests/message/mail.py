"""Messages for the tests, written as lines."""

from mailhost.message.structure import Part, scan


def mail(*lines: str | bytes) -> bytes:
    """The lines joined by CRLF; text is UTF-8."""
    return b"\r\n".join(line.encode() if isinstance(line, str) else line for line in lines)


def body_of(message: bytes, part: Part) -> bytes:
    """The bytes of a part's body."""
    return message[part.body_start : part.body_end]


def leaves(message: bytes) -> list[bytes]:
    """The bodies of all leaf parts, in order."""
    return [body_of(message, part) for part in scan(message).walk() if not part.children]


def shape(part: Part) -> str:
    """The tree in one line: `multipart/mixed(text/plain message/rfc822(text/plain))`."""
    name = f"{part.type}/{part.subtype}"
    return f"{name}({' '.join(shape(child) for child in part.children)})" if part.children else name


NESTED = mail(
    "From: Ada <ada@example.is>",
    "Subject: outer",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="outer"',
    "",
    "preamble",
    "--outer",
    'Content-Type: multipart/alternative; boundary="outer-inner"',
    "",
    "--outer-inner",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "Gr=C3=BC=C3=9Fe",
    "--outer-inner",
    "Content-Type: text/html",
    "",
    "<p>Hi",
    "--outer-inner--",
    "",
    "--outer",
    "Content-Type: message/rfc822",
    "Content-Description: forwarded",
    "",
    "From: Ben <ben@example.is>",
    "Subject: inner",
    "Content-Type: multipart/mixed; boundary=deep",
    "",
    "--deep",
    "",
    "one",
    "--deep",
    "Content-Type: application/pdf; name=a.pdf",
    "Content-Transfer-Encoding: base64",
    "Content-Disposition: attachment; filename=a.pdf",
    "",
    "JVBERg==",
    "--deep--",
    "--outer--",
    "epilogue",
    "",
)
