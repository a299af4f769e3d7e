"""The form that makes an API key."""

from datetime import UTC, date, datetime, time, timedelta

from django import forms
from django.core.exceptions import ValidationError

from .limits import today
from .models import Scope
from .networks import networks_normalised, split_lines


class ApiKeyForm(forms.Form):
    """Name, rights, end and networks of a key to be made."""

    name = forms.CharField(max_length=80, help_text="What it is for, so that you know what to revoke.")
    scopes = forms.MultipleChoiceField(
        label="Rights", choices=Scope.choices, initial=[Scope.READ], widget=forms.CheckboxSelectMultiple
    )
    last_day = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="It works until this day ends (UTC). Empty: it never ends.",
    )
    networks = forms.CharField(
        label="May be used from",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=(
            "Addresses or ranges, one a line: 203.0.113.7, 203.0.113.0/24, 2001:db8::/32. Empty: everywhere."
        ),
    )

    def clean_last_day(self) -> date | None:
        day: date | None = self.cleaned_data["last_day"]
        if day is not None and day < today():
            raise ValidationError("This day is over. Choose today or a later one.")
        if day is not None and day.year > 9000:
            raise ValidationError("This day is too far away. Leave it empty for a key that never ends.")
        return day

    def clean_networks(self) -> list[str]:
        return networks_normalised(split_lines(self.cleaned_data["networks"]))

    @property
    def expires_at(self) -> datetime | None:
        """The moment after the last day; None for never."""
        day = self.cleaned_data["last_day"]
        return datetime.combine(day + timedelta(days=1), time(), UTC) if day else None
