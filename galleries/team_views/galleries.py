"""Pages of galleries: the list, a new one, its settings, its training, erasing it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal
from galleries import page_selectors
from galleries.erasure import gallery_erase
from galleries.models import Gallery
from galleries.services import gallery_change, gallery_create
from galleries.training import gallery_train
from media_jobs import signed
from ml_models.recognition import recognition_model, recognition_models

from .common import gallery_of, tried
from .forms import GalleryForm, NewGalleryForm

PAGE_SIZE = 25
#: Fields of a gallery that a refusal is about.
FIELD_OF = {"gallery_key_taken": "key", "model_unknown": "model"}


@require_GET
@team_page(Scope.READ)
def team_galleries(request: HttpRequest) -> HttpResponse:
    """The team's galleries with their figures and the state of their training."""
    page = Paginator(page_selectors.galleries(), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "galleries/list.html", {"page": page})


@require_http_methods(["GET", "POST"])
@team_page(Scope.MANAGE)
def team_gallery_new(request: HttpRequest) -> HttpResponse:
    """Make a gallery, and go there."""
    access = require_access(request)
    form = NewGalleryForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            gallery = gallery_create(team=access.team, user=access.user, **form.cleaned_data)
        except (Refusal, ValidationError) as error:
            _complain(form, error)
        else:
            messages.success(request, f"{gallery.name} is ready. Add the people it shall know.")
            return redirect("team_gallery", gallery.pk)
    return render(request, "galleries/new.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@team_page(Scope.MANAGE)
def team_gallery_settings(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """What a gallery does with pictures and people; its moves, and erasing it."""
    gallery = get_object_or_404(page_selectors.galleries().select_related("team"), pk=gallery_id)
    sent = request.POST if request.method == "POST" else None
    form = GalleryForm(sent, initial={name: getattr(gallery, name) for name in GalleryForm.base_fields})
    if request.method == "POST" and form.is_valid():
        try:
            gallery_change(gallery=gallery, **form.cleaned_data)
        except (Refusal, ValidationError) as error:
            _complain(form, error)
        else:
            messages.success(request, "The settings were saved.")
            return redirect("team_gallery_settings", gallery.pk)
    context = {
        "gallery": gallery,
        "form": form,
        "models": [
            model
            for model in map(recognition_model, recognition_models())
            if model.sha256 != gallery.model_sha256
        ],
        "megabytes": f"{settings.MAX_ARCHIVE_BYTES / 1024**2:g}",
        **jobs_context(gallery),
    }
    return render(request, "galleries/settings.html", context, status=400 if form.errors else 200)


def jobs_context(gallery: Gallery) -> dict[str, Any]:
    """What the list of a gallery's jobs shows; `busy` while one of them is not over."""
    jobs = page_selectors.jobs_of(gallery=gallery)
    return {"jobs": jobs, "busy": any(not job.is_over for job in jobs)}


@require_POST
@team_page(Scope.ANALYZE)
def team_gallery_train(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Ask for the training of a gallery."""
    access = require_access(request)
    gallery = gallery_of(gallery_id)
    tried(
        request,
        lambda: gallery_train(gallery=gallery, user=access.user),
        "The training was asked for. Until it is done, answers come from the last one.",
    )
    return redirect("team_gallery", gallery.pk)


@require_GET
@team_page(Scope.READ)
def team_gallery_state(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """The state of training as a part of a page that shows its progress."""
    gallery = get_object_or_404(page_selectors.galleries(), pk=gallery_id)
    return render(request, "galleries/_training.html", {"gallery": gallery})


@require_POST
@team_page(Scope.MANAGE)
def team_gallery_delete(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Erase a gallery with everybody in it, if its name was typed."""
    access = require_access(request)
    gallery = gallery_of(gallery_id)
    if request.POST.get("name", "").strip() != gallery.name.strip():
        messages.error(request, "This is another name. Nothing was erased: type the gallery's name exactly.")
        return redirect("team_gallery_settings", gallery.pk)
    removal = gallery_erase(gallery=gallery, user=access.user)
    if removal is not None:
        return redirect("removal_progress", token=signed.token_of("removal", removal.pk))
    messages.success(request, f"{gallery.name} was erased, with everybody in it.")
    return redirect("team_galleries")


def _complain(form: GalleryForm, error: Refusal | ValidationError) -> None:
    """Put what was refused beside the field it is about."""
    if isinstance(error, Refusal):
        field = FIELD_OF.get(error.code)
        form.add_error(field if field in form.fields else None, error.message)
        return
    if hasattr(error, "error_dict"):
        for name, errors in error.message_dict.items():
            for sentence in errors:
                form.add_error(name if name in form.fields else None, sentence)
    else:
        form.add_error(None, error)
