"""What tests of questions share: detected faces and collections with known answers, as rows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import Team
from compat.face_v1.kinds import Kind
from galleries.models import EnrolledFace, Gallery, Subject, TemporaryFace
from galleries.services import gallery_create, model_named, subject_create
from galleries.tests.helpers import enrol
from galleries.tests.search_helpers import train
from tests.fakes import embedding_of

MODEL = "recognition_01"
#: A person as `tests.fakes.embedding_of` numbers them, and a view of theirs.
View = tuple[int, int]


def detected(team: Team, *views: View, **fields: Any) -> list[str]:
    """Ids of faces that detection has kept for an hour."""
    model = model_named(MODEL)
    usual = {
        "model": model.name,
        "model_sha256": model.sha256,
        "model_alias": MODEL,
        "expires_at": timezone.now() + timedelta(hours=1),
        "left": 0,
        "top": 0,
        "width": 10,
        "height": 10,
    }
    with team_scope(team):
        rows = [
            TemporaryFace(team=team, embedding=embedding_of(*view), **{**usual, **fields}) for view in views
        ]
        return [str(row.pk) for row in TemporaryFace.objects.bulk_create(rows)]


def expired(team: Team, *views: View) -> list[str]:
    """Faces whose time is over, which nobody has erased yet."""
    return detected(team, *views, expires_at=timezone.now() - timedelta(seconds=1))


def unknown() -> str:
    """An id that nothing has."""
    return str(uuid4())


def collection(team: Team, kind: Kind, key: str, **options: Any) -> Gallery:
    """An empty collection. The caller is inside the team's scope."""
    return gallery_create(
        team=team,
        namespace=kind.namespace,
        key=key,
        name=key,
        holds=kind.holds,
        model_alias=MODEL,
        **{"model": MODEL, "keep_crops": False, "allow_duplicates": True, "label_photos": False, **options},
    )


def group_of(
    team: Team,
    kind: Kind,
    people: dict[str, int],
    key: str = "staff",
    *,
    faces: int = 2,
    trained: bool = True,
) -> dict[str, str]:
    """A group with these people (name -> number): name -> personId."""
    with team_scope(team):
        gallery = collection(team, kind, key)
        found = {}
        for name, person in people.items():
            subject = subject_create(gallery=gallery, name=name)
            enrol(subject, *(embedding_of(person, view) for view in range(faces)))
            found[name] = str(subject.pk)
        if trained:
            train(gallery)
    return found


def list_of(
    team: Team, kind: Kind, views: Sequence[View], key: str = "album", *, trained: bool = True
) -> list[str]:
    """A list with these faces: their persistedFaceIds."""
    with team_scope(team):
        gallery = collection(team, kind, key)
        rows = EnrolledFace.objects.bulk_create(
            [EnrolledFace(team=team, gallery=gallery, embedding=embedding_of(*view)) for view in views]
        )
        if kind.trained and trained:
            train(gallery)
    return [str(row.pk) for row in rows]


def gallery_named(team: Team, key: str) -> Gallery:
    with team_scope(team):
        return Gallery.objects.select_related("team").get(key=key)


def moved_to_another_model(team: Team, key: str) -> None:
    """What the move of a collection to another model changes about it: the names programs use stay."""
    with team_scope(team):
        Gallery.objects.filter(key=key).update(model="net-2", model_sha256="2" * 64)


def consent_over(team: Team, person_id: str) -> None:
    with team_scope(team):
        Subject.objects.filter(pk=person_id).update(consent_until=timezone.now() - timedelta(seconds=1))


def asked(answer: Any) -> Any:
    """The body of an answer that has to be a success."""
    assert answer.status_code == 200, answer.content
    return answer.json()


def queries_of(send: Any) -> list[str]:
    """The statements that a request makes, from the second of a key on: the first notes that it is used."""
    asked(send())
    with CaptureQueriesContext(connection) as queries:
        asked(send())
    return [
        query["sql"]
        for query in queries
        if not query["sql"].startswith(
            ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "SET", "SELECT set_config")
        )
    ]
