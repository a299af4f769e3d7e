"""All routes. Every one of them stands in the tenant table of tests/tenants/table.py."""

from django.contrib import admin
from django.urls import include, path, re_path, register_converter

from compat.face_v1.urls import PREFIX as FACE_V1
from media_jobs.responses import PartConverter
from media_jobs.team_views.removals import account_delete
from media_jobs.video.delivery import VideoFileConverter

from . import health, views
from .api.views import api_docs, openapi_document

register_converter(PartConverter, "part")
register_converter(VideoFileConverter, "video_file")

urlpatterns = [
    path("", views.home, name="home"),
    path("accounts/", include("accounts.urls")),
    path("accounts/delete/", account_delete, name="account_delete"),
    path("signed/", include("media_jobs.signed_urls")),
    path("photos/", include("media_jobs.urls")),
    path("team/", include("accounts.team_urls")),
    path("team/", include("media_jobs.team_urls")),
    path("team/", include("media_jobs.video_pages.urls")),
    path("team/", include("galleries.team_urls")),
    path("api/v1/openapi.json", openapi_document, name="api_openapi"),
    path("api/v1/docs", api_docs, name="api_docs"),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("media_jobs.api.urls")),
    path("api/v1/", include("galleries.api.urls")),
    re_path(FACE_V1, include("compat.face_v1.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "emotionsite.errors.bad_request"
handler403 = "emotionsite.errors.forbidden"
handler404 = "emotionsite.errors.not_found"
handler500 = "emotionsite.errors.server_error"
