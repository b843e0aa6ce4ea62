"""Ready-made policies with plain names, for people who do not want to study blocs.

A preset excludes a country by a law (`deny_facts`) only where every country it allows has a verified fact about that
law; otherwise the preset would hold everything from the first day. What is therefore left out is told by
`explain`. A tenant made without a preset may use its cell's country only.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from jurisdiction.atlas import Atlas
from jurisdiction.policy import Policy

# Laws that a tenant of this product would not want to live under, if it were known where they hold.
UNWANTED: Final = ("provider_decryption_duty", "mail_metadata_retention_duty", "content_retention")


@dataclass(frozen=True, slots=True)
class Preset:
    """`sentence` is shown to people; `base` makes the policy for a day (members of blocs change)."""

    id: str
    name: str
    sentence: str
    base: Callable[[Atlas, date], Policy]


def _iceland(_atlas: Atlas, _on: date) -> Policy:
    return Policy(
        allow=("IS",),
        deny_blocs=("14EYES",),
        deny_controller_blocs=("14EYES",),
        backup_allow=("IS",),
        egress_plain_deny_blocs=("FVEY",),
        operator_allow=("IS",),
        egress_rule="link",
    )


def _outside_five(_atlas: Atlas, _on: date) -> Policy:
    countries = ("IS", "NO", "CH", "FI", "SE", "EE", "DE", "NL")
    return Policy(
        allow=countries,
        deny_blocs=("FVEY",),
        deny_controller_blocs=("FVEY",),
        backup_allow=countries,
        egress_plain_deny_blocs=("FVEY",),
        operator_allow=countries,
        egress_rule="link",
        consent=True,
    )


def _outside_fourteen(_atlas: Atlas, _on: date) -> Policy:
    countries = ("IS", "CH", "FI", "EE")
    return Policy(
        allow=countries,
        deny_blocs=("14EYES",),
        deny_controller_blocs=("14EYES",),
        backup_allow=countries,
        egress_plain_deny_blocs=("14EYES",),
        operator_allow=countries,
        egress_rule="link",
    )


def _eea(atlas: Atlas, on: date) -> Policy:
    members = atlas.members("EEA", on)
    return Policy(
        allow=members,
        deny_controller_blocs=("FVEY",),
        backup_allow=members,
        operator_allow=members,
        consent=True,
    )


PRESETS: Final = {
    preset.id: preset
    for preset in (
        Preset(
            "iceland-only",
            "Iceland only",
            "Everything lies in Iceland, on machines that nobody from a Fourteen Eyes country controls; readable mail "
            "for servers in the Five Eyes stays here, and its readers get a link to open it.",
            _iceland,
        ),
        Preset(
            "outside-five-eyes",
            "Outside Five Eyes",
            "Mail lies in named European countries outside the Five Eyes, on machines without an owner from there; "
            "readable mail for servers there stays here behind a link, unless its sender agrees to let it go.",
            _outside_five,
        ),
        Preset(
            "outside-fourteen-eyes",
            "Outside Fourteen Eyes",
            "Mail lies in Iceland, Switzerland, Finland or Estonia, on machines without an owner from a Fourteen Eyes "
            "country; readable mail for servers in any of the fourteen stays here, and its readers get a link to open "
            "it.",
            _outside_fourteen,
        ),
        Preset(
            "eea-deliverability",
            "EEA, deliverability first",
            "Mail lies in the European Economic Area, on machines without an owner from the Five Eyes, and goes out to "
            "every server that speaks TLS.",
            _eea,
        ),
    )
}


def from_preset(preset_id: str, atlas: Atlas, on: date) -> Policy:
    """The preset's policy as of a day. Raises KeyError for an unknown preset."""
    preset = PRESETS[preset_id]
    base = preset.base(atlas, on)
    deniable = tuple(key for key in UNWANTED if is_deniable(key, base, atlas, on))
    return replace(base, deny_facts=deniable, preset=preset_id)


def is_deniable(key: str, policy: Policy, atlas: Atlas, on: date) -> bool:
    """Whether the law is settled in every allowed country, and does not exclude them all."""
    states = [atlas.state(country, key, on, on) for country in policy.allow]
    return all(state.settled for state in states) and any(state.state == "no" for state in states)


def home_policy(country: str) -> Policy:
    """Of a tenant made without a preset: its cell's country and nothing else."""
    return Policy(allow=(country,), backup_allow=(country,), operator_allow=(country,))
