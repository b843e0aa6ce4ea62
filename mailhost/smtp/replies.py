"""Reply lines: the only words this server says, as bytes ready for the wire.

RFC 5321 §4.2 gives the form and the codes, RFC 2034 and RFC 3463 the enhanced status code behind the code (in
every 2yz, 4yz and 5yz reply except the greeting and the answers to HELO and EHLO). Outcomes of the use-cases bring
their own code and text and are rendered here. No reply repeats anything that a client sent, so nothing can be
reflected, and none names an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from mailhost.outcomes import REASONS, Outcome, Reason

# The protocol itself.
OK = b"250 2.0.0 Ok\r\n"
SENDER_OK = b"250 2.1.0 Sender ok\r\n"
RECIPIENT_OK = b"250 2.1.5 Recipient ok\r\n"
CHUNK_OK = b"250 2.0.0 Chunk ok\r\n"
SEND_CONTENT = b"354 End data with <CR><LF>.<CR><LF>\r\n"
BYE = b"221 2.0.0 Bye\r\n"
START_TLS = b"220 2.0.0 Ready to start TLS\r\n"
# RFC 5321 §3.5.3: VRFY may refuse to tell; RFC 5321 §7.3 says why it should.
CANNOT_VERIFY = b"252 2.0.0 Cannot tell, but send the message and see\r\n"
LOGGED_IN = b"235 2.7.0 Logged in\r\n"
HELP = (
    b"214-2.0.0 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS\r\n214 2.0.0 RFC 5321 explains them\r\n"
)

# The client's mistakes.
UNKNOWN_COMMAND = b"500 5.5.2 Command not recognised\r\n"
NOT_IMPLEMENTED = b"502 5.5.1 Command not implemented\r\n"
LINE_TOO_LONG = b"500 5.5.2 Command line too long\r\n"
BAD_LINE_END = b"500 5.5.2 Command lines must end with CRLF\r\n"
BAD_CHARACTERS = b"500 5.5.2 Command lines must be UTF-8 without control characters\r\n"
NO_ARGUMENT = b"501 5.5.4 This command takes no argument\r\n"
HELLO_NEEDS_NAME = b"501 5.5.4 Syntax: EHLO hostname\r\n"
MAIL_SYNTAX = b"501 5.5.4 Syntax: MAIL FROM:<address> [parameters]\r\n"
RCPT_SYNTAX = b"501 5.5.4 Syntax: RCPT TO:<address> [parameters]\r\n"
BDAT_SYNTAX = b"501 5.5.4 Syntax: BDAT octets [LAST]; closing, for what follows cannot be told apart\r\n"
BAD_PARAMETER = b"501 5.5.4 Wrong value of a parameter\r\n"
UNKNOWN_PARAMETER = b"555 5.5.4 Parameter not recognised\r\n"
TOO_FAR_AWAY = b"501 5.5.4 Held for longer than this host does; EHLO says how long\r\n"
NO_BINARY = b"504 5.6.1 BINARYMIME is not offered; use 7BIT or 8BITMIME\r\n"
BAD_SENDER = b"553 5.1.7 The sender's address is malformed\r\n"
BAD_RECIPIENT = b"553 5.1.3 The recipient's address is malformed\r\n"
NEEDS_SMTPUTF8 = b"553 5.6.7 An address beyond ASCII needs the SMTPUTF8 parameter on MAIL\r\n"
HELLO_FIRST = b"503 5.5.1 Say EHLO first\r\n"
NESTED_MAIL = b"503 5.5.1 A transaction is under way\r\n"
MAIL_FIRST = b"503 5.5.1 Say MAIL first\r\n"
NO_RECIPIENTS = b"503 5.5.1 No valid recipients\r\n"
CHUNKS_BEGAN = b"503 5.5.1 Chunks have begun: only BDAT or RSET now\r\n"
CHUNK_REFUSED = b"503 5.5.1 An earlier command of this transaction failed; say RSET\r\n"
# RFC 4954 §4 and §6, RFC 3207 §4.
TLS_FIRST = b"530 5.7.0 Say STARTTLS first: passwords travel under TLS only\r\n"
LOGIN_FIRST = b"530 5.7.0 Log in first (AUTH PLAIN or AUTH LOGIN with an app password)\r\n"
ALREADY_LOGGED_IN = b"503 5.5.1 Already logged in\r\n"
NOT_WHILE_SENDING = b"503 5.5.1 Not inside a transaction\r\n"
UNKNOWN_MECHANISM = b"504 5.5.4 Use AUTH PLAIN or AUTH LOGIN\r\n"
AUTH_SYNTAX = b"501 5.5.2 Not base64, or not the form that the mechanism wants\r\n"
AUTH_CANCELLED = b"501 5.7.0 Login cancelled\r\n"
WRONG_PASSWORD = b"535 5.7.8 Wrong address or app password; make a new app password if this one was lost\r\n"
TOO_MANY_FAILURES = b"454 4.7.0 Too many wrong passwords from here; try again in a minute\r\n"
ASK_USERNAME = b"334 VXNlcm5hbWU6\r\n"
ASK_PASSWORD = b"334 UGFzc3dvcmQ6\r\n"
ASK_PLAIN = b"334 \r\n"
NO_TLS = b"502 5.5.1 TLS is not available\r\n"
ALREADY_TLS = b"503 5.5.1 TLS is active\r\n"
INJECTED = b"554 5.5.1 Data behind STARTTLS; closing\r\n"

# RFC 5321 §3.8: 421 says that the server closes the connection.
TOO_MANY_ERRORS = b"421 4.7.0 Too many errors; closing\r\n"
TOO_MANY_COMMANDS = b"421 4.7.0 Too many commands that bring no mail; closing\r\n"
NOT_SMTP = b"421 4.7.0 This is not SMTP; closing\r\n"
TOO_MANY_CONNECTIONS = b"421 4.7.0 Too many connections; try again later\r\n"
TIMEOUT = b"421 4.4.2 Waited too long; closing\r\n"
TOO_SLOW = b"421 4.4.2 The message comes too slowly; closing\r\n"
OVERRUN = b"421 4.3.0 Far more than allowed; closing\r\n"
LOGIN_ENDED = b"421 4.7.0 This app password was ended, or its mailbox may not send any more; closing\r\n"
STOPPING = b"421 4.3.2 The server stops; try again later\r\n"


@cache
def of_reason(reason: Reason) -> bytes:
    """The reply line of a reason."""
    code, enhanced, text = REASONS[reason]
    return f"{code} {enhanced} {text}\r\n".encode("ascii")


def of_outcome(outcome: Outcome) -> bytes:
    """The reply line of an outcome."""
    return of_reason(outcome.reason)


def several(code: int, lines: Sequence[str]) -> bytes:
    """A reply of several lines (RFC 5321 §4.2.1)."""
    last = len(lines) - 1
    return "".join(f"{code}{' ' if n == last else '-'}{line}\r\n" for n, line in enumerate(lines)).encode()
