"""Is the DNS of a hosted domain as it should be? Expected, found, and for each difference cause → effect → next step.

In: the records of `dnsrecords` and a resolver. Out: one `Check` per record (MX records together), in the same order.
A check does not compare text where a protocol allows many spellings: an SPF record with a further sender, a DMARC
record with another policy, are right as long as they do their work.

`UNKNOWN` is said when the DNS did not answer: it is no verdict about the domain, and nobody need act on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailhost.domaindns.dnsrecords import Purpose, Record, RecordType
from mailhost.mailauth import dmarc_record, spf_record
from mailhost.mailauth.dkim_key import NoKey, parse_key_record, read_key
from mailhost.mailauth.dmarc_record import Policy
from mailhost.mailauth.resolver import (
    A,
    Caa,
    Cname,
    DnsAnswer,
    DnsFailure,
    Lookup,
    Mx,
    Resolver,
    Srv,
    Tlsa,
    Txt,
)
from mailhost.mailauth.spf_record import BadRecord, Mechanism, Qualifier
from mailhost.mailauth.tagvalue import BadTagList, parse_tags


class Status(StrEnum):
    """How a record stands."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"
    ADVICE = "advice"  # works, could be better
    UNKNOWN = "unknown"  # the DNS did not answer


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the DNS page. `cause`, `effect` and `step` are sentences, empty where all is well."""

    record: Record
    status: Status
    found: tuple[str, ...] = ()
    cause: str = ""
    effect: str = ""
    step: str = ""


# What goes wrong without the record, for its owner.
EFFECTS: dict[Purpose, str] = {
    Purpose.OWNERSHIP: "We do not know that the domain is yours, so no mail is taken for it.",
    Purpose.RECEIVING: "Mail for your domain does not reach us.",
    Purpose.SPF: "Others may refuse your mail or put it into spam.",
    Purpose.DKIM: "Signatures on your mail cannot be checked; others may put it into spam.",
    Purpose.DMARC: "Anybody can send mail that seems to come from you, and large providers distrust yours.",
    Purpose.MTA_STS: "Somebody between another host and ours could read mail on its way to you.",
    Purpose.TLS_RPT: "Nobody tells us when encrypted delivery to you fails.",
    Purpose.DANE: "Other hosts cannot tell our mail hosts from impostors by DNSSEC.",
    Purpose.AUTOCONFIG: "Mail programs have to be set up by hand.",
    Purpose.SERVICES: "Some mail programs have to be set up by hand.",
    Purpose.CAA: "We cannot get a certificate for names under your domain.",
}


async def check_all(records: Sequence[Record], resolver: Resolver) -> tuple[Check, ...]:
    """The state of every record, asked for at the same time."""
    exchangers = [one for one in records if one.purpose is Purpose.RECEIVING]
    others = [one for one in records if one.purpose is not Purpose.RECEIVING]
    together, *alone = await asyncio.gather(
        _exchangers(exchangers, resolver), *(_one_as_list(one, resolver) for one in others)
    )
    by_record = {id(check.record): check for checks in (together, *alone) for check in checks}
    return tuple(by_record[id(one)] for one in records)


async def _one_as_list(record: Record, resolver: Resolver) -> list[Check]:
    return [await _one(record, resolver)]


async def _one(record: Record, resolver: Resolver) -> Check:
    match record.purpose, record.type:
        case Purpose.OWNERSHIP, _:
            return await _ownership(record, resolver)
        case Purpose.SPF, _:
            return await _spf(record, resolver)
        case Purpose.DMARC, _:
            return await _dmarc(record, resolver)
        case Purpose.DKIM, RecordType.TXT:
            return await _key(record, resolver)
        case ((Purpose.MTA_STS | Purpose.TLS_RPT), RecordType.TXT):
            return await _versioned(record, resolver)
        case _, RecordType.CNAME:
            return await _alias(record, resolver)
        case _, RecordType.SRV:
            return await _service(record, resolver)
        case Purpose.CAA, _:
            return await _authority(record, resolver)
        case _:
            return await _tlsa(record, resolver)


def _ok(record: Record, found: Iterable[str]) -> Check:
    return Check(record, Status.OK, tuple(found))


def _unknown(record: Record, failure: DnsFailure) -> Check:
    return Check(record, Status.UNKNOWN, cause=f"The DNS of the domain did not answer ({failure.detail or 'timeout'}).")


def _wrong(record: Record, found: Iterable[str], cause: str, step: str, status: Status = Status.WRONG) -> Check:
    return Check(record, status, tuple(found), cause, EFFECTS[record.purpose], step)


async def _missing(record: Record, resolver: Resolver) -> Check:
    """Missing, with the likeliest slip as its cause: many forms add the domain to whatever is typed."""
    doubled = f"{record.name}.{record.name.removeprefix(record.host).removeprefix('.') or record.name}"
    if record.host != "@" and not record.ours and isinstance(await _asked(doubled, record.type, resolver), DnsAnswer):
        return _wrong(
            record,
            [f"at {doubled}"],
            "The record stands under a name that ends in the domain twice.",
            f"Edit it and enter only {record.host} as its name.",
        )
    return Check(
        record,
        Status.MISSING,
        cause="There is no such record, or it is too new to be seen.",
        effect=EFFECTS[record.purpose],
        step=f"Add a {record.type} record named {record.host} with the value {record.value}",
    )


async def _asked(name: str, kind: RecordType, resolver: Resolver) -> object:
    match kind:
        case RecordType.CNAME:
            return await resolver.lookup(name, Cname)
        case RecordType.SRV:
            return await resolver.lookup(name, Srv)
        case _:
            return await resolver.lookup(name, Txt)


def _texts(answer: Lookup[Txt]) -> list[str]:
    return [one.text.decode("utf-8", "replace") for one in answer.records] if isinstance(answer, DnsAnswer) else []


def _name(text: str) -> str:
    return text.lower().removesuffix(".")


async def _ownership(record: Record, resolver: Resolver) -> Check:
    answer = await resolver.lookup(record.name, Txt)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    texts = _texts(answer)
    if record.value in [text.strip() for text in texts]:
        return _ok(record, texts)
    if texts:
        return _wrong(record, texts, "The text is another one.", f"Change the value to {record.value}")
    return await _missing(record, resolver)


async def _exchangers(records: Sequence[Record], resolver: Resolver) -> list[Check]:
    """The MX records, judged together: one stranger among them takes part of the mail."""
    if not records:
        return []
    answer = await resolver.lookup(records[0].name, Mx)
    if isinstance(answer, DnsFailure):
        return [_unknown(one, answer) for one in records]
    found = answer.records if isinstance(answer, DnsAnswer) else ()
    shown = [f"{one.preference} {_name(one.exchange)}." for one in found]
    ours = {_name(one.value.split()[1]) for one in records}
    strangers = sorted({_name(one.exchange) or "." for one in found} - ours)
    checks = []
    for one in records:
        if _name(one.value.split()[1]) not in {_name(other.exchange) for other in found}:
            checks.append(
                await _missing(one, resolver) if not found else _wrong(one, shown, *_elsewhere(one, strangers))
            )
        elif strangers:
            checks.append(_wrong(one, shown, *_elsewhere(None, strangers)))
        else:
            checks.append(_ok(one, shown))
    return checks


def _elsewhere(missing: Record | None, strangers: Sequence[str]) -> tuple[str, str]:
    others = ", ".join(strangers)
    cause = f"Mail also goes to {others}." if strangers else "Another of our hosts is named, but not this one."
    if missing is None:
        return cause, f"Remove the MX record for {others} once your old mail has been moved."
    if not strangers:
        return cause, f"Add the MX record {missing.value}."
    return cause, (
        f"Add the MX record {missing.value}, then remove the MX record for {others} once your old mail has been moved."
    )


async def _spf(record: Record, resolver: Resolver) -> Check:
    answer = await resolver.lookup(record.name, Txt)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    texts = [text for text in _texts(answer) if spf_record.is_spf(text.encode())]
    if not texts:
        return await _missing(record, resolver)
    if len(texts) > 1:
        # RFC 7208 §4.5: more than one record is a permanent error.
        return _wrong(record, texts, "There are several SPF records, so none counts.", f"Keep one: {record.value}")
    try:
        policy = spf_record.parse_record(texts[0].encode())
    except BadRecord as bad:
        return _wrong(record, texts, f"The record has a mistake: {bad}.", f"Replace it by {record.value}")
    # What is between the version and `~all`.
    ours = record.value.split()[1:-1]
    missing = set(ours) - {one.text.lower().lstrip("+") for one in policy.directives}
    everyone = [one for one in policy.directives if one.mechanism is Mechanism.ALL and one.qualifier is Qualifier.PASS]
    if missing and not everyone:
        return _wrong(
            record,
            texts,
            "Our hosts are not in it.",
            f"Change it to {_with_ours(texts[0], [one for one in ours if one in missing])}",
        )
    if everyone:
        return _wrong(record, texts, "It allows everyone to send for you (+all).", "Write ~all in place of +all.")
    return _ok(record, texts)


def _with_ours(text: str, ours: Sequence[str]) -> str:
    """The record with our terms in front of its `all` or redirect."""
    terms = text.split()
    last = [index for index, term in enumerate(terms) if term.lower().lstrip("+-~?") == "all" or "=" in term[1:]]
    at = next((index for index in last if index), len(terms))
    return " ".join([*terms[:at], *ours, *terms[at:]])


async def _key(record: Record, resolver: Resolver) -> Check:
    """RFC 6376 §3.6.1: the same key, however its record is written."""
    answer = await resolver.lookup(record.name, Txt)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    texts = _texts(answer)
    if not texts:
        return await _missing(record, resolver)
    expected = parse_key_record(record.value.encode())
    try:
        found = read_key(answer)
    except NoKey as bad:
        return _wrong(record, texts, f"The record has a mistake: {bad}.", f"Replace it by {record.value}")
    if (found.key_type, found.data) != (expected.key_type, expected.data):
        return _wrong(record, texts, "The key is another one.", f"Change the value to {record.value}")
    return _ok(record, texts)


async def _dmarc(record: Record, resolver: Resolver) -> Check:
    answer = await resolver.lookup(record.name, Txt)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    texts = [text for text in _texts(answer) if dmarc_record.is_dmarc(text.encode())]
    if not texts:
        return await _missing(record, resolver)
    policy = dmarc_record.parse_record(texts[0].encode())
    if len(texts) > 1 or policy is None:
        cause = "There are several DMARC records, so none counts." if policy else "The record says nothing valid."
        return _wrong(record, texts, cause, f"Keep one: {record.value}")
    if policy.for_domain(own=True, exists=True) is Policy.NONE:
        step = "Once the reports show that all your mail passes, change it to p=quarantine."
        return _wrong(record, texts, "The record only watches.", step, Status.ADVICE)
    return _ok(record, texts)


async def _versioned(record: Record, resolver: Resolver) -> Check:
    """RFC 8461 §3.1 and RFC 8460 §3: the one TXT record that begins with the version."""
    answer = await resolver.lookup(record.name, Txt)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    expected = parse_tags(record.value)
    texts = [text for text in _texts(answer) if text.startswith(f"v={expected['v']}")]
    if not texts:
        return await _missing(record, resolver)
    if len(texts) > 1:
        return _wrong(record, texts, "There are several records, so none counts.", f"Keep one: {record.value}")
    try:
        found = parse_tags(texts[0])
    except BadTagList as bad:
        return _wrong(record, texts, f"The record has a mistake: {bad}.", f"Replace it by {record.value}")
    key = "id" if record.purpose is Purpose.MTA_STS else "rua"
    if key not in found:
        return _wrong(record, texts, f"{key}= is missing.", f"Replace it by {record.value}")
    if key == "id" and found[key] != expected[key]:
        return _wrong(
            record, texts, "The policy has changed since.", f"Change the value to {record.value}", Status.ADVICE
        )
    return _ok(record, texts)


async def _alias(record: Record, resolver: Resolver) -> Check:
    answer = await resolver.lookup(record.name, Cname)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    found = [f"{_name(one.target)}." for one in answer.records] if isinstance(answer, DnsAnswer) else []
    if found == [record.value]:
        return _ok(record, found)
    if found:
        return _wrong(record, found, "It leads elsewhere.", f"Change its target to {record.value}")
    address, text = await resolver.lookup(record.name, A), await resolver.lookup(record.name, Txt)
    if isinstance(text if record.purpose is Purpose.DKIM else address, DnsAnswer):
        cause = "There is a fixed record in place of an alias, perhaps made by a proxy in front of your DNS."
        step = f"Remove it and add a CNAME record with the value {record.value}; switch the proxy off for this name."
        return _wrong(record, ["another type of record"], cause, step)
    return await _missing(record, resolver)


async def _service(record: Record, resolver: Resolver) -> Check:
    answer = await resolver.lookup(record.name, Srv)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    if not isinstance(answer, DnsAnswer):
        return await _missing(record, resolver)
    found = [f"{one.priority} {one.weight} {one.port} {_name(one.target)}." for one in answer.records]
    # Priority and weight are the owner's choice; port and target are not.
    if any(text.split()[2:] == record.value.split()[2:] for text in found):
        return _ok(record, found)
    return _wrong(record, found, "It leads elsewhere.", f"Change the value to {record.value}")


async def _authority(record: Record, resolver: Resolver) -> Check:
    """RFC 8659 §3: without any record every authority may issue, and that is fine."""
    answer = await resolver.lookup(record.name, Caa)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    if not isinstance(answer, DnsAnswer):
        return _ok(record, [])
    issuers = [one.value.partition(";")[0].strip().lower() for one in answer.records if one.tag.lower() == "issue"]
    found = [f'{one.flags} {one.tag} "{one.value}"' for one in answer.records]
    if not issuers or record.value.split('"')[1] in issuers:
        return _ok(record, found)
    return _wrong(record, found, "Your records forbid our authority.", f"Add the CAA record {record.value}")


async def _tlsa(record: Record, resolver: Resolver) -> Check:
    answer = await resolver.lookup(record.name, Tlsa)
    if isinstance(answer, DnsFailure):
        return _unknown(record, answer)
    if not isinstance(answer, DnsAnswer):
        return await _missing(record, resolver)
    found = [f"{one.usage} {one.selector} {one.matching} {one.data.hex()}" for one in answer.records]
    if record.value not in found:
        step = "Nothing for you to do: the operator of the mail hosts must publish it."
        return _wrong(record, found, "The mail host's certificate is not among them.", step)
    if not answer.authentic:
        step = "Ask your registrar to switch DNSSEC on for your domain; the operator does it for the mail hosts."
        return _wrong(record, found, "The records are not signed with DNSSEC.", step, Status.ADVICE)
    return _ok(record, found)
