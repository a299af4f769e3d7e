"""The side navigation of the team area: which page each right leads to."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from .access import get_access
from .models import Scope


@dataclass(frozen=True)
class Place:
    """One page of the team area. `names` are the routes that count as being there."""

    title: str
    names: tuple[str, ...]
    scope: str
    url: str = ""
    current: bool = False


PLACES = (
    Place("Batches", ("team_batches", "team_batch"), Scope.READ),
    Place(
        "Galleries",
        (
            *("team_galleries", "team_gallery", "team_gallery_new", "team_gallery_settings"),
            *("team_subject", "team_people_chosen", "team_faces_chosen"),
        ),
        Scope.READ,
    ),
    Place("Unnamed people", ("team_unnamed", "team_unnamed_one", "team_unnamed_chosen"), Scope.READ),
    Place("Who is this?", ("team_who",), Scope.READ),
    Place("Live camera", ("team_live",), Scope.ANALYZE),
    Place("Usage", ("team_usage",), Scope.READ),
    Place("Members", ("team_members",), Scope.READ),
    Place("API keys", ("team_keys", "team_key_create"), Scope.MANAGE),
    Place(
        "Webhooks",
        (
            *("team_webhooks", "team_webhook", "team_webhook_new"),
            *("team_webhook_delivery", "team_webhook_secret"),
        ),
        Scope.MANAGE,
    ),
    Place("Privacy and retention", ("team_privacy",), Scope.MANAGE),
    Place("Exports", ("team_exports",), Scope.MANAGE),
    Place("Record", ("team_audit",), Scope.MANAGE),
    Place("Settings", ("team_settings", "team_delete"), Scope.MANAGE),
)


def team_places(request: HttpRequest) -> list[Place]:
    """The places that the caller may enter, with addresses; empty for a visitor."""
    access = get_access(request)
    if access is None:
        return []
    here = request.resolver_match.view_name if request.resolver_match else ""
    return [
        Place(place.title, place.names, place.scope, reverse(place.names[0]), here in place.names)
        for place in PLACES
        if access.allows(place.scope)
    ]
