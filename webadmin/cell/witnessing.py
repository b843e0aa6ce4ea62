"""The witness over HTTP: the endpoint that cosigns other cells' checkpoints, and the call that has ours cosigned.

C2SP tlog-witness: POST a checkpoint with its proof to `<witness>/add-checkpoint`, get a signature line back; 409 with
a size means that the witness has seen another checkpoint last. The call goes to the addresses of SKERRY_WITNESSES and
nowhere else, follows no redirect, and carries the log's head, its proof and nothing about anybody.
"""

from __future__ import annotations

import http.client
import logging
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from nacl.signing import SigningKey

from jurisdiction.ledger.notes import PublicKey, parse_key
from jurisdiction.ledger.witness import MAX_REQUEST_BYTES, Cosigned
from jurisdiction.models import CheckpointRow
from jurisdiction.notary import Notary, witness_name
from jurisdiction.records import ledger
from jurisdiction.records.witnessing import CONFLICT, NotCosigned, Reply, ask, witness
from webadmin.cell.keyfiles import read_or_make
from webadmin.environ import Environ

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 10
MAX_REPLY_BYTES: Final = 16_384  # a signature line has 150


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a witness is asked, and the key it answers with."""

    url: str
    key: PublicKey

    def send(self, body: bytes) -> Reply:
        """Raises OSError, http.client.HTTPException."""
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        try:
            headers = {"Content-Type": "text/plain; charset=utf-8"}
            connection.request("POST", f"{parts.path.rstrip('/')}/add-checkpoint", body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(MAX_REPLY_BYTES))
        finally:
            connection.close()


def witnesses(environ: Environ) -> Iterator[Witness]:
    """The witnesses of SKERRY_WITNESSES. Raises NoteError."""
    for item in environ.witness_list:
        url, _hash, key = item.partition("#")
        yield Witness(url, parse_key(key))


def keys(environ: Environ) -> list[PublicKey]:
    """Whose cosignatures count. Raises NoteError."""
    return [one.key for one in witnesses(environ)]


def collect(environ: Environ, notary: Notary, now: datetime) -> CheckpointRow:
    """Sign the newest checkpoint and have every witness cosign it; one that does not is a line in the log."""
    head = ledger.checkpoint(notary, now)
    for one in witnesses(environ):
        try:
            head = ask(one.key, one.send, notary, now)
        except NotCosigned:
            log.error("a witness refuses to cosign the ledger: it has seen another log")  # noqa: TRY400  not a fault of ours to trace
        except (OSError, http.client.HTTPException) as problem:
            log.warning("a witness does not answer", extra={"error": type(problem).__name__})
    return head


@csrf_exempt
@require_POST
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    """Cosign another cell's checkpoint if it continues the one seen last."""
    if int(request.headers.get("Content-Length") or 0) > MAX_REQUEST_BYTES:
        return HttpResponse("too long\n", status=413, content_type="text/plain")
    environ, now = settings.ENVIRON, datetime.now(UTC)
    logs = [parse_key(key) for key in environ.witnessed_list]
    name, key = witness_name(ledger.stored_origin() or ""), SigningKey(read_or_make(environ.keys / "witness.key"))
    answer = witness(request.body, logs, name, key, now)
    if isinstance(answer, Cosigned):
        return HttpResponse(str(answer.signature), content_type="text/plain; charset=utf-8")
    if answer.status == CONFLICT and answer.size is not None:
        return HttpResponse(f"{answer.size}\n", status=CONFLICT, content_type="text/x.tlog.size")
    return HttpResponse(f"{answer.reason}\n", status=answer.status, content_type="text/plain; charset=utf-8")


@require_safe
def newest_checkpoint(_request: HttpRequest) -> HttpResponse:
    """The newest signed head of this cell's log, with the cosignatures it has: for monitors, clients, other cells."""
    head = ledger.latest_checkpoint()
    if head is None:
        return HttpResponse("no checkpoint yet\n", status=404, content_type="text/plain")
    return HttpResponse(head.note, content_type="text/plain; charset=utf-8")
