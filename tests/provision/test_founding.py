"""A founder's tenant and mailbox come together or not at all, with keys this host cannot use."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurisdiction.ledger import keylog
from jurisdiction.policy import Policy
from jurisdiction.presets import home_policy
from jurisdiction.records import keys, policies
from mailhost.models import Domain, KeyringWrap, Mailbox, MailboxKey, Tenant
from mailhost.provision import domains, founding, mailboxes, names, tenants
from mailhost.provision.activating import activate
from mailhost.provision.claims import Claims
from mailhost.provision.errors import AlreadyThere, BadName, CellExcluded, NotFound
from mailhost.provision.founding import Founding, found, slug_of
from mailhost.seal.keyring import open_keyring, unwrap_keyring_key
from mailhost.seal.password import auth_verifier
from mailhost.seal.phrase import parse_phrase, phrase_wrap_key
from mailhost.seal.registration import Registration, parse_registration, registration_message
from tests.provision import house
from tests.provision.fakes import FakeBlobs, FakeDirectory
from tests.seal import owners

SHARED = "is-1.test"
ADDRESS = f"ada@{SHARED}"
ADA = owners.make(ADDRESS)
POLICY = home_policy("IS")
WISH = Founding("Fjord & Daughters", ADDRESS, POLICY, young_until=date(2027, 4, 14))


@pytest.fixture
def shared(db: None, claims: Claims) -> None:
    founding.ensure_shared_domain(SHARED, now=house.NOW, claims=claims, notary=house.NOTARY)


def registered(owner: owners.OwnerKeys = ADA) -> Registration:
    return parse_registration(owner.text, owner.form["address"])


def founded(claims: Claims, wish: Founding = WISH, made: Registration | None = None, **more: Any) -> Mailbox:
    options: dict[str, Any] = {
        "notary": house.NOTARY,
        "now": house.NOW,
        "quota_bytes": house.QUOTA,
        "server_key": house.SERVER_KEY,
    }
    return found(wish, made or registered(), claims=claims, **(options | more))


@pytest.mark.usefixtures("shared")
def test_a_founder_gets_a_tenant_a_policy_and_a_mailbox_that_takes_mail(claims: Claims) -> None:
    box = founded(claims)
    assert box.address == ADDRESS
    assert box.tenant.slug == "fjord-daughters"
    assert box.tenant.young_until == WISH.young_until
    assert box.domain.tenant.slug == "house-is-1"
    box.refresh_from_db()
    assert box.state == Mailbox.State.ACTIVE
    assert policies.in_force(box.tenant.slug, house.NOTARY.key.verify_key).allow == ("IS",)
    assert box.folder_set.count() == len(mailboxes.FOLDERS)


@pytest.mark.usefixtures("shared")
def test_what_is_stored_is_what_the_owner_can_open_and_the_key_is_logged(claims: Claims) -> None:
    box = founded(claims)
    box.refresh_from_db()
    wrap = KeyringWrap.objects.get(mailbox=box, kind=KeyringWrap.Kind.RECOVERY)
    keyring_key = unwrap_keyring_key(phrase_wrap_key(parse_phrase(ADA.phrase)), bytes(wrap.wrap))
    assert open_keyring(keyring_key, bytes(box.keyring or b"")).recipient == ADA.keyring.recipient
    by_password = KeyringWrap.objects.get(mailbox=box, kind=KeyringWrap.Kind.PASSWORD)
    assert bytes(by_password.auth_hash or b"") == auth_verifier(house.SERVER_KEY, ADA.auth_key)
    [logged] = keys.records_of(keys.label_of(ADDRESS, house.NOTARY, keylog.argon2id))
    assert logged.identities == (ADA.keyring.recipient.text,)


@pytest.mark.usefixtures("shared")
def test_the_same_form_sent_again_changes_nothing(claims: Claims) -> None:
    first = founded(claims)
    assert founded(claims).pk == first.pk
    assert Tenant.objects.filter(slug__startswith="fjord").count() == 1
    assert MailboxKey.objects.count() == 1


@pytest.mark.usefixtures("shared")
def test_an_address_that_is_taken_founds_nothing(claims: Claims, directory: FakeDirectory) -> None:
    founded(claims)
    with pytest.raises(AlreadyThere):
        founded(claims, made=registered(owners.make(ADDRESS)))
    assert sorted(directory.tenants) == ["fjord-daughters", "house-is-1"]


@pytest.mark.usefixtures("shared")
def test_a_name_that_is_taken_here_or_elsewhere_gets_a_number(claims: Claims, directory: FakeDirectory) -> None:
    founded(claims)
    directory.of("no-1").claim_tenant("fjord-daughters-2")
    ben = owners.make(f"ben@{SHARED}")
    box = founded(claims, replace(WISH, address=f"ben@{SHARED}"), registered(ben))
    assert box.tenant.slug == "fjord-daughters-3"


@pytest.mark.usefixtures("shared")
def test_a_founding_that_fails_half_way_leaves_no_tenant_and_no_claim(claims: Claims, directory: FakeDirectory) -> None:
    wish = replace(WISH, address="ada@nowhere.test")
    with pytest.raises(NotFound):
        founded(claims, wish, registered(owners.make("ada@nowhere.test")))
    assert not Tenant.objects.filter(slug="fjord-daughters").exists()
    assert "fjord-daughters" not in directory.tenants


@pytest.mark.usefixtures("shared")
def test_a_policy_that_excludes_the_cell_is_refused(claims: Claims) -> None:
    with pytest.raises(CellExcluded):
        founded(claims, replace(WISH, policy=Policy(allow=("CH",), backup_allow=("CH",), operator_allow=("CH",))))
    assert Mailbox.objects.count() == 0


@pytest.mark.usefixtures("shared")
def test_deleting_a_founders_tenant_takes_the_mailbox_and_leaves_the_shared_domain(
    claims: Claims, blobs: FakeBlobs
) -> None:
    founded(claims)
    assert domains.tenant_of(ADDRESS) == "fjord-daughters"
    tenants.remove("fjord-daughters", claims=claims, blobs=blobs, outgoing=blobs, notary=house.NOTARY, now=house.NOW)
    assert Mailbox.objects.count() == 0
    assert Domain.objects.filter(name=SHARED).exists()


@pytest.mark.usefixtures("shared")
def test_the_shared_domain_is_made_once_and_never_taken_from_a_tenant(claims: Claims) -> None:
    founding.ensure_shared_domain(SHARED, now=house.NOW, claims=claims, notary=house.NOTARY)
    assert Domain.objects.filter(name=SHARED).count() == 1
    house.found(claims)
    with pytest.raises(AlreadyThere, match="harbour"):
        founding.ensure_shared_domain("example.is", now=house.NOW, claims=claims, notary=house.NOTARY)


@pytest.mark.usefixtures("shared")
def test_trust_lifts_the_hold(claims: Claims) -> None:
    founded(claims)
    tenants.trust("fjord-daughters")
    assert Tenant.objects.get(slug="fjord-daughters").young_until is None


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Fjord & Daughters", "fjord-daughters"),
        ("Þórður's Bakarí", "thordurs-bakari"),
        ("  Ada  ", "ada"),
        ("日本語", "tenant"),
        ("---", "tenant"),
        ("x" * 90, "x" * 37),
        ("Straße 7", "strasse-7"),
    ],
)
def test_a_slug_is_made_of_the_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.text(max_size=120))
def test_every_name_gives_a_slug_with_room_for_a_number(name: str) -> None:
    assert names.slug(f"{slug_of(name)}-50")


@pytest.mark.usefixtures("shared")
def test_a_reserved_slug_is_not_given(claims: Claims) -> None:
    assert founded(claims, replace(WISH, name="Admin")).tenant.slug == "admin-2"


@pytest.mark.usefixtures("shared")
def test_a_name_taken_fifty_times_asks_for_another(claims: Claims, directory: FakeDirectory) -> None:
    for number in range(founding.TRIES + 1):
        directory.of("no-1").claim_tenant("fjord-daughters" + (f"-{number}" if number > 1 else ""))
    with pytest.raises(BadName, match="all taken"):
        founded(claims)


@pytest.mark.usefixtures("cell")
def test_an_invited_mailbox_is_activated_once(claims: Claims) -> None:
    box = house.invite("ben@example.is")
    ben = registered(owners.make("ben@example.is"))
    label = keys.label_of("ben@example.is", house.NOTARY)
    for _ in range(2):
        activate(box, ben, label, notary=house.NOTARY, now=house.NOW, server_key=house.SERVER_KEY)
    assert MailboxKey.objects.filter(mailbox=box).count() == 1
    other = registered(owners.make("ben@example.is"))
    with pytest.raises(AlreadyThere):
        activate(box, other, label, notary=house.NOTARY, now=house.NOW, server_key=house.SERVER_KEY)


@pytest.mark.usefixtures("shared", "cell")
def test_whoever_knows_the_public_key_is_not_taken_for_its_owner(claims: Claims) -> None:
    founded(claims)
    with pytest.raises(AlreadyThere):
        founded(claims, made=pretended(ADA))
    box, ben = house.invite("ben@example.is"), owners.make("ben@example.is")
    label = keys.label_of("ben@example.is", house.NOTARY)
    activate(box, registered(ben), label, notary=house.NOTARY, now=house.NOW, server_key=house.SERVER_KEY)
    with pytest.raises(AlreadyThere):
        activate(box, pretended(ben), label, notary=house.NOTARY, now=house.NOW, server_key=house.SERVER_KEY)


def pretended(victim: owners.OwnerKeys) -> Registration:
    """A registration with somebody else's public key, proven by a signing key of one's own."""
    address, recipient = victim.form["address"], victim.form["recipient"]
    own = owners.make(address)
    proof = own.keyring.signing_key.sign(registration_message(address, recipient)).signature
    return parse_registration(json.dumps(own.form | {"recipient": recipient, "proof": owners.text64(proof)}), address)
