"""What the pages of videos share: finding a video of the team, the options of an analysis, what is said."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from accounts.access import require_access
from analysis.models import VideoPerson
from media_jobs import hooks
from media_jobs.models import Video
from media_jobs.video.intake import VideoOptions

#: Frames per second that can be chosen on pages; the API takes any.
RATES = [
    ("1", "1 a second"),
    ("2", "2 a second"),
    ("5", "5 a second (usual)"),
    ("10", "10 a second"),
    ("every", "every frame"),
]
USUAL_RATE = "5"
#: Statuses in which a video is on its way.
OPEN = (Video.Status.FETCHING, Video.Status.ANALYZING, Video.Status.LINKING)


def video_or_404(video_id: UUID) -> Video:
    """A video of the team."""
    return get_object_or_404(Video.objects.select_related("team", "preview", "job"), pk=video_id)


def person_or_404(video_id: UUID, person_id: UUID) -> VideoPerson:
    """Somebody in a video of the team."""
    return get_object_or_404(VideoPerson.objects.defer("portrait"), pk=person_id, video_id=video_id)


class OptionsForm(forms.Form):
    """How a video is analysed: `frames_per_second` and, where the team recognises people, `gallery`."""

    frames_per_second = forms.ChoiceField(
        choices=RATES,
        initial=USUAL_RATE,
        label="Frames analysed",
        help_text="More frames show shorter expressions, and take longer.",
    )
    gallery = forms.ChoiceField(
        required=False,
        label="Look people up in",
        help_text="Whoever is in this gallery gets their name.",
    )

    def __init__(self, *args: Any, request: HttpRequest, video: Video | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        team = require_access(request).team
        if video is not None:
            self.initial = {
                "frames_per_second": _rate_of(video),
                "gallery": str(video.gallery_id or ""),
            }
        gallery = self.fields["gallery"]
        if not team.analyze_identity:
            del self.fields["gallery"]
        elif isinstance(gallery, forms.ChoiceField):
            galleries = [(str(pk), name) for pk, name in hooks.gallery_choices(team=team)]
            gallery.choices = [("", "nobody is looked up"), *galleries]

    def options(self) -> VideoOptions:
        """Of a form that is valid."""
        rate = self.cleaned_data["frames_per_second"]
        gallery = self.cleaned_data.get("gallery")
        return VideoOptions(
            frames_per_second=None if rate == "every" else float(rate),
            gallery_id=UUID(gallery) if gallery else None,
        )


def _rate_of(video: Video) -> str:
    """The choice that a video was analysed with; the usual one where it was another."""
    rate = "every" if video.frames_per_second is None else f"{video.frames_per_second:g}"
    return rate if rate in dict(RATES) else USUAL_RATE


def first_error(form: forms.Form) -> str:
    """The first sentence of what is wrong with a form."""
    return next(str(sentence) for errors in form.errors.values() for sentence in errors)
