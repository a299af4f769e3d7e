"""The admin panel: django-unfold's look, our sign-in, a policy of its own and our sidebar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.decorators import secure_admin_login
from csp.decorators import csp_update
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.templatetags.static import static
from unfold.sites import UnfoldAdminSite

View = Callable[..., HttpResponseBase]

# What the panel's pages need beyond the policy of all other pages; added to views of the panel alone.
# - 'unsafe-eval': its menus, tabs and filters are Alpine.js, which makes functions of the expressions in the
#   markup. Alpine's build without that knows neither arrow functions nor `localStorage`, which they use.
#   No inline script is let in, so an attacker's markup still brings no script of its own.
# - style-src-attr: Alpine and Select2 write style attributes. Style elements stay forbidden.
PANEL_POLICY = {"script-src": ["'unsafe-eval'"], "style-src-attr": ["'unsafe-inline'"]}

# Title of a group, and (model, name of its list, icon) of what stands in it.
SIDEBAR: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("Teams", (("accounts.Team", "Teams", "groups"), ("accounts.ApiKey", "API keys", "key"))),
    (
        "Photos and videos",
        (("media_jobs.Media", "Photos", "photo_library"), ("media_jobs.Video", "Videos", "movie")),
    ),
    (
        "Galleries",
        (
            ("galleries.Gallery", "Galleries", "collections_bookmark"),
            ("galleries.Subject", "People", "person"),
            ("galleries.EnrolledFace", "Enrolled faces", "face"),
        ),
    ),
    (
        "Jobs",
        (
            ("media_jobs.Job", "Photo and video jobs", "pending_actions"),
            ("galleries.GalleryJob", "Gallery jobs", "model_training"),
        ),
    ),
    (
        "Installation",
        (
            ("accounts.User", "Users", "account_circle"),
            ("auth.Group", "Groups", "badge"),
            ("accounts.Plan", "Plans", "speed"),
            ("account.EmailAddress", "E-mail addresses", "mail"),
            ("mfa.Authenticator", "Authenticators", "phonelink_lock"),
        ),
    ),
)


class EmotionSiteAdmin(UnfoldAdminSite):
    site_header = "EmotionSite"
    site_title = "EmotionSite"
    index_title = "Installation"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The panel's own sign-in asks for no second factor and counts no wrong passwords: ours stands
        in its place."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Every view of the panel comes by here, so its policy is added here and nowhere else."""
        return csp_update(PANEL_POLICY)(super().admin_view(view, cacheable))

    def extra_context(self, context: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
        # unfold writes its colours into a style element, which the policy forbids; css/admin.css has ours.
        return {**context, "colors": None}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Lists this staff member may open; on the first page in the groups of the sidebar."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        found = {entry["model"]._meta.label: entry for app in apps for entry in app["models"]}  # noqa: SLF001
        groups = []
        for title, lists in SIDEBAR:
            models = [{**found[label], "name": name} for label, name, _ in lists if label in found]
            if models:
                place = {"app_label": title.lower(), "app_url": request.path}
                groups.append({"name": title, "models": models, **place})
        return groups


def logo(request: HttpRequest) -> str:
    return static("img/favicon.svg")


def style_sheet(request: HttpRequest) -> str:
    return static("css/admin.css")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of the sidebar with the lists that this staff member may open."""
    icons = {label: icon for _, lists in SIDEBAR for label, _, icon in lists}
    return [
        {
            "title": group["name"],
            "items": [
                {
                    "title": entry["name"],
                    "icon": icons[entry["model"]._meta.label],  # noqa: SLF001
                    "link": entry["admin_url"],
                }
                for entry in group["models"]
            ],
        }
        for group in admin.site.get_app_list(request)
    ]
