"""What is taken away from a video's page as a file."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from accounts.models import Scope
from accounts.pages import team_page
from analysis.video.exports import FORMATS, results_response
from analysis.video.tables import TABLES
from emotionsite.problems import Refusal
from media_jobs.models import Video
from media_jobs.video.clip_delivery import clip_response

from .common import video_or_404


@require_GET
@team_page(Scope.READ)
def team_video_results(request: HttpRequest, video_id: UUID, table: str, form: str) -> HttpResponseBase:
    """A table of the results (frames, people or moments) as csv, json, jsonl or parquet."""
    video = video_or_404(video_id)
    if table not in TABLES or form not in FORMATS:
        raise Http404("There are no results in this form.")
    if video.status != Video.Status.READY:
        messages.error(request, "There are results once the analysis is over.")
        return redirect("team_video", video.pk)
    return results_response(team=video.team, video=video, table=table, form=form)


@require_GET
@team_page(Scope.READ)
def team_video_clip(request: HttpRequest, video_id: UUID) -> HttpResponseBase:
    """`?start_ms=0&end_ms=9000`: a part as WebM. What cannot be had is said on the video's page."""
    video = video_or_404(video_id)
    start, end = (request.GET.get(name, "") for name in ("start_ms", "end_ms"))
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in (start, end)):
        messages.error(request, "Say from when to when the clip lasts, for example 0:05 to 0:12.5.")
        return redirect("team_video", video.pk)
    try:
        return clip_response(video, start_ms=int(start), end_ms=int(end))
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("team_video", video.pk)


@require_GET
@team_page(Scope.READ)
def team_video_report(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """The printable report of a video, as PDF."""
    # Here, because it is large and only this needs it.
    from analysis.video.report import report_pdf

    video = video_or_404(video_id)
    if video.status != Video.Status.READY:
        messages.error(request, "There is a report once the analysis is over.")
        return redirect("team_video", video.pk)
    name = f"{video.filename.rpartition('.')[0] or video.filename}.pdf"
    answer = HttpResponse(report_pdf(video), content_type="application/pdf")
    answer.headers["Content-Disposition"] = _attachment(name)
    return answer


def _attachment(name: str) -> str:
    return content_disposition_header(True, name) or "attachment"
