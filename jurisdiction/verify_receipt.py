#!/usr/bin/env python3
"""Checks a receipt or an export of a cell's ledger, offline, without the cell and without its software.

    python verify_receipt.py receipt.json --log-key LINE [--witness LINE]… [--trusted checkpoint.txt] [--save FILE]

This one file needs Python and PyNaCl (`pip install pynacl`) and nothing else; read it, it is short. It does its own
hashing and shares no code with the server. The log's public key and those of the witnesses must come from somewhere
else than the cell: from your first sign-up, a printed page, another person.

What it proves: the entries shown are in the log, and the decisions about leaving mail in its batches; the log
continues the checkpoint you kept from last time (--trusted), so nothing you saw then was removed or changed; who
outside the cell has seen the same log; and, for an export, that no entry between the two checkpoints was held back,
and that each mailbox key is signed by the key before it. Exit code 0: all good. 1: do not trust this log. 2: wrong
use.
"""

import argparse
import base64
import hashlib
import json
import sys
from itertools import pairwise
from pathlib import Path

try:
    from nacl.exceptions import CryptoError
    from nacl.signing import VerifyKey
except ImportError:
    # Python itself would end with 1, which says of the log that it is not to be trusted.
    sys.stderr.write("This program needs PyNaCl: install it with `pip install pynacl` (Debian: python3-nacl).\n")
    sys.exit(2)

LOG, WITNESS = 1, 4  # C2SP signature types: Ed25519 note, Ed25519 cosignature
MAX_BYTES = 256 * 1024 * 1024
ENTRY_CONTEXT = "skerry-entry-v1\n"
EGRESS_CONTEXT = "skerry-egress-v1\n"
KEY_CONTEXT = b"skerry-key-v1\n"
REWRITTEN = "the log was rewritten: it does not continue the checkpoint seen before"


class Untrusted(Exception):
    """Something does not fit. The message says what."""


def require(condition: object, otherwise: str) -> None:
    if not condition:
        raise Untrusted(otherwise)


def unbase64(text: object) -> bytes:
    require(isinstance(text, str), "a base64 text is missing")
    try:
        data = base64.b64decode(str(text), validate=True)
    except ValueError as error:
        raise Untrusted("a base64 text is damaged") from error
    require(base64.b64encode(data).decode() == text, "a base64 text is not in its only form")
    return data


def unhash(text: object) -> bytes:
    digest = unbase64(text)
    require(len(digest) == 32, "a hash has the wrong length")
    return digest


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Key:
    """A public key line: name+id+base64."""

    def __init__(self, line: str) -> None:
        parts = line.strip().split("+", 2)
        require(len(parts) == 3, "a key line has the form name+id+base64")
        raw = unbase64(parts[2])
        require(len(raw) == 33 and raw[0] in (LOG, WITNESS), f"the key {parts[0]!r} is of an unknown kind")
        self.name, self.kind, self.public = parts[0], raw[0], raw[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        require(self.id.hex() == parts[1], f"the key line of {self.name!r} is damaged")


class Checkpoint:
    """A signed checkpoint: refused unless the log signed it; `witnesses` are those who cosigned it."""

    def __init__(self, note: object, log: Key, witnesses: list[Key]) -> None:
        require(isinstance(note, str), "the checkpoint is missing")
        self.note = str(note)
        body, separator, signatures = self.note.rpartition("\n\n")
        require(separator and self.note.endswith("\n"), "the checkpoint is not a signed note")
        text = body + "\n"
        lines = body.split("\n")
        require(len(lines) >= 3 and all(lines), "the checkpoint is too short")
        require(lines[0] == log.name, f"the checkpoint is of the log {lines[0]!r}, not of {log.name!r}")
        require(lines[1].isascii() and lines[1].isdigit() and str(int(lines[1][:20])) == lines[1], "the size is odd")
        self.size, self.root = int(lines[1]), unhash(lines[2])
        signers = self._signers(text, signatures, [log, *witnesses])
        require(log.name in [key.name for key in signers if key.kind == LOG], "the log has not signed the checkpoint")
        self.witnesses = sorted({key.name for key in signers if key.kind == WITNESS})

    @staticmethod
    def _signers(text: str, signatures: str, keys: list[Key]) -> list[Key]:
        found = []
        for line in signatures.removesuffix("\n").split("\n"):
            parts = line.split(" ")
            require(len(parts) == 3 and parts[0] == "—", "a signature line is damaged")
            raw = unbase64(parts[2])
            for key in keys:
                if (key.name, key.id) == (parts[1], raw[:4]):
                    message, signature = text.encode(), raw[4:]
                    if key.kind == WITNESS:
                        at = int.from_bytes(signature[:8], "big")
                        message, signature = f"cosignature/v1\ntime {at}\n{text}".encode(), signature[8:]
                    check_signature(key.public, message, signature, f"the signature of {key.name!r} is false")
                    found.append(key)
        return found


def check_signature(public: bytes, message: bytes, signature: bytes, otherwise: str) -> None:
    try:
        VerifyKey(public).verify(message, signature)
    except (CryptoError, ValueError, TypeError) as error:
        raise Untrusted(otherwise) from error


def check_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> None:
    require(0 <= index < size, f"entry {index} lies outside the log")
    here, last, digest = index, size - 1, leaf
    for sibling in proof:
        require(last, f"the proof of entry {index} is too long")
        if here & 1 or here == last:
            digest = node_hash(sibling, digest)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        here, last = here >> 1, last >> 1
    require(last == 0 and digest == root, f"entry {index} is not in the log: it was forged or changed")


def check_consistency(old: Checkpoint, new: Checkpoint, proof: list[bytes]) -> None:
    require(old.size <= new.size, "the log has shrunk: it does not continue the checkpoint seen before")
    if old.size in (0, new.size):
        require(not proof and (old.size == 0 or old.root == new.root), REWRITTEN)
        return
    path = ([old.root] if old.size & (old.size - 1) == 0 else []) + proof
    require(path, "the consistency proof is missing")
    here, last = old.size - 1, new.size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        require(last, "the consistency proof is too long")
        if here & 1 or here == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        here, last = here >> 1, last >> 1
    require(last == 0 and before == old.root and after == new.root, REWRITTEN)


def root_of(peaks: list[tuple[int, bytes]]) -> bytes:
    if not peaks:
        return hashlib.sha256(b"").digest()
    digest = peaks[-1][1]
    for _level, peak in reversed(peaks[:-1]):
        digest = node_hash(peak, digest)
    return digest


def check_export(
    bundle: dict[str, object], old: Checkpoint | None, new: Checkpoint, kept: Checkpoint | None
) -> list[str]:
    """Recomputes every root from the frontier and the entries; returns the entries."""
    start = old.size if old else 0
    frontier, entries = as_list(bundle.get("frontier")), as_list(bundle.get("entries"))
    levels = [level for level in reversed(range(start.bit_length())) if start >> level & 1]
    require(len(levels) == len(frontier), "the frontier does not fit the earlier checkpoint")
    peaks = [(level, unhash(peak)) for level, peak in zip(levels, frontier, strict=True)]
    require(old is None or root_of(peaks) == old.root, "the frontier is not that of the earlier checkpoint")
    for size, entry in enumerate(entries, start):
        require(isinstance(entry, str), "an entry is not a text")
        require(kept is None or kept.size != size or root_of(peaks) == kept.root, REWRITTEN)
        peaks.append((0, leaf_hash(str(entry).encode())))
        while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]:
            (level, left), (_level, right) = peaks[-2:]
            peaks[-2:] = [(level + 1, node_hash(left, right))]
    require(start + len(entries) == new.size, "entries were removed or added: their number does not fit the log")
    require(root_of(peaks) == new.root, "an entry was forged, changed or removed: the log has another root")
    return [str(entry) for entry in entries]


def check_receipt(bundle: dict[str, object], new: Checkpoint) -> dict[int, str]:
    entries = {}
    for item in as_list(bundle.get("entries")):
        require(isinstance(item, dict), "an entry is not a table")
        entry, index = item.get("entry"), item.get("index")
        require(isinstance(entry, str) and type(index) is int, "an entry has no text or no place")
        proof = [unhash(digest) for digest in as_list(item.get("proof"))]
        check_inclusion(leaf_hash(str(entry).encode()), index, new.size, proof, new.root)
        entries[index] = str(entry)
    return entries


def check_decisions(bundle: dict[str, object], entries: dict[int, str]) -> dict[str, dict]:  # type: ignore[type-arg]
    """Egress decisions by id, each proved to lie in a batch whose root stands in the log."""
    found = {}
    for item in as_list(bundle.get("decisions", [])):
        require(isinstance(item, dict), "a decision is not a table")
        text, batch, position = item.get("decision"), item.get("batch"), item.get("position")
        require(type(batch) is int and type(position) is int and batch in entries, "a decision's batch is missing")
        entry = json.loads(entries[batch].removeprefix(ENTRY_CONTEXT))
        require(entry.get("type") == "egress", "a decision's batch is another kind of entry")
        require(isinstance(text, str) and text.startswith(EGRESS_CONTEXT), "a decision has no text")
        proof = [unhash(digest) for digest in as_list(item.get("proof"))]
        root = bytes.fromhex(entry["root"])
        try:
            check_inclusion(leaf_hash(text.encode()), position, entry["count"], proof, root)
        except Untrusted:
            raise Untrusted("an egress decision is not in its batch: it was forged or changed") from None
        decision = json.loads(text.removeprefix(EGRESS_CONTEXT))
        found[decision["id"]] = decision
    return found


def as_list(value: object) -> list:  # type: ignore[type-arg]
    require(isinstance(value, list), "a list is missing")
    return value  # type: ignore[return-value]


def check_keys(entries: list[str], expected: dict[str, str]) -> list[str]:
    """Every key entry must be signed by the one before it, and the latest be the one its owner expects."""
    chains: dict[str, list[dict]] = {}  # type: ignore[type-arg]
    for entry in entries:
        require(entry.startswith(ENTRY_CONTEXT), "an entry is not one of this ledger")
        values = json.loads(entry.removeprefix(ENTRY_CONTEXT))
        require(isinstance(values, dict), "an entry is not a table")
        if values.get("type") == "key":
            chains.setdefault(str(values["label"]), []).append(values)
    for label, chain in chains.items():
        chain.sort(key=lambda values: values["serial"])
        for old, new in pairwise(chain):
            what = f"key {new['serial']} of {label[:12]}… "
            require(
                new["serial"] == old["serial"] + 1, what + "does not follow the one before it: two claim one serial"
            )
            body = [new["label"], new["serial"], new["identities"], new["signing_key"], old["signing_key"]]
            message = KEY_CONTEXT + json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode()
            check_signature(
                bytes.fromhex(old["signing_key"]),
                message,
                bytes.fromhex(new["signature"]),
                what + "is not signed by the key before it: ask its owner before you use it",
            )
    for label, identity in expected.items():
        require(label in chains, f"there is no key of {label[:12]}… among these entries")
        newest = chains[label][-1]["identities"]
        require(identity in newest, f"the key of {label[:12]}… was swapped: the log holds another one than yours")
    return [f"{label[:12]}… has key {chain[-1]['serial']}" for label, chain in sorted(chains.items())]


def verify(options: argparse.Namespace) -> list[str]:
    """What was found, as sentences. Raises `Untrusted`."""
    log = Key(options.log_key)
    require(log.kind == LOG, "--log-key needs the key of a log")
    witnesses = [Key(line) for line in options.witness]
    require(all(key.kind == WITNESS for key in witnesses), "--witness needs the key of a witness")
    kept = Checkpoint(read(options.trusted), log, witnesses) if options.trusted else None
    bundle = json.loads(read(options.bundle))
    require(isinstance(bundle, dict), "the bundle is not a table")
    new = Checkpoint(bundle.get("checkpoint"), log, witnesses)
    said = [f"The log {log.name} has {new.size} entries; its checkpoint is signed by its key."]
    if bundle.get("format") == "skerry-export-v1":
        entries = verify_export(bundle, log, witnesses, new, kept, said)
    else:
        require(bundle.get("format") == "skerry-receipt-v1", "this is neither a receipt nor an export")
        entries = verify_single(bundle, log, witnesses, new, kept, said, options.decision)
    said.append(
        f"The log continues the one you saw last time, of {kept.size} entries."
        if kept
        else "No checkpoint from last time was given (--trusted): whether the log was rewritten since is not checked."
    )
    said += check_keys(entries, dict(pair.split("=", 1) for pair in options.my_key))
    require(len(new.witnesses) >= options.min_witnesses, "too few witnesses have cosigned the checkpoint")
    names = ", ".join(new.witnesses)
    said.append(f"Cosigned by {names}." if names else "UNWITNESSED: nobody else is known to have seen this log.")
    if options.save:
        Path(options.save).write_text(new.note, encoding="utf-8")
    return said


def verify_export(
    bundle: dict[str, object],
    log: Key,
    witnesses: list[Key],
    new: Checkpoint,
    kept: Checkpoint | None,
    said: list[str],
) -> list[str]:
    previous = bundle.get("previous")
    old = None if previous is None else Checkpoint(previous, log, witnesses)
    start = old.size if old else 0
    if kept is not None:  # its root is compared on the way; the way must lead past it
        require(start <= kept.size, "the bundle starts after the checkpoint you kept; ask for one that starts there")
        require(kept.size <= new.size, "the log has shrunk: it does not continue the checkpoint seen before")
        require(kept.size < new.size or kept.root == new.root, REWRITTEN)
    entries = check_export(bundle, old, new, kept)
    said.append(f"All {len(entries)} entries since {start} are here; none was held back.")
    return entries


def verify_single(
    bundle: dict[str, object],
    log: Key,
    witnesses: list[Key],
    new: Checkpoint,
    kept: Checkpoint | None,
    said: list[str],
    wanted: list[str],
) -> list[str]:
    previous = bundle.get("previous")
    heads = [(new.size, new.root)]
    if previous is not None:
        require(isinstance(previous, dict), "the earlier checkpoint is damaged")
        old = Checkpoint(previous["checkpoint"], log, witnesses)  # type: ignore[index]
        check_consistency(old, new, [unhash(digest) for digest in as_list(previous["proof"])])  # type: ignore[index]
        heads.append((old.size, old.root))
    if kept is not None and (kept.size, kept.root) not in heads:
        require(kept.size not in [size for size, _root in heads], REWRITTEN)
        require(kept.size < new.size, "the log has shrunk: it does not continue the checkpoint seen before")
        raise Untrusted("the bundle starts from another checkpoint than the one you kept; ask for one that fits")
    entries = check_receipt(bundle, new)
    said.append(f"{len(entries)} entries are in the log.")
    decisions = check_decisions(bundle, entries)
    if decisions:
        said.append(f"{len(decisions)} decisions about leaving mail are in batches of the log.")
    for name in wanted:
        require(name in decisions, f"the decision {name} is not in this receipt")
        made = decisions[name]
        said.append(f"Decision {name} of {made['on']}: {made['verdict']} ({' '.join(made['because'])}).")
    return list(entries.values())


def read(path: str) -> str:
    with Path(path).open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    require(len(data) <= MAX_BYTES, "the file is too large")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Untrusted("the file is not UTF-8") from error


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Check a receipt or export of a ledger, offline.")
    parser.add_argument("bundle", help="the JSON file of the receipt or export")
    parser.add_argument("--log-key", required=True, help="the log's public key: name+id+base64")
    parser.add_argument("--witness", action="append", default=[], help="a witness's public key; may be repeated")
    parser.add_argument("--min-witnesses", type=int, default=0, help="refuse with fewer cosignatures")
    parser.add_argument("--trusted", default="", help="the checkpoint you kept from last time")
    parser.add_argument("--save", default="", help="where to keep this checkpoint for next time")
    parser.add_argument("--decision", action="append", default=[], help="id of an egress decision it must hold")
    parser.add_argument("--my-key", action="append", default=[], help="LABEL=IDENTITY that the log must hold")
    options = parser.parse_args(arguments)
    try:
        said = verify(options)
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 2
    except Untrusted as error:
        sys.stdout.write(f"NOT TRUSTWORTHY: {error}\n")
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        sys.stdout.write(f"NOT TRUSTWORTHY: the bundle is damaged ({type(error).__name__})\n")
        return 1
    sys.stdout.write("\n".join(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
