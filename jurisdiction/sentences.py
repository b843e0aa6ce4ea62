"""Decisions in plain words: one sentence for every verdict, reason and obligation.

A sentence says what was found and, where something can be done about it, what. It takes its names (countries, blocs,
laws) from the atlas, so that a code and its sentence never tell different stories. Sentences are values
(`jurisdiction.phrases`): the pages say them in their reader's language, `in_english` says them for everything else.
"""

from collections.abc import Callable, Sequence
from typing import Final

from jurisdiction import reasons as r
from jurisdiction.atlas import Atlas
from jurisdiction.phrases import Country, English, Name, Phrase, Said, in_a_row, phrase
from jurisdiction.questions import Decision, Verdict

VERDICTS: Final = {
    Verdict.ALLOW: "This is allowed.",
    Verdict.DENY: "This is denied.",
    Verdict.HOLD: "On hold until a person has looked at it; it does not become allowed by waiting.",
    Verdict.REFER: "Not answered here; the sender is told which way the law provides.",
    Verdict.COUNSEL: "To be answered by counsel.",
    Verdict.PLAN: "A move has to be planned.",
    Verdict.NONE: "Nothing has to be done.",
}

PLAIN: Final = {
    r.LOC_OK: "The place is allowed.",
    r.CTRL_OK: "Nobody from a denied country controls the machine.",
    r.LOC_UNKNOWN: "It is not known which country this is in, and what is not known is not allowed.",
    r.LOC_CONFLICT: "Two geolocation datasets name different countries; only a round-trip measurement settles it.",
    r.NOT_IN_ALLOWLIST: "The country is not among those the policy allows for this.",
    r.CTRL_UNKNOWN: "It is not known who controls the machine, and an unknown owner is not allowed.",
    r.BACKUP_NOT_TENANT_KEYED: "The backup is not encrypted to a key that the tenant alone holds.",
    r.CELL_MISMATCH: "The task belongs to another cell than the machine.",
    r.EVIDENCE_STALE: "The evidence for the place is older than 30 days and has to be taken again.",
    r.RTT_CONTRADICTS: "A reply came faster than light in glass could bring it from there: the machine is elsewhere.",
    r.EGRESS_E2E_OK: "The message is sealed for its reader, so the receiving server learns nothing of its content.",
    r.EGRESS_TLS_OK: "The receiving server may read the message; the wire in between may not.",
    r.EGRESS_NOTE_OK: "It says only that a message waits on a page of the cell, and nothing of what is in it.",
    r.EGRESS_TLS_REQUIRED: "The receiving server offers no TLS, and nothing is sent in the clear.",
    r.EGRESS_OVERRIDE_USED: "The sender agreed to this delivery against the policy's advice; that is recorded.",
    r.EGRESS_STANDING_CONSENT: "The sender has agreed to readable mail for this reader, until a day or until they take "
    "it back; that is recorded.",
    r.METADATA_EXPOSED: "The receiving server learns who writes to whom, when, and how much.",
    r.OFFER_E2E_OR_PORTAL: "The sender can seal the message for its reader, or have it read on a page of the cell.",
    r.OPERATOR_OK: "The operator may see metadata for the stated reason; the tenant sees the session.",
    r.OPERATOR_CONTENT_NEVER: "No operator sees the content of mail, from anywhere, for any reason.",
    r.OPERATOR_LOC_DENIED: "Operators may not sign in from this country.",
    r.OPERATOR_NO_TICKET: "An operator's session needs a stated reason.",
    r.LEGAL_EEVIDENCE_REACH: "An order under Regulation (EU) 2023/1543 reaches a provider that serves the European "
    "Union, wherever the data lies.",
    r.CLOCK_10D: "It has to be answered within ten days, in an emergency within eight hours.",
    r.LEGAL_BINDING_LOCAL: "The authority has power over the cell or over somebody who controls it.",
    r.DISCLOSE_ONLY_HELD: "Only what is held can be disclosed: sealed mail stays sealed.",
    r.LEGAL_NO_DIRECT_FORCE: "The authority has no direct power here.",
    r.LEGAL_NEEDS_MLA: "It may ask for mutual legal assistance through the courts of the cell's own country.",
    r.LAW_SCHEDULED: "A law that the policy excludes takes force there.",
    r.NO_COMPLIANT_TARGET: "None of the candidate countries is allowed by the policy; it has to be widened or renewed.",
}

OBLIGATIONS: Final = {
    r.RENEW_EVIDENCE: "Take the evidence again before it runs out.",
    r.ASK_HUMAN: "A person has to look up what is not known.",
    r.BOUNCE: "The sender gets the message back with the reason.",
    r.HOLD_FOR_SENDER: "The message waits until its sender decides.",
    r.SECURE_LINK: "The message stays in the cell, and its reader gets a link to a page where it is read.",
    r.RECORD_CONSENT: "The sender's consent is recorded with the message.",
    r.RECORD_IN_LEDGER: "An entry is written to the ledger.",
    r.SHOW_TENANT: "The tenant sees it.",
    r.METADATA_ONLY: "Only metadata is shown.",
    r.ANSWER_WITHIN_10D: "Counsel answers within ten days.",
    r.TELL_TENANT: "The tenant is told at once.",
}


def _bloc_denied(atlas: Atlas, bloc: str) -> Phrase:
    return phrase("The country belongs to {sentence}, which the policy denies.", sentence=_group(atlas, bloc))


def _controller_denied(atlas: Atlas, country: str, bloc: str) -> Phrase:
    form = "Somebody from {country} controls the machine, a member of {sentence}."
    return phrase(form, country=Country(country), sentence=_group(atlas, bloc))


def _fact_denied(atlas: Atlas, key: str) -> Phrase:
    return phrase("The law there is that {key}, which the policy excludes.", key=Name(law(atlas, key)))


def _fact_unverified(atlas: Atlas, key: str) -> Phrase:
    form = "Nobody has verified whether {key} there; the policy asks for certainty."
    return phrase(form, key=Name(law(atlas, key)))


def _plaintext_denied(atlas: Atlas, bloc: str) -> Phrase:
    form = "The receiving server stands in, or belongs to somebody from, {sentence}; readable mail is not handed to it."
    return phrase(form, sentence=_group(atlas, bloc))


def _move_to(_atlas: Atlas, country: str) -> Phrase:
    return phrase("The first candidate that the policy allows is {country}.", country=Country(country))


def _group(atlas: Atlas, bloc: str) -> Name:
    return Name(atlas.blocs[bloc].sentence)


WITH_ARGUMENTS: Final[dict[str, Callable[..., Phrase]]] = {
    r.BLOC_DENIED: _bloc_denied,
    r.CTRL_DENIED: _controller_denied,
    r.FACT_DENIED: _fact_denied,
    r.FACT_UNVERIFIED: _fact_unverified,
    r.EGRESS_PLAINTEXT_DENIED: _plaintext_denied,
    r.MOVE_TO: _move_to,
}


def law(atlas: Atlas, key: str) -> str:
    """A key's sentence, to follow "that" or "whether"; the key itself if it is not in the vocabulary."""
    return atlas.keys[key].sentence if key in atlas.keys else key.replace("_", " ")


def reason(code: str, atlas: Atlas) -> Phrase:
    """Raises KeyError for a code that is not of the vocabulary."""
    head, *arguments = code.split(":")
    if head in WITH_ARGUMENTS:
        return WITH_ARGUMENTS[head](atlas, *arguments)
    return phrase(PLAIN[head])


def obligation(code: str) -> Phrase:
    """Raises KeyError for an obligation that is not of the vocabulary."""
    head, _colon, argument = code.partition(":")
    if head == r.MOVE_BEFORE:
        return phrase("The move has to be finished before {argument}.", argument=argument)
    return phrase(OBLIGATIONS[head])


def why(decision: Decision, atlas: Atlas) -> list[Phrase]:
    """Why it was decided so."""
    return [reason(code, atlas) for code in decision.because]


def sentences(decision: Decision, atlas: Atlas) -> list[Phrase]:
    """The verdict, then its reasons."""
    return [phrase(VERDICTS[decision.verdict]), *why(decision, atlas)]


def in_english(said: Sequence[Said], atlas: Atlas) -> str:
    """For errors, logs and programs, which speak English."""
    return in_a_row(said, English(atlas))
