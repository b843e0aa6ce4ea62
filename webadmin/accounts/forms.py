"""Forms of signing in and of proving it is still you. Texts are what stands beside the fields."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webadmin.accounts.models import MAX_NAME, MAX_WORDS
from webadmin.accounts.signin import AUTH_KEY_SIZE


class OwnerSignIn(forms.Form):
    """Address and the auth key that the page's script derived. The password has no name and is never sent."""

    address = forms.CharField(
        label=_("Mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    auth_key = forms.CharField(max_length=2 * AUTH_KEY_SIZE, widget=forms.HiddenInput, required=False)

    def clean_auth_key(self) -> bytes:
        try:
            key = bytes.fromhex(self.cleaned_data["auth_key"])
        except ValueError:
            key = b""
        if len(key) != AUTH_KEY_SIZE:
            raise forms.ValidationError(
                _("Your browser did not derive the key from your password. Allow JavaScript here, and try again.")
            )
        return key


class OperatorSignIn(forms.Form):
    """Name and password, typed to the server."""

    name = forms.CharField(
        label=_("Operator's name"),
        max_length=MAX_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class Code(forms.Form):
    """Six digits of an authenticator program, or one recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        help_text=_("Six digits from your authenticator, or one of your recovery codes."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "text", "spellcheck": "false"}),
    )


class FirstCode(forms.Form):
    """What a new authenticator shows, so that nobody is shut out by one that was set up wrongly."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        help_text=_("The six digits that it shows now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}),
    )


class Password(forms.Form):
    """An operator's password once more."""

    password = OperatorSignIn.base_fields["password"]


class Words(forms.Form):
    """What somebody calls a browser or a key of theirs."""

    words = forms.CharField(label=_("Name"), max_length=MAX_WORDS)

    def clean_words(self) -> str:
        words: str = self.cleaned_data["words"]
        if not words.isprintable():
            raise forms.ValidationError(_("A name is one line of text."))
        return words


class Statement(forms.Form):
    """From where and why an operator works."""

    country = forms.ChoiceField(label=_("Where you are now"))
    reason = forms.CharField(
        label=_("Why"),
        max_length=200,
        help_text=_("Such as a ticket's number. Tenants read it beside everything you do."),
    )
    hours = forms.IntegerField(label=_("For how many hours"), min_value=1, max_value=12, initial=4)

    def __init__(self, *args: Any, countries: list[tuple[str, str]], **words: Any) -> None:
        super().__init__(*args, **words)
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = countries
