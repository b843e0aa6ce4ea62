"""Mailboxes: keys that only their owner can use, the first folders, removal, and the ways in."""

from dataclasses import replace
from datetime import date

import pytest

from jurisdiction.policy import Policy
from jurisdiction.presets import home_policy
from mailhost.models import (
    AppPassword,
    Folder,
    KeyringWrap,
    Mailbox,
    MailboxKey,
    MailboxUsage,
    Message,
    RouteVersion,
    SealedMessage,
    Subscription,
)
from mailhost.provision import aliases, apppasswords, mailboxes
from mailhost.provision import policy as provisioned
from mailhost.provision.errors import AccessForbidden, AlreadyThere, BadName, NoKeyYet, NotFound, WrongSecret
from mailhost.provision.removal import BATCH
from mailhost.seal.apppassword import app_password_hash, app_password_wrap_key, parse_app_password
from mailhost.seal.identity import HybridIdentity
from mailhost.seal.keyring import unwrap_keyring_key
from tests.provision import house
from tests.provision.fakes import FakeBlobs

pytestmark = pytest.mark.usefixtures("cell")
ANY = Policy()


@pytest.fixture
def ada(cell: None) -> mailboxes.NewMailbox:
    return house.add_ada()


def test_what_is_printed_belongs_together(ada: mailboxes.NewMailbox) -> None:
    [secret] = mailboxes.secret_keys("ADA@example.is", house.ADAS_PASSWORD)
    assert HybridIdentity.from_text(secret).recipient.text == ada.public_key
    assert MailboxKey.objects.get().recipient == ada.public_key
    assert len(ada.recovery_phrase.split()) == 24


def test_the_recovery_phrase_opens_the_same_keyring(ada: mailboxes.NewMailbox) -> None:
    box = mailboxes.get(ada.address)
    assert mailboxes.keyring_key_by_phrase(box, ada.recovery_phrase.upper()) == ada.keyring_key
    assert mailboxes.keyring(box, ada.keyring_key).recipient.text == ada.public_key


def test_nothing_stored_contains_a_secret(ada: mailboxes.NewMailbox) -> None:
    [secret] = mailboxes.secret_keys(ada.address, house.ADAS_PASSWORD)
    needles = [secret.encode(), ada.keyring_key, house.ADAS_PASSWORD.encode(), ada.recovery_phrase[:20].encode()]
    stored = [bytes(Mailbox.objects.get().keyring or b"")]
    for wrap in KeyringWrap.objects.all():
        stored += [bytes(wrap.wrap), bytes(wrap.auth_hash or b""), bytes(wrap.salt or b"")]
    assert not [needle for needle in needles for column in stored if needle in column]


def test_a_wrong_password_opens_nothing(ada: mailboxes.NewMailbox) -> None:
    with pytest.raises(WrongSecret):
        mailboxes.secret_keys(ada.address, house.ADAS_PASSWORD + " ")


@pytest.mark.parametrize("phrase", ["abandon " * 23 + "art", "no words", ""])
def test_a_wrong_phrase_opens_nothing(ada: mailboxes.NewMailbox, phrase: str) -> None:
    with pytest.raises(WrongSecret):
        mailboxes.keyring_key_by_phrase(mailboxes.get(ada.address), phrase)


@pytest.mark.parametrize("password", ["", "x", "elevenchars", "aaaaaaaaaaaaaaaa", "abababababab", "Password-and-more"])
def test_a_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(WrongSecret, match="at least twelve characters"):
        mailboxes.add(
            "ben@example.is",
            password,
            notary=house.NOTARY,
            now=house.NOW,
            quota_bytes=1 << 20,
            server_key=house.SERVER_KEY,
        )
    assert not Mailbox.objects.exists()


def test_six_folders_with_their_uses_all_subscribed_each_with_two_uidvalidities() -> None:
    box = house.invite("ben@example.is")
    rows = list(Folder.objects.filter(mailbox=box).order_by("pk"))
    assert {row.name: row.special_use for row in rows} == {
        "INBOX": "",
        "Drafts": "\\Drafts",
        "Sent": "\\Sent",
        "Archive": "\\Archive",
        "Junk": "\\Junk",
        "Trash": "\\Trash",
    }
    values = [value for row in rows for value in (row.uidvalidity_sealed, row.uidvalidity_session)]
    assert values == list(range(int(house.NOW.timestamp()), int(house.NOW.timestamp()) + 12))
    assert box.uidvalidity_next == values[-1] + 1
    assert set(Subscription.objects.values_list("name", flat=True)) == {row.name for row in rows}
    assert len({row.opaque_id for row in rows}) == 6
    assert MailboxUsage.objects.get(mailbox=box).bytes == 0


def test_an_invited_mailbox_has_no_key_and_says_so() -> None:
    box = house.invite("ben@example.is")
    assert (box.state, box.keyring, MailboxKey.objects.count()) == ("invited", None, 0)
    assert (box.invited_at.minute, box.invited_at.second) == (0, 0), "times are rounded down to the hour"
    with pytest.raises(NoKeyYet):
        mailboxes.secret_keys("ben@example.is", "x")
    with pytest.raises(NoKeyYet):
        mailboxes.keyring_key_by_phrase(box, "x")
    with pytest.raises(NoKeyYet):
        mailboxes.keyring(box, bytes(32))


def test_an_address_is_taken_once_as_mailbox_or_as_alias() -> None:
    house.invite("ben@example.is")
    with pytest.raises(AlreadyThere):
        house.invite("BEN@example.is")
    aliases.add("sales@example.is", "ben@example.is", cell=house.CELL)
    with pytest.raises(AlreadyThere, match="alias"):
        house.invite("sales@example.is")
    with pytest.raises(AlreadyThere, match="mailbox"):
        aliases.add("ben@example.is", "ben@example.is", cell=house.CELL)


def test_a_domain_that_is_not_hosted_is_named_with_its_remedy() -> None:
    with pytest.raises(NotFound, match="skerry domain add"):
        house.invite("ben@elsewhere.is")


def test_listing_counts_and_filters(ada: mailboxes.NewMailbox) -> None:
    house.invite("cleo@example.no")
    house.store(mailboxes.get(ada.address), b"Subject: hi\r\n\r\nhello\r\n")
    [view] = mailboxes.listing(tenant="harbour")
    assert (view.address, view.state, view.key_version, view.messages) == ("ada@example.is", "active", 1, 1)
    assert view.bytes > 1000
    assert [one.address for one in mailboxes.listing(domain="example.no")] == ["cleo@example.no"]
    assert len(mailboxes.listing()) == 2


def test_deleting_takes_mail_and_blobs_and_counts(ada: mailboxes.NewMailbox, blobs: FakeBlobs) -> None:
    box = mailboxes.get(ada.address)
    house.store(box, b"in the row")
    house.store(box, b"in a blob", blob="ab" * 16, folder="Sent")
    blobs.content["ab" * 16] = b"payload"
    house.invite("ben@example.is")
    assert mailboxes.delete(ada.address, blobs=blobs) == 2
    assert blobs.removed == ["ab" * 16]
    assert not Message.objects.exists()
    assert not SealedMessage.objects.exists()
    assert [row.address for row in Mailbox.objects.all()] == ["ben@example.is"]


def test_more_messages_than_a_batch_go_too(blobs: FakeBlobs) -> None:
    box = house.invite("ben@example.is")
    inbox = Folder.objects.get(mailbox=box, name="INBOX")
    row = SealedMessage.objects.create(
        cell=house.CELL, mailbox=box, opaque_id="0", arrived=house.NOW, header_size=1, payload_size=0, header=b"x"
    )
    Message.objects.bulk_create(
        Message(folder=inbox, uid=uid, modseq=uid, flags=0, saved=house.NOW, sealed=row) for uid in range(1, BATCH + 2)
    )
    assert mailboxes.delete("ben@example.is", blobs=blobs) == BATCH + 1


def test_inviting_again_is_told_to_the_route_caches() -> None:
    box = house.invite("ben@example.is")
    before = RouteVersion.objects.get().version
    mailboxes.invite_again(box, now=house.NOW)
    assert RouteVersion.objects.get().version > before


class TestAliases:
    def test_one_alias_leads_to_several_mailboxes_of_one_tenant(self) -> None:
        house.invite("ben@example.is")
        house.invite("mo@example.is")
        for name in ("ben", "mo"):
            aliases.add("Sales@example.is", f"{name}@example.is", cell=house.CELL)
        assert [view.mailbox for view in aliases.listing("sales@example.is")] == ["ben@example.is", "mo@example.is"]
        with pytest.raises(AlreadyThere):
            aliases.add("sales@example.is", "mo@example.is", cell=house.CELL)
        assert [view.mailbox for view in aliases.delete("sales@example.is", "mo@example.is")] == ["mo@example.is"]
        assert [view.alias for view in aliases.listing("ben@example.is")] == ["sales@example.is"]
        assert len(aliases.listing("example.is")) == 1

    def test_an_alias_never_leads_into_another_tenant(self) -> None:
        house.invite("cleo@example.no")
        with pytest.raises(BadName, match="different tenants"):
            aliases.add("sales@example.is", "cleo@example.no", cell=house.CELL)

    def test_what_is_not_there_cannot_be_removed(self) -> None:
        with pytest.raises(NotFound):
            aliases.delete("sales@example.is")


class TestAppPasswords:
    def add(
        self,
        access: str,
        *,
        name: str = "phone",
        keyring_key: bytes | None = None,
        expires: date | None = None,
        policy: Policy = ANY,
    ) -> apppasswords.NewAppPassword:
        return apppasswords.add(
            "ada@example.is",
            AppPassword.Access(access),
            name=name,
            now=house.NOW,
            server_key=house.SERVER_KEY,
            keyring_key=keyring_key,
            expires=expires,
            policy=policy,
        )

    def test_a_policy_may_forbid_session_access_and_ends_what_there_is(self, ada: mailboxes.NewMailbox) -> None:
        self.add("session", keyring_key=ada.keyring_key)
        self.add("sealed", name="bridge")
        strict = replace(home_policy("IS"), access=("sealed",))
        adopted = provisioned.adopt("harbour", strict, house.NOTARY, house.NOW)
        assert (adopted.revoked, adopted.policy.version) == (1, 2)
        assert {row.name: row.revoked is not None for row in AppPassword.objects.all()} == {
            "phone": True,
            "bridge": False,
        }
        assert not AppPassword.objects.filter(revoked__isnull=False, wrap__isnull=False).exists()
        with pytest.raises(AccessForbidden, match="does not allow session access: use sealed"):
            self.add("session", name="laptop", keyring_key=ada.keyring_key, policy=adopted.policy)
        self.add("sealed", name="laptop", policy=adopted.policy)

    def test_sealed_access_is_a_keyed_hash_and_nothing_else(self, ada: mailboxes.NewMailbox) -> None:
        made = self.add("sealed")
        row = AppPassword.objects.get()
        assert made.username == "ada@example.is"
        assert row.wrap is None
        assert bytes(row.secret_hash) == app_password_hash(house.SERVER_KEY, parse_app_password(made.password))

    def test_session_access_unwraps_the_keyring_key(self, ada: mailboxes.NewMailbox) -> None:
        made = self.add("session", keyring_key=ada.keyring_key)
        wrap = bytes(AppPassword.objects.get().wrap or b"")
        key = app_password_wrap_key(parse_app_password(made.password))
        assert unwrap_keyring_key(key, wrap) == ada.keyring_key

    def test_session_access_without_the_keyring_key_is_refused(self, ada: mailboxes.NewMailbox) -> None:
        with pytest.raises(WrongSecret):
            self.add("session")
        assert not AppPassword.objects.exists()

    def test_revoking_forgets_the_wrap_and_frees_the_name(self, ada: mailboxes.NewMailbox) -> None:
        self.add("session", keyring_key=ada.keyring_key)
        with pytest.raises(AlreadyThere):
            self.add("sealed")
        assert apppasswords.free_name("ada@example.is", "phone") == "phone 2"
        gone = apppasswords.revoke("ada@example.is", "phone", now=house.NOW)
        assert gone.revoked == "2027-03-14"
        assert AppPassword.objects.get().wrap is None
        self.add("sealed")
        with pytest.raises(NotFound):
            apppasswords.revoke("ada@example.is", str(gone.id), now=house.NOW)

    def test_another_mailboxs_password_cannot_be_revoked_by_its_number(self, ada: mailboxes.NewMailbox) -> None:
        self.add("sealed")
        house.invite("ben@example.is")
        with pytest.raises(NotFound):
            apppasswords.revoke("ben@example.is", str(AppPassword.objects.get().pk), now=house.NOW)

    @pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\nb"])
    def test_a_name_is_one_short_line(self, ada: mailboxes.NewMailbox, name: str) -> None:
        with pytest.raises(BadName):
            self.add("sealed", name=name)

    def test_an_expiry_in_the_past_is_refused(self, ada: mailboxes.NewMailbox) -> None:
        with pytest.raises(BadName, match="future"):
            self.add("sealed", expires=house.NOW.date())
