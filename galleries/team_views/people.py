"""Pages of the people in one gallery: the grid, adding somebody, and what is done to several at once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from galleries import page_selectors
from galleries.corrections import subjects_merge, subjects_move
from galleries.erasure import subjects_removal_start
from galleries.models import Gallery, Subject
from galleries.services import subject_create
from galleries.templatetags.galleries import training
from media_jobs import signed

from .common import counted, gallery_of, is_choice, page_of, people_chosen, tried
from .forms import PersonForm

PAGE_SIZE = 48
SHORTEST_SEARCH = 1
TITLES = {"merge": "Merge people", "move": "Move people", "erase": "Erase people"}


@require_GET
@team_page(Scope.READ)
def team_gallery(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """The people of a gallery, or its faces where it holds no people."""
    gallery = get_object_or_404(page_selectors.galleries(), pk=gallery_id)
    search, only = request.GET.get("q", "").strip(), request.GET.get("only", "")
    rows: QuerySet[Any]
    if gallery.holds == Gallery.Holds.SUBJECTS:
        rows = page_selectors.people_of(gallery=gallery, search=search, only=only)
    else:
        rows = page_selectors.loose_faces(gallery=gallery)
    context = {
        "gallery": gallery,
        "search": search,
        "only": only,
        "filters": page_selectors.PEOPLE_FILTERS,
        "needs_training": training(gallery).kind in {"none", "due", "failed"},
        **page_of(request, rows, PAGE_SIZE),
    }
    return render(request, "galleries/gallery.html", context)


@require_GET
@team_page(Scope.READ)
def team_people_search(request: HttpRequest) -> JsonResponse:
    """People of the team by a part of their name (`q`), of one gallery (`gallery`) or all, for completion."""
    text = request.GET.get("q", "").strip()
    wanted = request.GET.get("gallery", "")
    try:
        gallery_id = UUID(wanted) if wanted else None
    except ValueError as error:
        raise Http404("This is not the id of a gallery.") from error
    found = (
        page_selectors.people_like(text=text, gallery_id=gallery_id) if len(text) >= SHORTEST_SEARCH else []
    )
    people = [
        {
            "id": str(person.pk),
            "name": person.name,
            "gallery": person.gallery.name,
            "gallery_id": str(person.gallery_id),
            "faces": person.face_count,  # type: ignore[attr-defined]
            "picture": _picture(person),
        }
        for person in found
    ]
    return JsonResponse({"people": people})


def _picture(person: Any) -> str:
    return reverse("team_enrolled_crop", args=[person.cover]) if person.cover else ""


@require_POST
@team_page(Scope.ANALYZE)
def team_subject_new(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Add a person to a gallery, and go to their page, where photos are dropped."""
    access = require_access(request)
    gallery = gallery_of(gallery_id)
    form = PersonForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A person needs a name of at most 128 letters. Nobody was added.")
        return redirect("team_gallery", gallery.pk)
    added: list[Subject] = []
    done = tried(
        request,
        lambda: added.append(subject_create(gallery=gallery, user=access.user, **form.cleaned_data)),
        f"{form.cleaned_data['name']} is in the gallery. Now drop a few photos.",
    )
    return redirect("team_subject", added[0].pk) if done else redirect("team_gallery", gallery.pk)


@require_POST
@team_page(Scope.ANALYZE)
def team_people_chosen(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Ask once more before something is done to the chosen people (`subject`); changes nothing."""
    gallery = gallery_of(gallery_id)
    deed = request.POST.get("deed", "")
    if deed not in TITLES:
        raise Http404("There is no such thing to do.")
    if not is_choice(request, "subject", least=2 if deed == "merge" else 1):
        return redirect("team_gallery", gallery.pk)
    chosen = people_chosen(request, gallery)
    context = {
        "gallery": gallery,
        "deed": deed,
        "title": TITLES[deed],
        "action": reverse(f"team_people_{deed}", args=[gallery.pk]),
        "people": page_selectors.covered(Subject.objects.filter(pk__in=[one.pk for one in chosen])).order_by(
            "name"
        ),
        "targets": _targets(gallery) if deed == "move" else (),
    }
    return render(request, "galleries/chosen_people.html", context)


def _targets(gallery: Gallery) -> Sequence[Gallery]:
    same = Gallery.objects.filter(holds=Gallery.Holds.SUBJECTS, model_sha256=gallery.model_sha256)
    return list(same.exclude(pk=gallery.pk).order_by("name"))


@require_POST
@team_page(Scope.ANALYZE)
def team_people_merge(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Merge the chosen people into the one who stays (`stays`)."""
    access = require_access(request)
    gallery = gallery_of(gallery_id)
    chosen = people_chosen(request, gallery)
    stays = next((one for one in chosen if str(one.pk) == request.POST.get("stays")), None)
    if stays is None:
        raise Http404("Whoever is to stay is not in this gallery any more.")
    others = [one for one in chosen if one.pk != stays.pk]
    done = tried(
        request,
        lambda: subjects_merge(gallery=gallery, into=stays, others=others, user=access.user),
        f"{counted(len(others), 'person', 'people')} went into {stays.name}.",
    )
    return redirect("team_subject", stays.pk) if done else redirect("team_gallery", gallery.pk)


@require_POST
@team_page(Scope.ANALYZE)
def team_people_move(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Move the chosen people into another gallery (`gallery`)."""
    access = require_access(request)
    gallery = gallery_of(gallery_id)
    chosen = people_chosen(request, gallery)
    try:
        target = gallery_of(UUID(request.POST.get("gallery", "")))
    except ValueError as error:
        raise Http404("This is not the id of a gallery.") from error
    done = tried(
        request,
        lambda: subjects_move(subjects=chosen, gallery=target, user=access.user),
        f"{counted(len(chosen), 'person is', 'people are')} in {target.name} now.",
    )
    return redirect("team_gallery", target.pk if done else gallery.pk)


@require_POST
@team_page(Scope.MANAGE)
def team_people_erase(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Erase the chosen people, and with `photos` the photos they are on; the progress is followed."""
    access = require_access(request)
    chosen = people_chosen(request, gallery_of(gallery_id))
    removal = subjects_removal_start(
        team=access.team,
        ids=[one.pk for one in chosen],
        user=access.user,
        with_photos=request.POST.get("photos") == "1",
    )
    return redirect("removal_progress", token=signed.token_of("removal", removal.pk))
