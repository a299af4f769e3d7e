"""Which ids come after which text."""

from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from accounts.models import Team
from compat.face_v1.pages import ids_after, page_of_ids
from galleries.models import EnrolledFace, Gallery
from galleries.services import gallery_create
from tests.fakes import embedding_of

#: Letters of ids, and some that come before, between and after them.
NEAR = "0123456789abcdefABCDEF-/:@`gz{ ~ü"


def comes_after(pk: UUID, start: str) -> bool:
    """What `ids_after` says of an id, without a database."""
    children: list[Any] = ids_after(start).children
    ((lookup, bound),) = children
    return {"id__gt": pk > bound, "id__gte": pk >= bound}[lookup]


@pytest.mark.parametrize("seed", range(4))
def test_any_text_is_compared_as_the_id_written_out_would_be(seed: int) -> None:
    random = Random(seed)
    for _ in range(500):
        pk = UUID(int=random.getrandbits(128))
        text = "".join(random.choices(NEAR, k=random.randint(1, 5)))
        same = str(pk)[: random.randint(0, 36)]
        for start in (text, same + text, (same + text).upper(), same or "0", str(pk), f"{pk}{text}"):
            assert comes_after(pk, start) == (str(pk) > start.lower()), (pk, start)


@pytest.mark.parametrize("start", ["", "0", "5", "zzz", "55555555-5555-5555-5555-555555555555"])
def test_a_page_of_a_large_list_is_read_by_the_index(in_team: Team, start: str) -> None:
    gallery = filled(in_team, 3000)
    rows = EnrolledFace.objects.filter(gallery=gallery).only("id", "notes")
    page = list(page_of_ids(rows, start, 10))
    every = sorted(str(pk) for pk in EnrolledFace.objects.values_list("pk", flat=True))
    assert [str(face.pk) for face in page] == [pk for pk in every if pk > start][:10]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE galleries_enrolledface")
    plan = page_of_ids(rows, start, 10).explain()
    assert "Index Scan using" in plan
    assert "Sort" not in plan


def filled(team: Team, faces: int) -> Gallery:
    gallery = gallery_create(team=team, name="Many", holds=Gallery.Holds.FACES)
    vector = embedding_of(1)
    EnrolledFace.objects.bulk_create(
        [EnrolledFace(team=team, gallery=gallery, embedding=vector) for _ in range(faces)]
    )
    return gallery
