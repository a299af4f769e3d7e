"""The base of every API view that belongs to a team."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django_filters import FilterSet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.access import Access, get_access, require_access, team_scope
from accounts.idempotency import FirstRequest, request_begin
from accounts.limits import Rate, request_take
from emotionsite.api.etag import with_etag
from emotionsite.api.query import check_names, names_of
from emotionsite.api.sparse import Fields, only, parse_fields
from emotionsite.filters import filtered
from emotionsite.pagination import NewestFirst


class AnsweredBefore(Exception):
    """The request is a repetition; `response` is the answer that the first one got."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


class TeamView(APIView):
    """A view that runs inside the scope of the team its caller was let into.

    `required_scopes` names the right that a method needs where it is not the usual one
    (`accounts.permissions.TeamScope`). Every request counts against the team's rate as soon as it is known
    whose it is, and every answer from there on says what is left of it.
    """

    access: Access
    rate: Rate | None = None
    required_scopes: ClassVar[Mapping[str, str]] = {}

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as self._entered:
            response = super().dispatch(request, *args, **kwargs)
            return self._finished(response) if isinstance(response, Response) else response

    def _finished(self, response: Response) -> HttpResponse:
        """Render while the team's scope is still entered."""
        return response.render()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Authentication and permission first; only then is it known which team to enter.
        super().initial(request, *args, **kwargs)
        self.access = require_access(request._request)  # noqa: SLF001
        self._entered.enter_context(team_scope(self.access.team))

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        access = get_access(request._request)  # noqa: SLF001
        if access is not None:
            self.rate = request_take(access)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.rate.headers if self.rate else {}).items():
            response[name] = value
        return response


class TeamAPIView(TeamView):
    """A view of the native API.

    Its attributes say what the view understands and answers. They are what it does and what the OpenAPI
    document says of it (`emotionsite.api.schema`):

    - `reads`: the serializer of what GET shows; `?fields=` chooses among its fields.
    - `filters` and `pagination_class`: of a list.
    - `parameters`: further query parameters per method. Any other one is refused.
    - `problems`: codes of refusals per method, besides those that every route can answer.
    - `keeps_answers`: whether a POST takes an Idempotency-Key, for which its answer is kept for a day.
    """

    #: What `?fields=` asked for; None for everything.
    fields: Fields | None = None
    reads: ClassVar[type[BaseSerializer[Any]] | None] = None
    filters: ClassVar[type[FilterSet] | None] = None
    pagination_class: ClassVar[type[CursorPagination] | None] = None
    parameters: ClassVar[Mapping[str, Sequence[OpenApiParameter]]] = {}
    problems: ClassVar[Mapping[str, Sequence[str]]] = {}
    keeps_answers: ClassVar[bool] = True

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self._first: FirstRequest | None = None
        return super().dispatch(request, *args, **kwargs)

    def _finished(self, response: Response) -> HttpResponse:
        """These rendered bytes are what is kept and tagged."""
        super()._finished(response)
        if self._first is not None:
            self._first.keep(response)
        if self.request.method in SAFE_METHODS and response.status_code == 200:
            return with_etag(self.request._request, response)  # noqa: SLF001
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_names(request.query_params, known=names_of(self, request.method or ""))
        if self.reads is not None and request.method in SAFE_METHODS and "fields" in request.query_params:
            self.fields = parse_fields(request.query_params["fields"], self.reads())
        if request.method == "POST" and self.keeps_answers:
            self._begin(request)

    def _begin(self, request: Request) -> None:
        """Look whether this POST is a repetition of one that was carried out."""
        begun = request_begin(access=self.access, request=request)
        if isinstance(begun, HttpResponse):
            raise AnsweredBefore(begun)
        self._first = begun
        if begun is not None:
            self._entered.callback(begun.give_back)

    def handle_exception(self, exc: Exception) -> Any:
        return exc.response if isinstance(exc, AnsweredBefore) else super().handle_exception(exc)

    def show(self, instance: Any, **context: Any) -> Response:
        """The answer of a GET: `instance` through the serializer in `reads`, with the fields asked for."""
        return Response(only(self._read(instance, context=context), self.fields).data)

    def show_page(self, queryset: QuerySet[Any], **context: Any) -> Response:
        """The answer of a GET of a list: filtered, one page, each entry through the serializer in `reads`."""
        if self.filters is not None:
            queryset = filtered(self.filters, self.request.query_params, queryset)
        pages = (self.pagination_class or NewestFirst)()
        page = pages.paginate_queryset(queryset, self.request, view=self)
        shown = only(self._read(page, many=True, context=context), self.fields)
        return pages.get_paginated_response(shown.data)

    def _read(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        if self.reads is None:
            raise TypeError(f"{type(self).__name__} shows something, so it must say in `reads` what.")
        return self.reads(*args, **kwargs)

    def wants(self, name: str) -> bool:
        """Whether the caller wants to see this field, so that it has to be read from the database."""
        return self.fields is None or name in self.fields
