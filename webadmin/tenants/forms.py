"""The forms of a tenant's pages. What is typed is judged by the use-cases; here stand words and widths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from jurisdiction.atlas import Atlas
from jurisdiction.policy import BLOC_LISTS, MAX_RETENTION_DAYS, Policy
from jurisdiction.sentences import law
from mailhost.models import Domain
from mailhost.outbound.securelinks import MAX_DAYS
from mailhost.provision import receiving
from mailhost.provision.errors import CannotProvision
from mailhost.provision.receiving import MAX_COUNTED
from webadmin.api import tokens
from webadmin.api.rights import Right
from webadmin.languages import spoken
from webadmin.signup.choices import Choice

_PLAIN = {"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
MAX_DOMAIN = 253  # the column's width
MIB = 1 << 20
MAX_QUOTA = 10 << 20  # MiB: ten tebibytes; anything larger is a slip of the keyboard


# Three hundred codes with commas: every country there is.
MAX_COUNTRIES = 1500
COUNTRY_LISTS = ("allow", "backup_allow", "operator_allow")
EGRESS_WORDS = [
    ("refuse", _("comes back to its sender with the reason")),
    ("hold", _("waits until its sender decides")),
    ("link", _("stays here (until readers can open it on a page of ours, it comes back to its author)")),
]


class DomainForm(forms.Form):
    """A domain to bring."""

    domain = forms.CharField(
        label=_("Your domain"),
        help_text=_("The part of your addresses behind the @, such as example.is."),
        max_length=MAX_DOMAIN,
        widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "url", "placeholder": "example.is"}),
    )


class Names(forms.Select):
    """A list of names to choose from. Django draws each option by a template of its own: of the hundred domains that a
    tenant may have, that is most of a page's time."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        del renderer  # that draws by templates
        chosen = str(value or "")
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((one, SafeString(" selected") if one == chosen else "", words) for one, words in self.choices),
        )
        own = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>\n{}\n</select>', name, own, options)


class InviteForm(forms.Form):
    """The address of somebody who will make their keys themselves."""

    local = forms.CharField(
        label=_("Address"),
        help_text=_("You get a link to give them. Their browser makes the keys; you never see their password."),
        max_length=64,
        widget=forms.TextInput(attrs=_PLAIN),
    )
    domain = forms.ChoiceField(label=_("At"), widget=Names)

    def __init__(self, *arguments: Any, domains: Sequence[str], **words: Any) -> None:
        super().__init__(*arguments, **words)
        offered = self.fields["domain"]
        assert isinstance(offered, forms.ChoiceField)
        offered.choices = [(name, name) for name in domains]


class QuotaForm(forms.Form):
    """How much a mailbox may hold."""

    quota = forms.IntegerField(
        label=_("Quota in MiB"),
        help_text=_("As stored: sealed, compressed and padded. Mail that does not fit is put off, not lost."),
        min_value=1,
        max_value=MAX_QUOTA,
    )


class AliasForm(InviteForm):
    """Another address, and the mailbox where its mail arrives."""

    member = forms.CharField(
        label=_("Leads to"),
        max_length=320,
        widget=forms.TextInput(attrs=_PLAIN | {"list": "boxes", "inputmode": "email"}),
    )

    def __init__(self, *arguments: Any, domains: Sequence[str], **words: Any) -> None:
        super().__init__(*arguments, domains=domains, **words)
        self.fields["local"].help_text = _("Give the same address to several mailboxes, and it is a group.")

    def clean_member(self) -> str:
        """As addresses are stored."""
        return str(self.cleaned_data["member"]).strip().lower()


class PolicyForm(forms.Form):
    """A preset, and the two choices beside it."""

    preset = forms.ChoiceField(label=_("Where mail may lie"), widget=forms.RadioSelect)
    egress_rule = forms.ChoiceField(
        label=_("Readable mail to a country the policy denies"),
        choices=[
            ("refuse", _("comes back to its sender with the reason")),
            ("hold", _("waits until its sender decides")),
            ("link", _("stays here, and its reader gets a link that opens with words from its sender")),
        ],
        widget=forms.RadioSelect,
    )
    session = forms.BooleanField(
        label=_("Allow ordinary mail programs"),
        help_text=_(
            "They let this host open mail for the length of a session. "
            "Without it, only the owner's own machine opens it."
        ),
        required=False,
    )

    def __init__(self, *arguments: Any, offered: Sequence[Choice], **words: Any) -> None:
        super().__init__(*arguments, **words)
        field = self.fields["preset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.id, one.name) for one in offered]


class LeaveForm(forms.Form):
    """The decision to have everything deleted, made on purpose."""

    slug = forms.CharField(
        label=_("Short name of your organisation"),
        help_text=_("Type it, so that this is no slip of the hand."),
        max_length=40,
        widget=forms.TextInput(attrs=_PLAIN),
    )
    why = forms.CharField(
        label=_("Why"),
        help_text=_("Everybody in your organisation reads it when they sign in."),
        max_length=200,
        required=False,
    )

    def __init__(self, *arguments: Any, slug: str, **words: Any) -> None:
        super().__init__(*arguments, **words)
        self._slug = slug

    def clean_slug(self) -> str:
        typed = str(self.cleaned_data["slug"]).strip().lower()
        if typed != self._slug:
            raise forms.ValidationError(_("This is not it: the short name is %(slug)s.") % {"slug": self._slug})
        return typed


# What a right is, in words, in the order in which somebody looks for it.
RIGHTS: Final = {
    Right.TENANT_READ: _("See the organisation: counts, held mail, operators' access"),
    Right.MAILBOXES_READ: _("See mailboxes: addresses, states, fill"),
    Right.MAILBOXES_WRITE: _("Invite people, set quotas, pause"),
    Right.MAILBOXES_DELETE: _("Delete mailboxes with all their mail"),
    Right.PASSWORDS_READ: _("See which app passwords there are"),
    Right.PASSWORDS_WRITE: _("Make and end app passwords with sealed access"),
    Right.ALIASES_READ: _("See aliases and groups"),
    Right.ALIASES_WRITE: _("Change aliases and groups"),
    Right.DOMAINS_READ: _("See domains and their DNS"),
    Right.DOMAINS_WRITE: _("Add and check domains, set catch-alls"),
    Right.DOMAINS_DELETE: _("Stop hosting domains without mailboxes"),
    Right.POLICY_READ: _("See the policy, and what another would mean"),
    Right.POLICY_WRITE: _("Put another policy in force"),
    Right.LEDGER_READ: _("See decisions, the log's entries and receipts"),
}


class TokenForm(forms.Form):
    """A token for one program."""

    name = forms.CharField(
        label=_("Name"), help_text=_("What it is for, such as invitations."), max_length=tokens.MAX_NAME
    )
    days = forms.IntegerField(label=_("Good for how many days"), min_value=1, max_value=tokens.LONGEST.days, initial=90)
    rights = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(right.value, words) for right, words in RIGHTS.items()],
        widget=forms.CheckboxSelectMultiple,
    )


class LinksForm(forms.Form):
    """How long secure links live, and what may come back by them."""

    days = forms.IntegerField(
        label=_("Days for which a link opens"),
        help_text=format_lazy(_("Then link and message are removed. At most {days}."), days=MAX_DAYS),
        min_value=1,
        max_value=MAX_DAYS,
    )
    answers = forms.BooleanField(
        label=_("Readers may answer on the page"),
        help_text=_("An answer is sealed into the author's mailbox at once."),
        required=False,
    )
    attachments = forms.BooleanField(label=_("Answers may have files"), required=False)


class ReportsForm(forms.Form):
    """What other domains are told about mail that arrives for one of ours, and where their reports are counted."""

    sends = forms.BooleanField(
        label=_("Tell other domains how mail in their name arrived here"),
        help_text=_(
            "Domains that ask for it get counts once a day (DMARC), with the addresses of the machines that sent mail"
            " in their name. What it costs: those addresses are kept, sealed, for a day or two; without it they are not"
            " kept at all."
        ),
        required=False,
    )
    sends_tls = forms.BooleanField(
        label=_("Tell other domains how encrypted mail of this domain reached them"),
        help_text=_(
            "Domains that ask for it get counts once a day (TLS-RPT): how often connections that carried this domain's"
            " mail were encrypted as they wish, and what went wrong. What it costs: to which domains and hosts mail"
            " went is kept, sealed, for a day or two; nothing says from whom or to whom."
        ),
        required=False,
    )
    counted = forms.CharField(
        label=_("Count others' reports that come to"),
        help_text=_(
            "Addresses of this domain that its DMARC and TLS-RPT records name, with commas. What it costs: who sent in"
            " your domain's name, by network, day and number, lies here readable for 400 days. The reports are"
            " delivered as ever."
        ),
        max_length=MAX_COUNTED * 322,
        required=False,
    )

    def __init__(self, *arguments: Any, domain: Domain, **words: Any) -> None:
        super().__init__(*arguments, **words)
        self._domain = domain

    def clean_counted(self) -> list[str]:
        """The addresses in normal form."""
        found = {one for one in re.split(r"[,;\s]+", self.cleaned_data["counted"]) if one}
        if len(found) > MAX_COUNTED:
            raise forms.ValidationError(_("At most %(n)s addresses.") % {"n": MAX_COUNTED})
        for one in found:
            try:
                receiving.own_address(self._domain, one)
            except CannotProvision:
                text = _("%(address)s is no address of %(domain)s.")
                raise forms.ValidationError(text % {"address": one, "domain": self._domain.name}) from None
        return sorted(found)


class CustomPolicyForm(forms.Form):
    """Every rule of a policy. Countries are codes with commas, as everywhere in this host's settings."""

    allow = forms.CharField(
        label=_("Mail may lie in"), help_text=_("Codes of countries with commas: IS, NO."), max_length=MAX_COUNTRIES
    )
    backup_allow = forms.CharField(label=_("Backups may lie in"), max_length=MAX_COUNTRIES)
    operator_allow = forms.CharField(label=_("Operators may act from"), max_length=MAX_COUNTRIES)
    deny_blocs = forms.MultipleChoiceField(label=_("No place in"), required=False, widget=forms.CheckboxSelectMultiple)
    deny_controller_blocs = forms.MultipleChoiceField(
        label=_("No owner from"), required=False, widget=forms.CheckboxSelectMultiple
    )
    deny_facts = forms.MultipleChoiceField(
        label=_("Laws that no place may have"),
        help_text=_("A country about which nobody has looked this up is refused as well."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    egress_plain_deny_blocs = forms.MultipleChoiceField(
        label=_("No readable mail to"), required=False, widget=forms.CheckboxSelectMultiple
    )
    egress_rule = forms.ChoiceField(
        label=_("Readable mail to denied countries"), choices=EGRESS_WORDS, widget=forms.RadioSelect
    )
    consent = forms.BooleanField(
        label=_("A sender may agree to one delivery"),
        help_text=_("With [consent] at the front of its subject."),
        required=False,
    )
    session = forms.BooleanField(label=_("Allow ordinary mail programs"), required=False)
    retention_days = forms.IntegerField(
        label=_("Days that mail is kept"),
        help_text=_(
            "0: until its owner deletes it. A wish that the policy states; nothing here deletes mail by its age."
        ),
        min_value=0,
        max_value=MAX_RETENTION_DAYS,
    )

    def __init__(self, *arguments: Any, atlas: Atlas, **words: Any) -> None:
        super().__init__(*arguments, **words)
        self._countries = atlas.countries
        blocs = sorted([(one.id, spoken.name(one.name)) for one in atlas.blocs.values()], key=lambda one: one[1])
        laws = sorted(
            [(key, spoken.name(law(atlas, key))) for key, found in atlas.keys.items() if found.kind == "state"],
            key=lambda one: one[1],
        )
        for name in (*BLOC_LISTS, "deny_facts"):
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = laws if name == "deny_facts" else blocs

    def clean(self) -> dict[str, Any]:
        """Codes that no country has are said at their field."""
        typed: dict[str, Any] = super().clean() or {}
        for name in COUNTRY_LISTS:
            unknown = [code for code in self._codes(typed.get(name, "")) if code not in self._countries]
            if unknown:
                self.add_error(name, _("%(codes)s: no country code such as IS.") % {"codes": ", ".join(unknown)})
        return typed

    @staticmethod
    def _codes(typed: str) -> list[str]:
        """Country codes as people write them, each once."""
        return list(dict.fromkeys(typed.upper().replace(",", " ").split()))

    @staticmethod
    def start(policy: Policy) -> dict[str, Any]:
        """The values of a policy, as the fields have them."""
        countries = {name: ", ".join(getattr(policy, name)) for name in COUNTRY_LISTS}
        lists = {name: list(getattr(policy, name)) for name in (*BLOC_LISTS, "deny_facts")}
        return (
            countries
            | lists
            | {
                "egress_rule": policy.egress_rule,
                "consent": policy.consent,
                "session": "session" in policy.access,
                "retention_days": policy.retention_days,
            }
        )

    def table(self) -> dict[str, Any]:
        """What was typed, as `jurisdiction.policy.read` wants it."""
        typed = self.cleaned_data
        countries = {name: self._codes(typed[name]) for name in COUNTRY_LISTS}
        same = {name: typed[name] for name in (*BLOC_LISTS, "deny_facts", "egress_rule", "consent", "retention_days")}
        return countries | same | {"access": ["sealed", "session"] if typed["session"] else ["sealed"]}
