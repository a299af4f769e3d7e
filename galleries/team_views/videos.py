"""Looking the people of a video up in a gallery, from the video's page."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal
from galleries.models import VideoLabel
from galleries.videos import gallery_find, video_identify_again
from media_jobs.models import Video


@require_POST
@team_page(Scope.ANALYZE)
def team_video_identify(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Ask the gallery that the form names, or forget who the people are; back to the video in any case."""
    get_object_or_404(Video.objects.only("pk"), pk=video_id)
    named = request.POST.get("gallery", "")
    try:
        gallery_id = gallery_find(require_access(request).team, named) if named else None
        video_identify_again(video_id=video_id, gallery_id=gallery_id)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        known = VideoLabel.objects.filter(person__video_id=video_id).count()
        messages.success(request, _said(known) if named else "Nobody in this video is looked up any more.")
    return redirect("team_video", video_id=video_id)


def _said(known: int) -> str:
    if not known:
        return "The gallery knows nobody in this video."
    return f"The gallery knows {known} {'person' if known == 1 else 'people'} in this video."
