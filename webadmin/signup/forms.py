"""The three questions as forms. What a script fills in is hidden, and refused with a sentence where it is missing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mailhost.provision.errors import BadName
from mailhost.provision.tenants import MAX_NAME
from mailhost.seal.registration import MAX_FORM_SIZE
from webadmin.languages import spoken
from webadmin.signup import names, vouchers, work
from webadmin.signup.choices import Choice

_PLAIN = {"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}


class NameForm(forms.Form):
    """Who you are to your readers, and your first address."""

    name = forms.CharField(
        label=_("Your name, or your organisation's"),
        max_length=MAX_NAME,
        help_text=_("As people will read it. You can change it later."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    local = forms.CharField(
        label=_("Your first address"),
        max_length=names.MAX_LOCAL + 20,
        help_text=_("Letters, digits, dots and dashes. A domain of your own can be added when you are in."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    voucher = forms.CharField(
        label=_("Voucher"),
        max_length=vouchers.MAX_TYPED,
        required=False,
        help_text=_("A code of four groups, from whoever runs this host."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    challenge = forms.CharField(max_length=work.MAX_TEXT, required=False, widget=forms.HiddenInput)
    counters = forms.CharField(max_length=work.MAX_TEXT, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, domain: str, **words: Any) -> None:
        super().__init__(*args, **words)
        self.domain = domain

    def clean_name(self) -> str:
        return _named(names.tenant_name, self.cleaned_data["name"])

    def clean_local(self) -> str:
        typed: str = self.cleaned_data["local"]
        # Whoever types the whole address means the same.
        return _named(names.local_part, typed.strip().lower().removesuffix(f"@{self.domain}"))


def _named(check: Any, typed: str) -> str:
    try:
        return str(check(typed))
    except BadName as problem:
        raise forms.ValidationError(spoken.refusal(problem)) from None


class PlaceForm(forms.Form):
    """Under which law."""

    preset = forms.ChoiceField(label=_("Where your mail may lie"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, offered: list[Choice], **words: Any) -> None:
        super().__init__(*args, **words)
        field = self.fields["preset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(choice.id, choice.name) for choice in offered]


class KeysForm(forms.Form):
    """What the browser made."""

    registration = forms.CharField(
        max_length=MAX_FORM_SIZE,
        strip=False,
        widget=forms.HiddenInput,
        error_messages={
            "required": _("Your browser made no keys. Allow JavaScript for this page, and type your passphrase again.")
        },
    )
