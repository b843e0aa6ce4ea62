"""Second factors: six digits from a program (TOTP, RFC 6238), and recovery codes for when everything else is lost.

A secret is encrypted under `factor.key`, outside the database; a code counts once, because its step must be later than
the last one that counted. Recovery codes are ten, of 50 random bits, stored as keyed hashes; a new set replaces the
old. Passkeys, the better factor, are in `webadmin.accounts.passkeys`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Final
from urllib.parse import quote, urlencode

import qrcode
from django.db import transaction
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from webadmin.accounts.models import Account, Authenticator, RecoveryCode

SECRET_SIZE: Final = 20  # RFC 4226 §4: 160 bits are recommended
STEP: Final = 30  # seconds; RFC 6238 §5.2
DIGITS: Final = 6
DRIFT: Final = 1  # steps a phone's clock may be off, each way; RFC 6238 §5.2
CODES: Final = 10
_CODE_BYTES: Final = 10  # random letters of a recovery code
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # without what is mistaken for something else on paper
_WAITING: Final = b"skerry.waits.v1"

type RandomBytes = Callable[[int], bytes]


class WrongCode(Exception):
    """The code is not one that counts now."""


def new_secret(random_bytes: RandomBytes = secrets.token_bytes) -> bytes:
    """A secret for an authenticator program, not yet anybody's."""
    return random_bytes(SECRET_SIZE)


def secret_text(secret: bytes) -> str:
    """The secret as a person types it into a program: groups of four."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address_of(secret: bytes, name: str, issuer: str) -> str:
    """The `otpauth:` address that programs read from a QR code."""
    words = {
        "secret": base64.b32encode(secret).decode().rstrip("="),
        "issuer": issuer,
        "period": STEP,
        "digits": DIGITS,
    }
    return f"otpauth://totp/{quote(issuer)}:{quote(name)}?{urlencode(words)}"


def qr_path(text: str) -> tuple[str, int]:
    """A QR code as the `d` of one SVG path, and the side of its view box."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    code.make(fit=True)
    matrix = code.get_matrix()
    moves = [f"M{x},{y}h1v1h-1z" for y, line in enumerate(matrix) for x, dark in enumerate(line) if dark]
    return "".join(moves), len(matrix)


def code_at(secret: bytes, step: int) -> str:
    """The six digits of a step. RFC 4226 §5.3, with the counter of RFC 6238 §4.2."""
    mac = hmac.digest(secret, step.to_bytes(8), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(secret: bytes, code: str, now: datetime, after: int) -> int:
    """The step this code is of, if it is close to now and later than `after`. Raises WrongCode."""
    typed = "".join(code.split())
    current = int(now.timestamp()) // STEP
    for step in range(current - DRIFT, current + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), typed.encode("utf-8", "surrogatepass")) and step > after:
            return step
    raise WrongCode


@contextmanager
def one_at_a_time(account: Account) -> Iterator[Account]:
    """The account as it is now, in a transaction that no other one of the kind runs beside.

    Two tabs that each remove one of the last two factors would otherwise each count the other's.
    """
    with transaction.atomic():
        yield Account.objects.select_for_update().get(pk=account.pk)


def enrol(account: Account, secret: bytes, code: str, now: datetime, key: bytes) -> None:
    """Make this secret the account's, once its program has shown a right code. Raises WrongCode."""
    step = step_of(secret, code, now, 0)
    Authenticator.objects.update_or_create(
        account=account,
        defaults={"secret": _box(key).encrypt(secret), "last_step": step, "created": now.date()},
    )


def check(account: Account, code: str, now: datetime, key: bytes) -> None:
    """Raises WrongCode unless the account's program shows this code now; the code is then used up."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().filter(account=account).first()
        if row is None:
            raise WrongCode
        try:
            secret = _box(key).decrypt(bytes(row.secret))
        except CryptoError:
            raise WrongCode from None
        row.last_step = step_of(secret, code, now, row.last_step)
        row.save(update_fields=["last_step"])


def locked(text: str, key: bytes) -> str:
    """A text that waits in a session to be shown once: encrypted, since sessions are rows and get into backups."""
    return base64.b64encode(_box(key, _WAITING).encrypt(text.encode())).decode()


def unlocked(text: str, key: bytes) -> str:
    """What was locked; empty for anything else."""
    try:
        return _box(key, _WAITING).decrypt(base64.b64decode(text)).decode()
    except (CryptoError, ValueError, TypeError):
        return ""


def new_codes(account: Account, key: bytes, choose: Callable[[str], str] = secrets.choice) -> list[str]:
    """Ten recovery codes, shown once; earlier ones end."""
    letters = ["".join(choose(_ALPHABET) for _ in range(_CODE_BYTES)) for _ in range(CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(account=account).delete()
        RecoveryCode.objects.bulk_create(
            RecoveryCode(account=account, digest=_digest(account, text, key)) for text in letters
        )
    return [f"{text[:5]}-{text[5:]}" for text in letters]


def spend(account: Account, code: str, today: date, key: bytes) -> int:
    """Use up a recovery code; how many are left. Raises WrongCode."""
    rows = RecoveryCode.objects.filter(account=account, used=None)
    text = "".join(letter for letter in code.lower() if letter.isalnum())
    if not rows.filter(digest=_digest(account, text, key)).update(used=today):
        raise WrongCode
    return rows.count()


def _digest(account: Account, code: str, key: bytes) -> bytes:
    text = f"{account.pk}:{code}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=32, key=key, person=b"skerry.recode.v1").digest()


def _box(key: bytes, person: bytes = b"skerry.factor.v1") -> SecretBox:
    return SecretBox(hashlib.blake2b(key, digest_size=32, person=person).digest())
