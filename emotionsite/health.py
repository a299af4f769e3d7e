"""`/healthz` (the process lives) and `/readyz` (it can do its work)."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from .checks import BROKER, DATABASE, MIGRATIONS, STORAGE, run_checks


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers; touches nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, migrations, broker and storage work, else 503; names only, no addresses."""
    results = run_checks([DATABASE, MIGRATIONS, BROKER, STORAGE])
    ready = all(result.ok for result in results)
    body = {"status": "ok" if ready else "unavailable", "checks": {item.name: item.ok for item in results}}
    return JsonResponse(body, status=200 if ready else 503)
