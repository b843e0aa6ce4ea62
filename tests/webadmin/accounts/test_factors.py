"""Second factors: RFC 6238's own vectors, a code counts once, recovery codes are hashes."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webadmin import people
from webadmin.accounts import factors
from webadmin.accounts.models import Account, Authenticator, Passkey, RecoveryCode

KEY = bytes(range(32))
NOW = datetime(2027, 3, 14, 15, 9, 26, tzinfo=UTC)
SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("moment", "code"),
    [  # RFC 6238 appendix B, SHA-1, the last six of eight digits
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_rfc(moment: int, code: str) -> None:
    assert factors.code_at(SECRET, moment // factors.STEP) == code


@pytest.fixture
def mo(db: None) -> Account:
    return people.mo()


def _shown(moment: datetime) -> str:
    return factors.code_at(SECRET, int(moment.timestamp()) // factors.STEP)


def _enrolled(mo: Account) -> None:
    factors.enrol(mo, SECRET, _shown(NOW), NOW, KEY)


def test_a_code_counts_once(mo: Account) -> None:
    _enrolled(mo)
    later = NOW + timedelta(seconds=60)
    factors.check(mo, _shown(later), later, KEY)
    with pytest.raises(factors.WrongCode):
        factors.check(mo, _shown(later), later, KEY)
    with pytest.raises(factors.WrongCode):
        factors.check(mo, _shown(NOW), later, KEY)


@pytest.mark.parametrize(("off", "counts"), [(0, True), (30, True), (-30, True), (90, False), (-90, False)])
def test_a_phones_clock_may_be_half_a_minute_off(mo: Account, off: int, counts: bool) -> None:
    _enrolled(mo)
    later = NOW + timedelta(minutes=10)
    shown = _shown(later + timedelta(seconds=off))
    if counts:
        factors.check(mo, f"{shown[:3]} {shown[3:]}", later, KEY)
    else:
        with pytest.raises(factors.WrongCode):
            factors.check(mo, shown, later, KEY)


@pytest.mark.parametrize("typed", ["", "1", "1234567", "abcdef", "١٢٣٤٥٦", "\ud800", "-12345", "000000\x00"])
def test_what_is_no_code_is_refused(mo: Account, typed: str) -> None:
    _enrolled(mo)
    with pytest.raises(factors.WrongCode):
        factors.check(mo, typed, NOW + timedelta(minutes=5), KEY)


def test_the_secret_is_not_in_the_table(mo: Account) -> None:
    _enrolled(mo)
    assert SECRET not in bytes(Authenticator.objects.get().secret)
    with pytest.raises(factors.WrongCode):
        factors.check(mo, _shown(NOW + timedelta(minutes=5)), NOW + timedelta(minutes=5), KEY[::-1])


def test_a_recovery_code_counts_once_however_it_is_typed(mo: Account) -> None:
    codes = factors.new_codes(mo, KEY)
    assert len(set(codes)) == factors.CODES
    assert factors.spend(mo, f" {codes[0].upper().replace('-', ' ')} ", NOW.date(), KEY) == factors.CODES - 1
    with pytest.raises(factors.WrongCode):
        factors.spend(mo, codes[0], NOW.date(), KEY)
    stored = b"".join(bytes(row.digest) for row in RecoveryCode.objects.all())
    assert not [code for code in codes if code.replace("-", "").encode() in stored]


def test_a_new_set_ends_the_old_one_and_codes_are_the_owners_alone(mo: Account) -> None:
    old = factors.new_codes(mo, KEY)
    new = factors.new_codes(mo, KEY)
    with pytest.raises(factors.WrongCode):
        factors.spend(mo, old[0], NOW.date(), KEY)
    other = Account.objects.create(cell="is-1", name="po", created=NOW.date(), password="!")
    with pytest.raises(factors.WrongCode):
        factors.spend(other, new[0], NOW.date(), KEY)


def test_the_qr_code_is_one_path_with_the_secret_in_its_text() -> None:
    text = factors.address_of(SECRET, "ada@example.is", "Skerry is-1")
    assert f"secret={base64.b32encode(SECRET).decode()}" in text
    assert text.startswith("otpauth://totp/Skerry%20is-1:ada%40example.is?")
    path, side = factors.qr_path(text)
    assert re.fullmatch(r"(?:M\d+,\d+h1v1h-1z)+", path)
    assert side >= 33


def test_the_last_factor_stays_and_two_tabs_come_one_after_the_other(mo: Account) -> None:
    _enrolled(mo)
    keys = [
        Passkey.objects.create(account=mo, words="", credential_id=bytes([n]), public_key=b"x", created=NOW.date())
        for n in range(2)
    ]
    browser = people.signed_in(mo, sudo=True)
    buttons = [f"/account/passkeys/{keys[0].pk}/remove/", "/account/authenticator/remove/"]
    for button in buttons:
        with CaptureQueriesContext(connection) as asked:
            browser.post(button)
        asked_of = [query["sql"] for query in asked if "SAVEPOINT" in query["sql"] or "accounts_" in query["sql"]]
        begun = next(place for place, sql in enumerate(asked_of) if sql.startswith("SAVEPOINT"))
        row, counted, *_others = asked_of[begun + 1 :]
        assert "accounts_account" in row, "the account's row is the lock, before anything is counted"
        assert ("FOR UPDATE" in row) == connection.features.has_select_for_update
        assert "accounts_passkey" in counted
    browser.post(f"/account/passkeys/{keys[1].pk}/remove/")
    assert [row.pk for row in Passkey.objects.all()] == [keys[1].pk]
    assert not Authenticator.objects.exists()
