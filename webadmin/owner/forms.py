"""Forms of a mailbox owner's pages. What a script fills in is hidden; where it is missing, a sentence says so."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from mailhost.consents import DAYS, MAX_DAYS
from mailhost.models import AppPassword
from mailhost.provision.apppasswords import MAX_NAME
from mailhost.seal.registration import MAX_FORM_SIZE

MAX_CHALLENGE: Final = 1000  # a signed address of at most 320 characters in JSON and base64, and some room
MAX_PROOF: Final = 100  # an Ed25519 signature in base64 has 88
_ACCESS: Final = {
    AppPassword.Access.SEALED: _("Sealed: the program gets sealed mail, and only your keys open it"),
    AppPassword.Access.SESSION: _("Session: this host opens your mail for the program while it is signed in"),
}


class _Made(forms.Form):
    """One hidden field with what the browser made."""

    made = forms.CharField(max_length=MAX_FORM_SIZE, strip=False, required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.get("made"):
            # Said above the form: a hidden field has no place for it.
            raise forms.ValidationError(_("Your browser made no keys. Allow JavaScript for this page, and try again."))
        return self.cleaned_data


class NewAppPassword(_Made):
    """What an app password is for, how it may read, and until when."""

    name = forms.CharField(
        label=_("What it is for"),
        max_length=MAX_NAME,
        help_text=_("Such as “phone”. One for each program, so that you can end one and keep the others."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    access = forms.ChoiceField(label=_("How it may read"), widget=forms.RadioSelect)
    expires = forms.DateField(
        label=_("Last day on which it works"),
        required=False,
        help_text=_("Without one it works until you end it."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, offered: list[AppPassword.Access], **words: Any) -> None:
        super().__init__(*args, **words)
        field = self.fields["access"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.value, _ACCESS[one]) for one in offered]


class NewPassword(_Made):
    """A new account password, wrapped around the keyring key in the browser."""


class Recovered(_Made):
    """A new account password by whoever has the words."""

    address = forms.CharField(
        label=_("Mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    challenge = forms.CharField(max_length=MAX_CHALLENGE, required=False, widget=forms.HiddenInput)
    proof = forms.CharField(max_length=MAX_PROOF, required=False, widget=forms.HiddenInput)


class NewConsent(forms.Form):
    """A reader to whom the owner writes readable mail, and for how long."""

    reader = forms.CharField(
        label=_("The reader's address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    days = forms.IntegerField(
        label=_("Days for which it counts"),
        help_text=_("It ends by itself, and you can take it back at any time."),
        min_value=1,
        max_value=MAX_DAYS,
        initial=DAYS,
    )
