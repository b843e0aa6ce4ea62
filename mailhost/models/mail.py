"""Stored mail: folders, places and sealed bytes.

A `SealedMessage` is an age file in two halves, written once and never changed: the header (with the sealed
summary) in the row, the payload beside it when small and as a blob file when large. A `Message` is its place in a
folder: UID, modseq, flags. A COPY inside one mailbox is a second place of the same sealed bytes. The rows of
`Message` stay small so that a folder of half a million messages is read in one pass of the index.

Times in these tables are rounded down to the hour; the exact ones are in the sealed summary.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Mailbox


class Folder(models.Model):
    """A folder of a mailbox. UIDs are shared by the views, UIDVALIDITY is not."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell mailbox name special_use opaque_id uidvalidity_sealed uidvalidity_session uidnext highestmodseq"
        " recent_from"
    )

    cell = models.CharField(max_length=8)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    name = models.CharField(max_length=1000)
    special_use = models.CharField(max_length=20, blank=True)
    opaque_id = models.CharField(max_length=32, unique=True)
    uidvalidity_sealed = models.BigIntegerField()
    uidvalidity_session = models.BigIntegerField()
    uidnext = models.BigIntegerField(default=1)
    highestmodseq = models.BigIntegerField(default=1)
    recent_from = models.BigIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "name"], name="folder_name_once")]

    def __str__(self) -> str:
        return f"folder {self.pk}"


class FolderKeyword(models.Model):
    """The name of one keyword bit of a folder's flag words."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="folder position name")

    folder = models.ForeignKey(Folder, on_delete=models.CASCADE)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["folder", "position"], name="keyword_bit_once")]

    def __str__(self) -> str:
        return f"keyword {self.position} of folder {self.folder_id}"


class Subscription(models.Model):
    """A subscribed name; it outlives the folder (RFC 9051 §6.3.8)."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox name")

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    name = models.CharField(max_length=1000)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "name"], name="subscription_once")]

    def __str__(self) -> str:
        return f"subscription {self.pk}"


class Annotation(models.Model):
    """One entry of a folder's METADATA, or of the whole mailbox's where `folder` is null (RFC 5464)."""

    scope: ClassVar[Scope] = Scope.CELL
    # Clear like the folder's name: a client must be able to read it in the sealed view, where nothing is opened.
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox folder entry value")

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, null=True)
    entry = models.CharField(max_length=500)
    value = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["folder", "entry"], name="annotation_once"),
            models.UniqueConstraint(
                fields=["mailbox", "entry"],
                name="annotation_of_mailbox_once",
                condition=models.Q(folder__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"annotation {self.pk}"


class SealedMessage(models.Model):
    """One age file of one mailbox: header + payload. Nothing in it changes after the commit that made it."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell mailbox opaque_id arrived header_size payload_size blob orphaned",
        sealed="header payload delivery_record",
    )

    cell = models.CharField(max_length=8)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, db_index=False)
    opaque_id = models.CharField(max_length=32)
    arrived = models.DateTimeField()  # rounded down to the hour
    header_size = models.PositiveIntegerField()
    payload_size = models.BigIntegerField()  # padded: a class of sizes, not the size
    blob = models.CharField(max_length=40, blank=True)  # file name below blobs/, '' when the payload is in the row
    orphaned = models.DateField(null=True)  # day the last place went; the sweep removes it after a grace period
    header = models.BinaryField()
    payload = models.BinaryField(null=True)
    delivery_record = models.BinaryField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["orphaned"], name="sealed_orphaned", condition=models.Q(orphaned__isnull=False))
        ]

    def __str__(self) -> str:
        return f"sealed message {self.pk}"


class Message(models.Model):
    """A place in a folder: what IMAP calls a message."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="folder uid modseq flags saved sealed")

    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, db_index=False)
    uid = models.BigIntegerField()
    modseq = models.BigIntegerField()
    flags = models.BigIntegerField()
    saved = models.DateTimeField()  # rounded down to the hour: SAVEDATE
    sealed = models.ForeignKey(SealedMessage, on_delete=models.PROTECT)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["folder", "uid"], name="uid_once")]
        indexes: ClassVar = [models.Index(fields=["folder", "modseq"], name="message_by_modseq")]

    def __str__(self) -> str:
        return f"message {self.uid} of folder {self.folder_id}"


class IndexSegment(models.Model):
    """What an opened view has once read of a run of UIDs, for its next session (`mailhost.seal.segment`).

    A copy of what the sealed headers hold, under a key from the owner's keyring. It goes with the first of its
    messages that is expunged.
    """

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="folder number", sealed="box")

    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, db_index=False)
    number = models.BigIntegerField()  # UID // SEGMENT_UIDS
    box = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["folder", "number"], name="segment_once")]

    def __str__(self) -> str:
        return f"index segment {self.number} of folder {self.folder_id}"


class BroughtIn(models.Model):
    """That a message of another host or file is here: the next import passes over it. Kept for some weeks."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox kept_until", derived="digest")

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, db_index=False)
    digest = models.BinaryField(max_length=16)  # keyed hash of where it was: folder and UID, or its content
    kept_until = models.DateField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "digest"], name="brought_in_once")]

    def __str__(self) -> str:
        return f"memory of an import into mailbox {self.mailbox_id}"


class Vanished(models.Model):
    """A run of UIDs expunged together: what QRESYNC tells a client that was away (RFC 7162 §3.2)."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="folder modseq uid_first uid_last")

    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, db_index=False)
    modseq = models.BigIntegerField()
    uid_first = models.BigIntegerField()
    uid_last = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["folder", "modseq"], name="vanished_by_modseq")]

    def __str__(self) -> str:
        return f"vanished {self.uid_first}-{self.uid_last} of folder {self.folder_id}"
