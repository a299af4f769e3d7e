"""The page at the root."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What the product is, for visitors; members go on to their photos."""
    if request.user.is_authenticated:
        return redirect("photo_list")
    return render(request, "home.html")
