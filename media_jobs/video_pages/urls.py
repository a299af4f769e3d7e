"""Pages of videos, below /team/. Their files and uploads: `media_jobs.team_urls`."""

from django.urls import path

from . import data, detail, downloads, lists, people

VIDEO = "videos/<uuid:video_id>"
PERSON = f"{VIDEO}/people/<uuid:person_id>"

urlpatterns = [
    path("videos", lists.team_videos, name="team_videos"),
    path("videos/states", lists.team_video_states, name="team_video_states"),
    path("videos/fetch", lists.team_video_fetch, name="team_video_fetch"),
    path(VIDEO, detail.team_video, name="team_video"),
    path(f"{VIDEO}/cancel", detail.team_video_cancel, name="team_video_cancel"),
    path(f"{VIDEO}/analyze", detail.team_video_analyze, name="team_video_analyze"),
    path(f"{VIDEO}/delete", detail.team_video_delete, name="team_video_delete"),
    # --- What scripts ask for --------------------------------------------------------------------
    path(f"{VIDEO}/boxes", data.team_video_boxes, name="team_video_boxes"),
    path(f"{VIDEO}/timeline", data.team_video_timeline, name="team_video_timeline"),
    # --- People ----------------------------------------------------------------------------------
    path(f"{VIDEO}/people/merge", people.team_video_merge, name="team_video_merge"),
    path(f"{PERSON}/portrait", data.team_video_portrait, name="team_video_portrait"),
    path(f"{PERSON}/rename", people.team_video_rename, name="team_video_rename"),
    path(f"{PERSON}/exclude", people.team_video_exclude, name="team_video_exclude"),
    path(f"{PERSON}/split", people.team_video_split, name="team_video_split"),
    # --- Downloads -------------------------------------------------------------------------------
    path(f"{VIDEO}/results/<str:table>.<str:form>", downloads.team_video_results, name="team_video_results"),
    path(f"{VIDEO}/clip", downloads.team_video_clip, name="team_video_clip"),
    path(f"{VIDEO}/report.pdf", downloads.team_video_report, name="team_video_report"),
]
