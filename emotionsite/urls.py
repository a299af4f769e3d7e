"""All routes. Every one of them stands in the tenant table of tests/tenants/table.py."""

from django.contrib import admin
from django.urls import include, path, register_converter

from media_jobs.responses import PartConverter

from . import health, views

register_converter(PartConverter, "part")

urlpatterns = [
    path("", views.home, name="home"),
    path("accounts/", include("accounts.urls")),
    path("photos/", include("media_jobs.urls")),
    path("team/", include("accounts.team_urls")),
    path("team/", include("media_jobs.team_urls")),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("media_jobs.api.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "emotionsite.errors.bad_request"
handler403 = "emotionsite.errors.forbidden"
handler404 = "emotionsite.errors.not_found"
handler500 = "emotionsite.errors.server_error"
