"""Files of videos for players and pages."""

from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal, refusal_response
from media_jobs.video.delivery import video_file_response
from media_jobs.video.selectors import videos


@require_safe
@team_page(Scope.READ)
def team_video_file(request: HttpRequest, video_id: UUID, part: str) -> HttpResponseBase:
    """The original, the copy for browsers or the poster of a video of the team, whole or a range of it."""
    try:
        return video_file_response(request, get_object_or_404(videos(), pk=video_id), part)
    except Refusal as refusal:
        return refusal_response(refusal)
