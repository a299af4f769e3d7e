"""Corrections of the people of a video: called otherwise, left out, made one or two.

Each answers with the list of people alone where htmx asks (the page goes on playing), and with the whole page
where there is no script.
"""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.models import Scope
from accounts.pages import team_page
from analysis.models import VideoPerson
from analysis.video.people import people_merge, person_exclude, person_rename, person_split
from emotionsite.problems import Refusal
from media_jobs.models import Video

from .cast import cast_of
from .common import person_or_404, video_or_404
from .words import clock


@require_POST
@team_page(Scope.ANALYZE)
def team_video_rename(request: HttpRequest, video_id: UUID, person_id: UUID) -> HttpResponse:
    """`name`: what somebody is called; without one they are called by their number."""

    def rename() -> str:
        person = person_or_404(video.pk, person_id)
        renamed = person_rename(person=person, name=request.POST.get("name", ""))
        return f"Person {renamed.number} is called {renamed} now."

    video = video_or_404(video_id)
    return _changed(request, video, rename)


@require_POST
@team_page(Scope.ANALYZE)
def team_video_exclude(request: HttpRequest, video_id: UUID, person_id: UUID) -> HttpResponse:
    """`excluded` 1 leaves somebody out of what is said of the whole video, 0 takes them in again."""

    def exclude() -> str:
        excluded = request.POST.get("excluded") == "1"
        person = person_exclude(person=person_or_404(video.pk, person_id), excluded=excluded)
        if excluded:
            return f"{person} is left out of what is said of the whole video."
        return f"{person} counts again."

    video = video_or_404(video_id)
    return _changed(request, video, exclude)


@require_POST
@team_page(Scope.ANALYZE)
def team_video_split(request: HttpRequest, video_id: UUID, person_id: UUID) -> HttpResponse:
    """`at_ms`: what is seen of somebody from this moment on is of another person."""

    def split() -> str:
        at = request.POST.get("at_ms", "")
        if not (at.isascii() and at.isdigit() and len(at) < 10):
            raise ValidationError("Say at which moment: move the player there first.")
        new = person_split(person=person_or_404(video.pk, person_id), at_ms=int(at))
        return f"From {clock(int(at))} on it is person {new.number}."

    video = video_or_404(video_id)
    return _changed(request, video, split)


@require_POST
@team_page(Scope.ANALYZE)
def team_video_merge(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """`person`, twice or more: they are one person, who keeps the first one's number."""

    def merge() -> str:
        some = _chosen(request, video)
        kept = people_merge(people=some, into=some[0])
        return f"They are one person now: {kept}."

    video = video_or_404(video_id)
    return _changed(request, video, merge)


def _chosen(request: HttpRequest, video: Video) -> list[VideoPerson]:
    try:
        ids = [UUID(text) for text in request.POST.getlist("person")]
    except ValueError as error:
        raise ValidationError("Choose people of this video.") from error
    if len(set(ids)) < 2:
        raise ValidationError("Choose two people or more to make them one.")
    return sorted((person_or_404(video.pk, pk) for pk in set(ids)), key=lambda person: person.number)


def _changed(request: HttpRequest, video: Video, change: Callable[[], str]) -> HttpResponse:
    """Do it, and answer with the people as they are then and a sentence of what was done or why not."""
    problem = said = ""
    try:
        said = change()
    except Refusal as refusal:
        problem = refusal.message
    except ValidationError as error:
        problem = error.messages[0]
    if request.headers.get("HX-Request") == "true":
        # Told anew: the video's own figures have changed with it.
        context = {**cast_of(video_or_404(video.pk)), "said": said, "problem": problem}
        return render(request, "videos/_people.html", context)
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, said)
    return redirect("team_video", video.pk)
