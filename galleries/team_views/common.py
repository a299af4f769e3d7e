"""What the pages of galleries share: finding the caller's things, doing something and saying how it went."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from emotionsite.problems import Refusal
from galleries.models import EnrolledFace, Gallery, Subject

Row = TypeVar("Row")
#: At most so many things are changed at once by what was chosen on a page.
MOST_CHOSEN = 200


def gallery_of(gallery_id: UUID) -> Gallery:
    """A gallery of the team, or Http404."""
    return get_object_or_404(Gallery.objects.select_related("team"), pk=gallery_id)


def subject_of(subject_id: UUID) -> Subject:
    """A person in a gallery of the team, with the gallery, or Http404."""
    return get_object_or_404(Subject.objects.select_related("gallery__team"), pk=subject_id)


def tried(request: HttpRequest, deed: Callable[[], Row], done: str | Callable[[Row], str]) -> bool:
    """Do something and say so, or say why not; whether it was done. `done` is the sentence, or makes it."""
    try:
        result = deed()
    except Refusal as refusal:
        messages.error(request, refusal.message)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, done if isinstance(done, str) else done(result))
        return True
    return False


def ids_of(request: HttpRequest, name: str) -> list[UUID]:
    """The ids that a form sent under `name`, without repeats.

    Raises Http404 for what is none, BadRequest for more than `MOST_CHOSEN`.
    """
    try:
        found = [UUID(text) for text in dict.fromkeys(request.POST.getlist(name))]
    except ValueError as error:
        raise Http404("This is not an id.") from error
    if len(found) > MOST_CHOSEN:
        raise BadRequest(f"Choose at most {MOST_CHOSEN} at once. Nothing was changed.")
    return found


def is_choice(request: HttpRequest, name: str, *, least: int = 1) -> bool:
    """Whether a form named enough things under `name`, and not too many; says so where not."""
    count = len(set(request.POST.getlist(name)))
    if least <= count <= MOST_CHOSEN:
        return True
    most = count > MOST_CHOSEN
    words = (
        f"at most {MOST_CHOSEN} at once" if most else "at least one" if least == 1 else f"at least {least}"
    )
    messages.warning(request, f"Choose {words}. Nothing was changed.")
    return False


def people_chosen(request: HttpRequest, gallery: Gallery) -> list[Subject]:
    """The people of a gallery that a form named in `subject`, by name. Raises Http404 when there is none."""
    found = list(
        Subject.objects.filter(gallery=gallery, pk__in=ids_of(request, "subject")).order_by("name", "id")
    )
    if not found:
        raise Http404("None of these people is in this gallery any more.")
    return found


def faces_chosen(request: HttpRequest, subject: Subject) -> list[EnrolledFace]:
    """The faces of a person that a form named in `face`. Raises Http404 when there is none."""
    rows = EnrolledFace.objects.filter(subject=subject, pk__in=ids_of(request, "face"))
    found = list(rows.defer("embedding", "next_embedding").order_by("-created_at", "-id"))
    if not found:
        raise Http404("None of these faces is this person's any more.")
    return found


def person_named(request: HttpRequest) -> Subject | None:
    """The person that a form chose from those offered (`subject`), with the gallery; None where none was.

    Raises Http404 for one who is not there any more.
    """
    wanted = request.POST.get("subject", "")
    if not wanted:
        return None
    try:
        return subject_of(UUID(wanted))
    except ValueError as error:
        raise Http404("This is not the id of a person.") from error


def gallery_named(request: HttpRequest) -> Gallery | None:
    """The gallery that a form chose (`gallery`); without a choice the only one of people, if there is one."""
    people = Gallery.objects.select_related("team").filter(holds=Gallery.Holds.SUBJECTS)
    wanted = request.POST.get("gallery", "")
    if wanted:
        try:
            return get_object_or_404(people, pk=UUID(wanted))
        except ValueError as error:
            raise Http404("This is not the id of a gallery.") from error
    found = list(people[:2])
    return found[0] if len(found) == 1 else None


def person_called(request: HttpRequest, gallery: Gallery | None) -> Subject | None:
    """The one person of a gallery who is called as was typed (`name`); None for none and for several."""
    name = request.POST.get("name", "").strip()
    if gallery is None or not name:
        return None
    found = list(
        Subject.objects.select_related("gallery__team").filter(gallery=gallery, name__iexact=name)[:2]
    )
    return found[0] if len(found) == 1 else None


def counted(count: int, noun: str, plural: str = "") -> str:
    """3, 'face' -> '3 faces'."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def page_of(request: HttpRequest, rows: Any, size: int) -> dict[str, Any]:
    """A part of a list that goes on as it is scrolled: `rows`, and `next`, the number of the page after it.

    Only one row more than are shown is read, so a long list costs no count.
    """
    asked = request.GET.get("page", "1")
    number = int(asked) if asked.isdecimal() and 0 < int(asked) < 100_000 else 1
    found = list(rows[(number - 1) * size : number * size + 1])
    return {"rows": found[:size], "next": number + 1 if len(found) > size else None, "number": number}
