"""The page of one person: who they are, their faces, the photos they are on."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from galleries import page_selectors, selectors
from galleries.corrections import subject_split
from galleries.enrolment import faces_unenrol
from galleries.models import MAX_FACES_PER_SUBJECT, Subject
from galleries.services import subject_change

from .common import counted, faces_chosen, is_choice, page_of, subject_of, tried
from .forms import ConsentForm, PersonForm
from .uploads import upload_limits

PHOTOS = 24
FACE_TITLES = {
    "move": "Give faces to another person",
    "split": "Make faces a person of their own",
    "remove": "Remove faces",
}


@require_GET
@team_page(Scope.READ)
def team_subject(request: HttpRequest, subject_id: UUID) -> HttpResponse:
    """A person with faces and photos; the photos go on as the page is scrolled (`page`)."""
    subject = subject_of(subject_id)
    faces = list(page_selectors.faces_of_person(subject=subject))
    context = {
        "subject": subject,
        "gallery": subject.gallery,
        "faces": faces,
        "most": MAX_FACES_PER_SUBJECT,
        "person_form": _person_form(subject),
        "consent_form": ConsentForm.of(subject),
        "limits": upload_limits(),
        **page_of(request, selectors.subject_photos(subject_id=subject.pk), PHOTOS),
    }
    return render(request, "galleries/person.html", context)


def _person_form(subject: Subject) -> PersonForm:
    return PersonForm(initial={name: getattr(subject, name) for name in PersonForm.base_fields})


@require_GET
@team_page(Scope.READ)
def team_subject_faces(request: HttpRequest, subject_id: UUID) -> HttpResponse:
    """The enrolled faces alone, for the page that has just enrolled some."""
    subject = subject_of(subject_id)
    context = {"subject": subject, "faces": list(page_selectors.faces_of_person(subject=subject))}
    return render(request, "galleries/_faces.html", {**context, "most": MAX_FACES_PER_SUBJECT})


@require_POST
@team_page(Scope.ANALYZE)
def team_subject_change(request: HttpRequest, subject_id: UUID) -> HttpResponse:
    """Rename a person, change own id and notes."""
    return _change(request, subject_of(subject_id), PersonForm(request.POST), "Saved.")


@require_POST
@team_page(Scope.ANALYZE)
def team_subject_consent(request: HttpRequest, subject_id: UUID) -> HttpResponse:
    """Record a person's consent."""
    return _change(
        request, subject_of(subject_id), ConsentForm(request.POST), "The consent record was saved."
    )


def _change(
    request: HttpRequest, subject: Subject, form: PersonForm | ConsentForm, done: str
) -> HttpResponse:
    if form.is_valid():
        values: dict[str, Any] = form.values() if isinstance(form, ConsentForm) else form.cleaned_data
        tried(request, lambda: subject_change(subject=subject, **values), done)
    else:
        for field, errors in form.errors.items():
            label = form.fields[field].label or field.capitalize()
            messages.error(request, f"{label}: {' '.join(map(str, errors))} Nothing was changed.")
    return redirect("team_subject", subject.pk)


@require_POST
@team_page(Scope.ANALYZE)
def team_faces_chosen(request: HttpRequest, subject_id: UUID) -> HttpResponse:
    """Ask once more before something is done to the chosen faces (`face`); changes nothing. `deed`: what."""
    subject = subject_of(subject_id)
    deed = request.POST.get("deed", "")
    if deed not in FACE_TITLES:
        raise Http404("There is no such thing to do.")
    if not is_choice(request, "face"):
        return redirect("team_subject", subject.pk)
    context = {
        "subject": subject,
        "deed": deed,
        "title": FACE_TITLES[deed],
        "action": reverse(f"team_faces_{deed}", args=[subject.pk]),
        "faces": faces_chosen(request, subject),
    }
    return render(request, "galleries/chosen_faces.html", context)


@require_POST
@team_page(Scope.ANALYZE)
def team_faces_move(request: HttpRequest, subject_id: UUID) -> HttpResponse:
    """Give the chosen faces to another person of the gallery (`subject`)."""
    access = require_access(request)
    subject = subject_of(subject_id)
    faces = faces_chosen(request, subject)
    try:
        target = get_object_or_404(
            Subject.objects.filter(gallery_id=subject.gallery_id), pk=UUID(request.POST.get("subject", ""))
        )
    except ValueError:
        messages.error(
            request, "Choose the person from the list that opens while you type. Nothing was changed."
        )
        return redirect("team_subject", subject.pk)
    done = tried(
        request,
        lambda: subject_split(
            subject=subject, face_ids=[face.pk for face in faces], into=target, user=access.user
        ),
        f"{counted(len(faces), 'face belongs', 'faces belong')} to {target.name} now.",
    )
    return redirect("team_subject", target.pk if done else subject.pk)


@require_POST
@team_page(Scope.ANALYZE)
def team_faces_split(request: HttpRequest, subject_id: UUID) -> HttpResponse:
    """Make the chosen faces a new person (`name`) of the gallery."""
    access = require_access(request)
    subject = subject_of(subject_id)
    faces = faces_chosen(request, subject)
    made: list[Subject] = []
    done = tried(
        request,
        lambda: made.append(
            subject_split(
                subject=subject,
                face_ids=[face.pk for face in faces],
                name=request.POST.get("name", "").strip(),
                user=access.user,
            )
        ),
        f"{counted(len(faces), 'face is', 'faces are')} a person of their own now.",
    )
    return redirect("team_subject", made[0].pk if done else subject.pk)


@require_POST
@team_page(Scope.ANALYZE)
def team_faces_remove(request: HttpRequest, subject_id: UUID) -> HttpResponse:
    """Erase the chosen faces of a person."""
    subject = subject_of(subject_id)
    faces = faces_chosen(request, subject)
    tried(
        request,
        lambda: faces_unenrol(gallery=subject.gallery, face_ids=[face.pk for face in faces]),
        f"{counted(len(faces), 'face was', 'faces were')} removed.",
    )
    return redirect("team_subject", subject.pk)
