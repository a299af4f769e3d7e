"""Forms of the pages of galleries."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.utils import timezone

from galleries.models import Gallery, Subject
from ml_models.recognition import recognition_model, recognition_models

POLICIES = (
    (Gallery.QualityPolicy.WARN.value, "Enrol them, and say why they are poor"),
    (Gallery.QualityPolicy.REFUSE.value, "Refuse them"),
)


class GalleryForm(forms.Form):
    """The settings of a gallery."""

    name = forms.CharField(max_length=128)
    notes = forms.CharField(
        required=False, max_length=16384, widget=forms.Textarea(attrs={"rows": 2}), help_text="For your team."
    )
    threshold = forms.FloatField(
        required=False,
        min_value=0.0,
        max_value=1.0,
        label="Same person from",
        widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal"}),
        help_text=(
            "Confidence from 0 to 1 from which two faces count as one person. Empty: 0.5, where a mistake "
            "either way is as likely. Higher: fewer wrong names, more unknown faces."
        ),
    )
    quality_policy = forms.ChoiceField(
        choices=POLICIES,
        widget=forms.RadioSelect,
        initial=Gallery.QualityPolicy.WARN,
        label="Poor pictures",
        help_text="Poor means too small, blurred, dark, turned away or covered to be recognised well.",
    )
    label_photos = forms.BooleanField(
        required=False,
        initial=True,
        label="Look for these people in the team's photos",
        help_text="New photos get their names by themselves, and old ones after each training.",
    )
    keep_crops = forms.BooleanField(
        required=False,
        initial=True,
        label="Keep a small picture of each face",
        help_text=(
            "So that you see who is enrolled, and the gallery can be moved to another model. Without it only "
            "the vector is kept."
        ),
    )
    allow_duplicates = forms.BooleanField(
        required=False,
        label="Take the same picture twice",
        help_text="Otherwise a face that is enrolled already is refused.",
    )
    erase_without_consent = forms.BooleanField(
        required=False,
        initial=True,
        label="Erase people when their consent ends",
        help_text=(
            "On the day the consent record names, with their faces. Otherwise their page only says that it "
            "ended."
        ),
    )


class NewGalleryForm(GalleryForm):
    """The same for a gallery that is made, with what cannot be changed later."""

    key = forms.CharField(
        required=False,
        max_length=64,
        help_text=(
            "Its name in addresses of the API: letters a to z, digits, '-' and '_'. Empty: made of the name."
        ),
    )

    field_order = ("name", "key", "model")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = recognition_models()
        if len(names) > 1:
            self.fields["model"] = forms.ChoiceField(
                choices=[(name, f"{name}: {recognition_model(name).title}") for name in names],
                label="Recognition model",
                help_text="Faces are compared by this model. You can move the gallery to another one later.",
            )
            self.order_fields(self.field_order)


class PersonForm(forms.Form):
    """A person of a gallery."""

    name = forms.CharField(max_length=128)
    external_id = forms.CharField(
        required=False, max_length=128, label="Own id", help_text="What your other systems call them."
    )
    notes = forms.CharField(required=False, max_length=16384, widget=forms.Textarea(attrs={"rows": 2}))


class ConsentForm(forms.Form):
    """The record of a person's consent. Days are those of the server's time zone."""

    consent_by = forms.CharField(
        required=False, max_length=200, label="Given by", help_text="The person, or who may speak for them."
    )
    consent_how = forms.CharField(
        required=False,
        max_length=200,
        label="How",
        help_text="Signed form, mail, contract, and where it is kept.",
    )
    consent_at = forms.DateField(
        required=False, label="Given on", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    consent_until = forms.DateField(
        required=False,
        label="Ends on",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Empty: without end.",
    )

    @classmethod
    def of(cls, subject: Subject) -> "ConsentForm":
        """The form with what is recorded of a person."""
        days = {name: getattr(subject, name) for name in ("consent_at", "consent_until")}
        shown = {name: timezone.localtime(at).date() if at else None for name, at in days.items()}
        return cls(initial={"consent_by": subject.consent_by, "consent_how": subject.consent_how, **shown})

    def values(self) -> dict[str, Any]:
        """Fields of `Subject`. A consent ends with the end of its last day."""
        found = dict(self.cleaned_data)
        found["consent_at"] = _moment(found["consent_at"], time.min)
        found["consent_until"] = _moment(found["consent_until"], time.max)
        return found


def _moment(day: Any, at: time) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, at)) if day else None
