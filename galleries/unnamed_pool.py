"""The pool of unknown people: the machine sorts the faces that nobody has named into unnamed people.

What a person has said always wins. The machine gives no face to anybody that a person has decided on, puts none back
where it was taken out, joins no people that a person has merged, split or ignored, and takes none apart. So it may run as
often as it likes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models import Avg, Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from numpy.typing import NDArray
from pgvector.django import VectorField

from accounts.access import team_scope
from accounts.models import Team, User
from analysis.models import Face, FaceEmbedding
from analysis.recognition import photo_model
from ml_models.grouping import assign, group_means, grouping_distance
from ml_models.recognition import RecognitionModel

from .jobs import Progress, job_start
from .models import FaceLabel, FaceRejection, GalleryJob, UnnamedPerson

Vectors = NDArray[np.float32]
Integers = NDArray[np.int64]

#: Faces without a name that one run looks at, the newest, and unnamed people, the largest. They bound its memory
#: to about 200 MB.
MOST_FACES = 20_000
MOST_PEOPLE = 20_000
#: Rows written in one statement.
CHUNK = 2_000
#: A face that nobody has named or decided on: without a label, or with one of the machine's that names nobody.
FREE = Q(label=None) | Q(label__by=FaceLabel.By.MACHINE, label__subject=None, label__unnamed=None)
#: Jobs that nobody asked for have this in their options; old ones are forgotten.
AUTOMATIC = {"automatic": True}


@dataclass(frozen=True)
class Clustered:
    """What a run did: faces it gave to somebody, unnamed people it made, and those that became part of others."""

    faces: int
    made: int
    joined: int


@dataclass
class _People:
    """Unnamed people of a team: ids, mean vectors (G, d), numbers of faces, and which of them the machine may not
    join with others.
    """

    ids: list[UUID]
    means: Vectors
    sizes: Integers
    fixed: NDArray[np.bool_]


@dataclass
class _Faces:
    """Faces without a name: ids, vectors (N, d), and whether a picture is good enough to found a person on."""

    ids: list[UUID]
    vectors: Vectors
    good: NDArray[np.bool_]


def pool_lock(team: Team) -> None:
    """Let nobody else change the team's unnamed people until the transaction ends. The first lock of all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"unnamed people of {team.pk}"])


@transaction.atomic
def pool_cluster(*, team: Team) -> Clustered:
    """Sort the faces of the team's photos that carry no name into unnamed people.

    First faces join people that are there, then what is left is grouped, people that a person has not touched
    included: two of them may turn out to be one. A poor picture may join somebody, but no person is founded on it. A
    face without counterpart stays without a label and is looked at again next time. Safe to run twice and at the
    same time. The caller is inside the team's scope.
    """
    pool_lock(team)
    model = photo_model()
    faces = _free_faces(model)
    if not faces.ids:
        return Clustered(0, 0, _people_erase_empty())
    people = _people(model)
    never = _never(faces, people)
    limit = grouping_distance(model.calibration)
    whose = assign(faces.vectors, people.means, limit, never)
    groups = _grouped(faces, people, whose, limit)
    made, joined = 0, 0
    gone: list[UUID] = []
    given: list[tuple[UUID, UUID]] = []
    # What a person ruled out cannot happen here: whoever has a face ruled out is fixed.
    new = [members for members in groups if not members.people]
    persons = UnnamedPerson.objects.bulk_create([UnnamedPerson(team=team, model=model.name) for _ in new])
    return Clustered(0, made, joined)
