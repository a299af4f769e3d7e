"""`/api/v1/galleries/unnamed`: the unknown people of the team's photos."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django_filters import ChoiceFilter
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Team
from emotionsite.filters import CreatedFilterSet, WholeNumberFilter
from emotionsite.pagination import NewestFirst
from galleries import unnamed
from galleries.models import Gallery, UnnamedPerson
from galleries.refusals import refuse
from galleries.unnamed_pool import pool_cluster_start
from galleries.unnamed_selectors import shown_faces, unnamed_faces, unnamed_people

from .unnamed_serializers import (
    ChangedSerializer,
    ClusterSerializer,
    NamedSerializer,
    NameUnnamedSerializer,
    SplitUnnamedSerializer,
    UnnamedFaceSerializer,
    UnnamedIdsSerializer,
    UnnamedSerializer,
)


class UnnamedFilter(CreatedFilterSet):
    """What the list can be narrowed by."""

    ignored = ChoiceFilter(
        method="by_ignored",
        choices=[("true", "true"), ("false", "false")],
        help_text="Whether somebody has said that this person is of no interest.",
    )
    faces_min = WholeNumberFilter(
        field_name="face_count", lookup_expr="gte", help_text="At least this many faces."
    )

    class Meta:
        model = UnnamedPerson
        fields: list[str] = []

    def by_ignored(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(ignored=value == "true")


class _Pages(NewestFirst):
    """Pages whose entries come with the faces that are shown of them."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        page = super().paginate_queryset(queryset, request, view)
        if page is not None and (view is None or view.wants("faces")):
            view.shown.update(shown_faces(page))
        return page


def _shown(person: UnnamedPerson) -> dict[str, Any]:
    """An unnamed person as its page in the API has it, after it was changed."""
    row = unnamed_people().get(pk=person.pk)
    return dict(UnnamedSerializer(row, context={"shown": shown_faces([row])}).data)


class UnnamedListView(TeamAPIView):
    reads = UnnamedSerializer
    filters = UnnamedFilter
    pagination_class = _Pages

    @extend_schema(summary="List unnamed people")
    def get(self, request: Request) -> Response:
        """Who is on the team's photos and has no name yet, newest first. Who is on a single photo is not in
        the
        list: such faces wait for a second one."""
        self.shown: dict[UUID, Any] = {}
        return self.show_page(unnamed_people(), shown=self.shown)


class UnnamedDetailView(TeamAPIView):
    reads = UnnamedSerializer

    @extend_schema(summary="Show an unnamed person")
    def get(self, request: Request, unnamed_id: UUID) -> Response:
        """With the few faces that show best who it is; `.../faces` has all."""
        person = get_object_or_404(unnamed_people(), pk=unnamed_id)
        return self.show(person, shown=shown_faces([person]) if self.wants("faces") else {})


class UnnamedFacesView(TeamAPIView):
    reads = UnnamedFaceSerializer
    pagination_class = NewestFirst
    problems: ClassVar = {"GET": ("not_found",)}

    @extend_schema(summary="List the faces of an unnamed person")
    def get(self, request: Request, unnamed_id: UUID) -> Response:
        """Newest first."""
        if not UnnamedPerson.objects.filter(pk=unnamed_id).exists():
            raise Http404
        return self.show_page(unnamed_faces(unnamed_id=unnamed_id))


class UnnamedNameView(TeamAPIView):
    problems: ClassVar = {
        "POST": (
            *("unnamed_unknown", "gallery_unknown", "subject_unknown", "gallery_holds_faces"),
            *("subject_id_taken", "subject_full", "consent_ended", "identity_switched_off"),
            *("unnamed_model_differs", "gallery_model_changed", "model_unknown", "face_unknown"),
            *("quota_faces", "quota_storage", "storage_full"),
        )
    }

    @extend_schema(summary="Name unnamed people", request=NameUnnamedSerializer, responses=NamedSerializer)
    def post(self, request: Request) -> Response:
        """All their faces carry the name from now on, whatever the machine finds, and the best ten or fewer
        are
        enrolled. Train the gallery afterwards, and the person is found on other photos too."""
        wanted = NameUnnamedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        body = dict(wanted.validated_data)
        gallery = Gallery.objects.filter(pk=body.pop("gallery_id")).first()
        if gallery is None:
            raise refuse("gallery_unknown")
        named = unnamed.unnamed_name(team=self.access.team, gallery=gallery, user=self.access.user, **body)
        return Response(NamedSerializer(named).data)


class UnnamedMergeView(TeamAPIView):
    problems: ClassVar = {"POST": ("unnamed_unknown", "unnamed_merge_one")}

    @extend_schema(summary="Merge unnamed people", request=UnnamedIdsSerializer, responses=UnnamedSerializer)
    def post(self, request: Request) -> Response:
        """The first gets the faces of the others, which are gone. The machine does not take it apart."""
        ids = _ids_of(request)
        kept = unnamed.unnamed_merge(team=self.access.team, unnamed_ids=ids, user=self.access.user)
        return Response(_shown(kept))


class UnnamedSplitView(TeamAPIView):
    problems: ClassVar = {"POST": ("unnamed_unknown", "unnamed_face_unknown", "unnamed_split_all")}

    @extend_schema(
        summary="Split an unnamed person", request=SplitUnnamedSerializer, responses=UnnamedSerializer
    )
    def post(self, request: Request, unnamed_id: UUID) -> Response:
        """The faces become an unnamed person of their own, which is the answer. The machine does not put them
        back."""
        wanted = SplitUnnamedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        other = unnamed.unnamed_split(
            team=self.access.team, unnamed_id=unnamed_id, user=self.access.user, **wanted.validated_data
        )
        return Response(_shown(other))


class UnnamedIgnoreView(TeamAPIView):
    problems: ClassVar = {"POST": ("unnamed_unknown",)}

    @extend_schema(summary="Ignore unnamed people", request=UnnamedIdsSerializer, responses=ChangedSerializer)
    def post(self, request: Request) -> Response:
        """They are marked as of no interest; new faces of them join them unasked."""
        return _changed(request, self.access.team, unnamed.unnamed_ignore)


class UnnamedRestoreView(TeamAPIView):
    problems: ClassVar = {"POST": ("unnamed_unknown",)}

    @extend_schema(
        summary="Ask about ignored people again", request=UnnamedIdsSerializer, responses=ChangedSerializer
    )
    def post(self, request: Request) -> Response:
        """Takes the mark of unnamed people off again."""
        return _changed(request, self.access.team, unnamed.unnamed_restore)


class UnnamedClusterView(TeamAPIView):
    problems: ClassVar = {"POST": ("identity_switched_off",)}

    @extend_schema(summary="Sort unknown faces", request=None, responses={202: ClusterSerializer})
    def post(self, request: Request) -> Response:
        """Queues the job that sorts the faces without a name into unnamed people. It runs by itself after
        photos were
        analysed; ask for it after names were taken off. While one waits, the answer is that one."""
        if not self.access.team.analyze_identity:
            raise refuse("identity_switched_off")
        job = pool_cluster_start(team=self.access.team, user=self.access.user)
        headers = {"Location": f"/api/v1/galleries/jobs/{job.pk}"}
        return Response(ClusterSerializer(job).data, status=status.HTTP_202_ACCEPTED, headers=headers)


def _ids_of(request: Request) -> Sequence[UUID]:
    wanted = UnnamedIdsSerializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    ids: list[UUID] = wanted.validated_data["unnamed_ids"]
    return ids


def _changed(request: Request, team: Team, change: Callable[..., int]) -> Response:
    changed = change(team=team, unnamed_ids=_ids_of(request))
    return Response(ChangedSerializer({"changed": changed}).data)
