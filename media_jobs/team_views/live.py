"""The page of the live camera. Its frames go over the socket of `media_jobs.live`."""

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import require_access
from accounts.limits import limits_of
from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.middleware import PERMISSIONS_POLICY
from media_jobs.live.session import CONSENT, shown_parts
from ml_models import EMOTIONS

#: Valence, activation and attention as the page shows them: name, title, least value, what it says.
MEASURES = (
    ("valence", "Valence", -1, "How pleasant the expression looks, from -100 to 100."),
    ("activation", "Activation", 0, "How strong any emotion is over a neutral face, from 0 to 100."),
    ("attention", "Attention", 0, "Whether head and eyes are turned to the camera."),
)


@require_GET
@team_page(Scope.ANALYZE)
# The recording is looked at before it is sent: a video of the page's own.
@csp_update({"media-src": ["blob:"]})
def team_live(request: HttpRequest) -> HttpResponse:
    """The visitor's own camera, once they agree. The only page that may ask for one."""
    team = require_access(request).team
    context = {
        "consent": CONSENT,
        "emotions": EMOTIONS,
        "measures": MEASURES,
        "parts": shown_parts(team),
        "pictures_per_month": limits_of(team).pictures_per_month,
        "rate": round(settings.LIVE_FRAMES_PER_SECOND),
        "minutes": settings.LIVE_MINUTES,
    }
    response = render(request, "live/live.html", context)
    response["Permissions-Policy"] = PERMISSIONS_POLICY.replace("camera=()", "camera=(self)")
    return response
