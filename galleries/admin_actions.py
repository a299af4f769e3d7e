"""Bulk actions of the admin lists. Each calls the service that the pages and the API call, team by team."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from accounts.access import team_scope
from accounts.models import Team, User
from ml_models.recognition import recognition_models

from .corrections import subjects_merge, subjects_move
from .erasure import gallery_erase, subjects_erase
from .models import Gallery, Subject
from .reembedding import gallery_reembed
from .refusals import Refusal
from .training import gallery_train

#: Rows of one action; each is confirmed by name, and the answer is waited for.
MOST_ROWS = 200


@dataclass(frozen=True)
class Question:
    """What a confirmation page asks before the deed `action` is done."""

    action: str
    title: str
    sentence: str
    button: str
    danger: bool = False


class Actions:
    """What the actions of galleries and people share. Mixed into a ModelAdmin."""

    #: Selecting "all" would go past `MOST_ROWS` unseen.
    list_disable_select_all = True

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return self._has(request, "change")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return self._has(request, "delete")

    def _has(self: Any, request: HttpRequest, deed: str) -> bool:
        options = self.opts
        return bool(request.user.has_perm(f"{options.app_label}.{deed}_{options.model_name}"))

    def ask(
        self: Any, request: HttpRequest, rows: Sequence[Any], question: Question, form: Any = None
    ) -> HttpResponse:
        """The confirmation page; its form comes back to the same action with `confirmed`."""
        context = {
            **self.admin_site.each_context(request),
            "title": question.title,
            "question": question,
            "rows": [(row, self.faces(row) if hasattr(self, "faces") else "") for row in rows],
            "form": form,
            "media": self.media,
            "opts": self.opts,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/galleries/confirm.html", context)


def confirmed(request: HttpRequest) -> bool:
    return request.POST.get("confirmed") == "yes"


def chosen_rows(request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
    """The selected rows; none, and a message, for more than one action takes."""
    rows = list(queryset[: MOST_ROWS + 1])
    if len(rows) > MOST_ROWS:
        messages.error(request, f"Choose at most {MOST_ROWS} rows at once. Nothing was changed.")
        return []
    return rows


def carry_out(request: HttpRequest, rows: Iterable[Any], deed: Callable[[Any], object]) -> int:
    """Do `deed` with each row inside its team's scope; a refusal is told and the others go on.

    Returns with how many it worked.
    """
    done = 0
    for row in rows:
        try:
            with team_scope(row.team):
                deed(row)
        except Refusal as refusal:
            messages.error(request, f"{row}: {refusal.message}")
        else:
            done += 1
    return done


def tell(request: HttpRequest, number: int, one: str, many: str) -> None:
    """Say what was done, with `number` in front."""
    if number:
        messages.success(request, f"{number} {one if number == 1 else many}")


def who(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise LookupError("The panel lets only signed-in staff in.")
    return request.user


class ModelForm(forms.Form):
    """Which model galleries move to, and what becomes of faces it cannot look at."""

    model = forms.ChoiceField(label="Recognition model", widget=UnfoldAdminSelectWidget)
    drop_missing = forms.BooleanField(
        label="Erase faces of which no picture is kept", required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["model"].choices = [(name, name) for name in recognition_models()]  # type: ignore[attr-defined]


class KeepForm(forms.Form):
    """Which of several people stays."""

    keep = forms.ChoiceField(label="Who stays", widget=UnfoldAdminRadioSelectWidget)

    def __init__(self, rows: Sequence[Any], data: Any = None) -> None:
        super().__init__(data)
        self.fields["keep"].choices = [(str(row.pk), _described(row)) for row in rows]  # type: ignore[attr-defined]


class TargetForm(forms.Form):
    """Where people go: another gallery of people of their team."""

    target = forms.ModelChoiceField(
        queryset=Gallery.unscoped.none(), label="Gallery", widget=UnfoldAdminSelectWidget
    )

    def __init__(self, rows: Sequence[Subject], data: Any = None) -> None:
        super().__init__(data)
        galleries = Gallery.objects.filter(team=rows[0].team_id, holds=Gallery.Holds.SUBJECTS)
        if len({row.gallery_id for row in rows}) == 1:
            galleries = galleries.exclude(pk=rows[0].gallery_id)
        self.fields["target"].queryset = galleries.order_by("name")  # type: ignore[attr-defined]


def _described(row: Any) -> str:
    own = f", {row.external_id}" if row.external_id else ""
    faces = "1 face" if row.face_total == 1 else f"{row.face_total} faces"
    return f"{row.name}{own} ({faces})"


class GalleryActions(Actions):
    actions = ("train", "reembed", "erase")

    @admin.action(description="Train", permissions=["manage"])
    def train(self, request: HttpRequest, queryset: QuerySet[Gallery]) -> None:
        rows = chosen_rows(request, queryset)
        done = carry_out(request, rows, lambda row: gallery_train(gallery=row, user=who(request)))
        tell(request, done, "gallery is being trained.", "galleries are being trained.")

    @admin.action(description="Re-embed with another model…", permissions=["manage"])
    def reembed(self, request: HttpRequest, queryset: QuerySet[Gallery]) -> HttpResponse | None:
        rows = chosen_rows(request, queryset)
        if not rows:
            return None
        form = ModelForm(request.POST if confirmed(request) else None)
        if not form.is_valid():
            question = Question(
                "reembed",
                "Re-embed galleries",
                "The model you choose makes the vectors of all faces anew from their pictures. Until that is "
                "done, the galleries answer from the vectors they have. Where faces without a picture are "
                "not to be erased, it fails if there are any.",
                "Re-embed",
            )
            return self.ask(request, rows, question, form)
        wanted = form.cleaned_data
        done = carry_out(request, rows, lambda row: gallery_reembed(gallery=row, user=who(request), **wanted))
        tell(request, done, "gallery is being re-embedded.", "galleries are being re-embedded.")
        return None

    @admin.action(description="Erase…", permissions=["erase"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Gallery]) -> HttpResponse | None:
        rows = chosen_rows(request, queryset)
        if rows and not confirmed(request):
            question = Question(
                "erase",
                "Erase galleries",
                "The galleries, the people in them and all their faces and pictures are erased for good.",
                "Erase for good",
                danger=True,
            )
            return self.ask(request, rows, question)
        done = carry_out(request, rows, lambda row: gallery_erase(gallery=row, user=who(request)))
        tell(
            request,
            done,
            "gallery is erased, or being erased if it is large.",
            "galleries are erased, or being erased.",
        )
        return None


class SubjectActions(Actions):
    actions = ("merge", "move", "erase")

    @admin.action(description="Merge into one…", permissions=["manage"])
    def merge(self, request: HttpRequest, queryset: QuerySet[Subject]) -> HttpResponse | None:
        rows = chosen_rows(request, queryset)
        if not rows:
            return None
        if len(rows) < 2 or len({row.gallery_id for row in rows}) > 1:
            messages.error(request, "Choose two or more people of one gallery to merge. Nothing was changed.")
            return None
        form = KeepForm(rows, request.POST if confirmed(request) else None)
        if not form.is_valid():
            question = Question(
                "merge",
                "Merge people",
                "The one who stays gets the faces and photos of the others, who are removed.",
                "Merge",
            )
            return self.ask(request, rows, question, form)
        into = next(row for row in rows if str(row.pk) == form.cleaned_data["keep"])
        others = [row for row in rows if row is not into]
        done = carry_out(
            request,
            [into],
            lambda row: subjects_merge(gallery=row.gallery, into=row, others=others, user=who(request)),
        )
        tell(
            request, done * len(others), f"person was merged into {into}.", f"people were merged into {into}."
        )
        return None

    @admin.action(description="Move to another gallery…", permissions=["manage"])
    def move(self, request: HttpRequest, queryset: QuerySet[Subject]) -> HttpResponse | None:
        rows = chosen_rows(request, queryset)
        if not rows:
            return None
        if len({row.team_id for row in rows}) > 1:
            messages.error(request, "Choose people of one team to move. Nothing was changed.")
            return None
        form = TargetForm(rows, request.POST if confirmed(request) else None)
        if not form.is_valid():
            question = Question(
                "move",
                "Move people",
                "The people go with their faces to the gallery you choose, which must use the same model.",
                "Move",
            )
            return self.ask(request, rows, question, form)
        target = form.cleaned_data["target"]
        movers = [row for row in rows if row.gallery_id != target.pk]
        done = carry_out(
            request, [target], lambda row: subjects_move(subjects=movers, gallery=row, user=who(request))
        )
        tell(request, done * len(movers), f"person was moved to {target}.", f"people were moved to {target}.")
        return None

    @admin.action(description="Erase…", permissions=["erase"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Subject]) -> HttpResponse | None:
        rows = chosen_rows(request, queryset)
        if rows and not confirmed(request):
            question = Question(
                "erase",
                "Erase people",
                "The people are erased for good, with their faces and the pictures of these. Photos that "
                "show them stay and no longer say who it is.",
                "Erase for good",
                danger=True,
            )
            return self.ask(request, rows, question)
        by_team: dict[Any, list[Subject]] = defaultdict(list)
        for row in rows:
            by_team[row.team].append(row)
        erased = sum(_people_erase(team, people) for team, people in by_team.items())
        tell(request, erased, "person is erased.", "people are erased.")
        return None


def _people_erase(team: Team, people: Sequence[Subject]) -> int:
    with team_scope(team):
        return subjects_erase(team=team, subject_ids=[one.pk for one in people])
