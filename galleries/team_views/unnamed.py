"""Pages of unnamed people: who is on the team's photos and has no name yet."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope, Team
from accounts.pages import team_page
from galleries import page_selectors, unnamed
from galleries.models import GalleryJob, UnnamedPerson
from galleries.refusals import refuse
from galleries.unnamed_pool import pool_cluster_start
from galleries.unnamed_selectors import shown_faces, unnamed_faces, unnamed_people

from .common import counted, gallery_named, ids_of, is_choice, page_of, person_called, person_named, tried

PAGE_SIZE = 24
FACES = 60
TITLES = {"name": "Name", "merge": "Merge unnamed people"}


@require_GET
@team_page(Scope.READ)
def team_unnamed(request: HttpRequest) -> HttpResponse:
    """The unnamed people, newest first; with `ignored=1` those that were ignored."""
    ignored = request.GET.get("ignored") == "1"
    found = page_of(request, unnamed_people().filter(ignored=ignored), PAGE_SIZE)
    shown = shown_faces(found["rows"])
    context = {
        "people": [(person, shown[person.pk]) for person in found["rows"]],
        "ignored": ignored,
        **found,
        **_search_state(),
    }
    return render(request, "galleries/unnamed.html", context)


@require_GET
@team_page(Scope.READ)
def team_unnamed_state(request: HttpRequest) -> HttpResponse:
    """How far the search for people is; once it is over, the page loads itself anew."""
    state = _search_state()
    answer = render(request, "galleries/_unnamed_search.html", state)
    if not state["searching"]:
        answer["HX-Refresh"] = "true"
    return answer


def _search_state() -> dict[str, Any]:
    job = page_selectors.newest_job(kind=GalleryJob.Kind.CLUSTER)
    if job is not None and not job.is_over:
        # The page asks every two seconds, and counting many faces takes longer.
        return {"job": job, "searching": True}
    return {
        "job": job,
        "searching": False,
        "unseen": page_selectors.faces_without_name(),
        "vectorless": page_selectors.faces_without_vector(),
    }


@require_POST
@team_page(Scope.ANALYZE)
def team_unnamed_find(request: HttpRequest) -> HttpResponse:
    """Ask for the job that sorts faces without a name."""
    access = require_access(request)

    def start() -> GalleryJob:
        if not access.team.analyze_identity:
            raise refuse("identity_switched_off")
        return pool_cluster_start(team=access.team, user=access.user)

    tried(request, start, "The photos are being looked through. You can leave this page; the work goes on.")
    return redirect("team_unnamed")


@require_GET
@team_page(Scope.READ)
def team_unnamed_one(request: HttpRequest, unnamed_id: UUID) -> HttpResponse:
    """All faces of one unnamed person, with the form that names and the one that takes faces out."""
    person = get_object_or_404(unnamed_people(), pk=unnamed_id)
    context = {
        "person": person,
        "only": [person],
        **page_of(request, unnamed_faces(unnamed_id=person.pk), FACES),
    }
    return render(request, "galleries/unnamed_one.html", context)


@require_POST
@team_page(Scope.ANALYZE)
def team_unnamed_chosen(request: HttpRequest) -> HttpResponse:
    """Do something (`deed`) to the chosen people (`unnamed`): name and merge ask first, ignore and restore
    need no question."""
    access = require_access(request)
    deed = request.POST.get("deed", "")
    if not is_choice(request, "unnamed", least=2 if deed == "merge" else 1):
        return redirect("team_unnamed")
    ids = _chosen(request)
    if deed == "ignore":
        _ignored(request, access.team, ids, ignored=True)
        return redirect("team_unnamed")
    if deed == "restore":
        _ignored(request, access.team, ids, ignored=False)
        return redirect(f"{reverse('team_unnamed')}?ignored=1")
    if deed not in TITLES:
        raise Http404("There is no such thing to do.")
    people = list(unnamed_people().filter(pk__in=ids))
    shown = shown_faces(people)
    context = {
        "deed": deed,
        "title": TITLES[deed],
        "people": [(person, shown[person.pk]) for person in people],
        "unnamed": people,
    }
    return render(request, "galleries/chosen_unnamed.html", context)


def _chosen(request: HttpRequest) -> list[UUID]:
    """The unnamed people that a form named. Raises Http404 when none of them is there any more."""
    ids = ids_of(request, "unnamed")
    if not UnnamedPerson.objects.filter(pk__in=ids).exists():
        raise Http404("None of these unnamed people is there any more.")
    return ids


def _ignored(request: HttpRequest, team: Team, ids: list[UUID], *, ignored: bool) -> None:
    """Ignore unnamed people or ask about them again, and say so."""
    change = unnamed.unnamed_ignore if ignored else unnamed.unnamed_restore
    words = (
        "ignored. You find them under 'Ignored', where they can be restored."
        if ignored
        else "asked about again."
    )
    tried(
        request,
        lambda: change(team=team, unnamed_ids=ids),
        lambda count: f"{counted(count, 'person is', 'people are')} {words}",
    )


@require_POST
@team_page(Scope.ANALYZE)
def team_unnamed_name(request: HttpRequest) -> HttpResponse:
    """Say who unnamed people (`unnamed`) are: somebody known (`subject`), or `name` in `gallery`."""
    access = require_access(request)
    ids = _chosen(request)
    gallery = gallery_named(request)
    known = person_named(request) or person_called(request, gallery)
    gallery = known.gallery if known else gallery
    if gallery is None:
        messages.error(request, "Make a gallery first: a name needs one. Nothing was named.")
        return redirect("team_unnamed")
    done: list[unnamed.Named] = []
    named = tried(
        request,
        lambda: done.append(
            unnamed.unnamed_name(
                team=access.team,
                unnamed_ids=ids,
                gallery=gallery,
                name="" if known else request.POST.get("name", "").strip(),
                subject_id=known.pk if known else None,
                user=access.user,
            )
        ),
        lambda _: _named_words(done[0]),
    )
    return redirect("team_subject", done[0].subject.pk) if named else redirect("team_unnamed")


def _named_words(named: unnamed.Named) -> str:
    return (
        f"{counted(named.faces, 'face of photos carries', 'faces of photos carry')} the name "
        f"{named.subject.name} now, {counted(named.enrolled, 'was', 'were')} enrolled. Train the gallery, "
        "and other photos are found too."
    )


@require_POST
@team_page(Scope.ANALYZE)
def team_unnamed_merge(request: HttpRequest) -> HttpResponse:
    """Say that unnamed people are one."""
    access = require_access(request)
    ids = _chosen(request)
    kept: list[UnnamedPerson] = []
    done = tried(
        request,
        lambda: kept.append(unnamed.unnamed_merge(team=access.team, unnamed_ids=ids, user=access.user)),
        "They are one unnamed person now.",
    )
    return redirect("team_unnamed_one", kept[0].pk) if done else redirect("team_unnamed")


@require_POST
@team_page(Scope.ANALYZE)
def team_unnamed_split(request: HttpRequest, unnamed_id: UUID) -> HttpResponse:
    """Take the chosen faces (`face`) out: they are another unnamed person."""
    access = require_access(request)
    person = get_object_or_404(UnnamedPerson.objects.all(), pk=unnamed_id)
    made: list[UnnamedPerson] = []
    faces = ids_of(request, "face")
    if not faces:
        messages.warning(request, "Choose the faces that show somebody else.")
        return redirect("team_unnamed_one", person.pk)
    done = tried(
        request,
        lambda: made.append(
            unnamed.unnamed_split(team=access.team, unnamed_id=person.pk, face_ids=faces, user=access.user)
        ),
        f"{counted(len(faces), 'face is', 'faces are')} an unnamed person of their own now.",
    )
    return redirect("team_unnamed_one", made[0].pk if done else person.pk)
