"""The one field of every act: why. The tenant reads it beside the act."""

from __future__ import annotations

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

from jurisdiction.records.operators import SHORTEST_REASON

# An act has 60 characters (OperatorAct.act): what is done takes up to 24 of them, the reason the rest.
LONGEST_WHY: Final = 36


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
