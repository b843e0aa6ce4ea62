"""The forms of a tenant's pages. What is typed is judged by the use-cases; here stand words and widths."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

_PLAIN = {"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
MAX_DOMAIN = 253  # the column's width


class DomainForm(forms.Form):
    """A domain to bring."""

    domain = forms.CharField(
        label=_("Your domain"),
        help_text=_("The part of your addresses behind the @, such as example.is."),
        max_length=MAX_DOMAIN,
        widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "url", "placeholder": "example.is"}),
    )
