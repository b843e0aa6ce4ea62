"""Passkeys (WebAuthn level 3): an authenticator's key as the second factor, for this host's name and no other.

The ceremony has two halves: options with a random challenge, which wait in the session, and the authenticator's signed
answer. No attestation is asked for: which make of authenticator somebody has is nobody's business. A signature counter
that goes backwards means a copy, and is refused. Parsing and checking are py_webauthn's.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from django.db import IntegrityError, transaction
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from webadmin.accounts.models import Account, Passkey

MOST: Final = 20  # passkeys of one account: more is a mistake or a nuisance
MAX_ANSWER: Final = 16_384  # octets of an authenticator's answer


class NotAccepted(Exception):
    """The authenticator's answer is not one to this challenge, of this host, by a key of this account."""


def add_options(account: Account, host: str) -> tuple[dict[str, Any], bytes]:
    """Options for a new passkey, as the browser wants them, and the challenge to remember."""
    made = generate_registration_options(
        rp_id=host,
        rp_name="Skerry",
        user_id=f"account {account.pk}".encode(),
        user_name=account.shown_name,
        exclude_credentials=_known(account),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return json.loads(options_to_json(made)), made.challenge


def add(account: Account, answer: str, words: str, *, challenge: bytes, origin: str, host: str, today: date) -> None:
    """Keep a new passkey. Raises NotAccepted, also where no challenge waits."""
    try:
        checked = verify_registration_response(
            credential=_parsed(answer, challenge),
            expected_challenge=challenge,
            expected_rp_id=host,
            expected_origin=origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise NotAccepted from None
    if account.passkey_set.count() >= MOST:
        raise NotAccepted
    try:
        with transaction.atomic():
            Passkey.objects.create(
                account=account,
                words=words,
                credential_id=checked.credential_id,
                public_key=checked.credential_public_key,
                sign_count=checked.sign_count,
                created=today,
            )
    except IntegrityError:
        raise NotAccepted from None


def use_options(account: Account, host: str) -> tuple[dict[str, Any], bytes]:
    """Options for proving oneself with one of the account's passkeys, and the challenge to remember."""
    made = generate_authentication_options(
        rp_id=host, allow_credentials=_known(account), user_verification=UserVerificationRequirement.PREFERRED
    )
    return json.loads(options_to_json(made)), made.challenge


def use(account: Account, answer: str, *, challenge: bytes, origin: str, host: str, today: date) -> None:
    """Raises NotAccepted unless a challenge waits and one of the account's passkeys signed it."""
    try:
        parsed = _parsed(answer, challenge)
        with transaction.atomic():
            row = account.passkey_set.select_for_update().get(credential_id=base64url_to_bytes(parsed["rawId"]))
            checked = verify_authentication_response(
                credential=parsed,
                expected_challenge=challenge,
                expected_rp_id=host,
                expected_origin=origin,
                credential_public_key=bytes(row.public_key),
                credential_current_sign_count=row.sign_count,
            )
            row.sign_count, row.used = checked.new_sign_count, today
            row.save(update_fields=["sign_count", "used"])
    except (WebAuthnException, Passkey.DoesNotExist, ValueError, KeyError, TypeError):
        raise NotAccepted from None


def _parsed(answer: str, challenge: bytes) -> dict[str, Any]:
    # WebAuthn level 3 §13.4.3: without randomness of ours an answer is good for ever. The library compares the two
    # challenges and finds an empty one equal to an empty one.
    if not challenge or len(answer) > MAX_ANSWER:
        raise ValueError
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _known(account: Account) -> list[PublicKeyCredentialDescriptor]:
    ids = account.passkey_set.values_list("credential_id", flat=True)
    return [PublicKeyCredentialDescriptor(id=bytes(one)) for one in ids]
