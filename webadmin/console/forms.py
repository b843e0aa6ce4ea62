"""The one field of every act: why. The tenant reads it beside the act."""

from __future__ import annotations

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

from jurisdiction.records.operators import SHORTEST_REASON

# An act has 60 characters (OperatorAct.act): what is done takes up to 24 of them, the reason the rest.
LONGEST_WHY: Final = 36
MAX_LIMIT: Final = 10_000_000  # recipients a day; more is a slip of the keyboard


class Why(forms.Form):
    """The reason for one act, in one line."""

    why = forms.CharField(
        label=_("Reason"),
        min_length=SHORTEST_REASON,
        max_length=LONGEST_WHY,
        help_text=_("The tenant reads it beside what you did. A ticket's number is enough."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_why(self) -> str:
        why = " ".join(str(self.cleaned_data["why"]).split())
        if not why.isprintable():
            raise forms.ValidationError(_("Use one line of plain text."))
        return why


class LimitForm(Why):
    """What a tenant may send a day as a whole, and why."""

    recipients = forms.IntegerField(label=_("Recipients a day"), min_value=0, max_value=MAX_LIMIT)
    new = forms.IntegerField(label=_("Of them never written to before"), min_value=0, max_value=MAX_LIMIT)
    field_order = ("recipients", "new", "why")
