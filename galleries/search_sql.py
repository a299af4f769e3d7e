"""The statements behind the questions to a gallery: one for a gallery of usual size, whatever the number of
probes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import ProgrammingError, connection, transaction
from psycopg import sql
from psycopg.errors import UndefinedTable

from .jobs import OPEN
from .models import MAX_FACES_PER_SUBJECT, Gallery, GalleryJob, TrainedState
from .refusals import refuse
from .search_tables import table_of

#: Vectors that the index looks at for an answer at least: more find more of the nearest and take longer. At
#: 300,000 faces 200 found 0.994 of the ten nearest people (100: 0.973), whatever the index was built with.
SEARCH_EFFORT = 200
#: From so many faces on, twice as many.
LARGE = 250_000
#: Vectors fetched at first per candidate asked for, at least this many, and how much wider the second look
#: is.
PER_CANDIDATE, FIRST, WIDER = 4, 40, 8
#: pgvector looks at no more in one go; beyond, the scan goes on where it stopped.
MOST_EFFORT = 1000
#: How often a training may take the table away under a search before that is a fault.
TRIES = 3

# `near` is cut off before who it is is read, so that an index can serve it. What is erased or moved since,
# and who has not consented any more, shows as a row without anybody: it must count among the vectors fetched.
# OFFSET 0 keeps the planner from reading all people of the gallery for each row, and CASE stands where
# COALESCE would: Postgres does not trust that one behind a row's policy and would read the whole table.
# Probes of another model than the state's, which was exchanged a moment ago, are not compared: pgvector would
# fail on another number of numbers.
_NEAR = """
SELECT state.id, state.own_table, state.model_sha256, state.face_count, state.subject_count,
    near.number, near.distance,
    CASE WHEN face.subject_id IS NULL OR person.id IS NOT NULL THEN face.id END, person.id
FROM galleries_trainedstate AS state
LEFT JOIN LATERAL (
    SELECT probe.number, found.face_id, found.subject_id, found.distance
    FROM unnest(
        CASE WHEN state.model_sha256 = %(sha256)s THEN %(probes)s::halfvec[] END, %(numbers)s::integer[]
    ) AS probe (vector, number)
    CROSS JOIN LATERAL (
        SELECT vectors.face_id, vectors.subject_id, vectors.embedding <-> probe.vector AS distance
        FROM {table} AS vectors WHERE {which}
        ORDER BY vectors.embedding <-> probe.vector LIMIT %(limit)s
    ) AS found
    WHERE found.distance <= %(most)s
) AS near ON true
LEFT JOIN LATERAL (
    SELECT id, gallery_id, subject_id FROM galleries_enrolledface WHERE id = near.face_id OFFSET 0
) AS face ON face.gallery_id = %(gallery)s
LEFT JOIN LATERAL (
    SELECT id, gallery_id, consent_until FROM galleries_subject
    WHERE id = CASE WHEN near.face_id IS NULL THEN near.subject_id ELSE face.subject_id END OFFSET 0
) AS person ON person.gallery_id = %(gallery)s
    AND (person.consent_until IS NULL OR person.consent_until > statement_timestamp())
WHERE state.gallery_id = %(gallery)s AND state.is_current
ORDER BY near.number, near.distance, near.face_id
"""


_ENROLLED = """
SELECT near.id, near.subject_id, near.distance
FROM galleries_gallery AS gallery
LEFT JOIN LATERAL (
    SELECT face.id, face.subject_id, face.embedding <-> %(probe)s::halfvec AS distance
    FROM galleries_enrolledface AS face
    LEFT JOIN galleries_subject AS person ON person.id = face.subject_id
    WHERE face.gallery_id = gallery.id
        AND (person.consent_until IS NULL OR person.consent_until > statement_timestamp())
        AND face.embedding <-> %(probe)s::halfvec <= %(most)s
    ORDER BY distance, face.id LIMIT %(limit)s
) AS near ON true
WHERE gallery.id = %(gallery)s AND gallery.model_sha256 = %(sha256)s
ORDER BY near.distance, near.id
"""


@dataclass(frozen=True)
class Near:
    """Somebody near a probe, by distance. face_id: the nearest face of theirs that was fetched."""

    face_id: UUID | None
    subject_id: UUID | None
    distance: float


@dataclass(frozen=True)
class _State:
    id: UUID
    own_table: bool
    model_sha256: str
    face_count: int
    subject_count: int


def text_of(vector: Sequence[float]) -> str:
    """A vector as pgvector reads it."""
    return f"[{','.join(f'{value:.7g}' for value in vector)}]"


def people_near(
    *,
    gallery: Gallery,
    probes: Sequence[Sequence[float]],
    sha256: str,
    most: float,
    count: int,
    among: Callable[[int], float] | None = None,
) -> list[list[Near]]:
    """For each probe the nearest `count` people within the distance `most`, each once, the nearest first.

    among: the distance, at most `most`, that counts among so many people; how many there are is read with the
    answer. In a gallery of faces each face is somebody. Raises Refusal `gallery_not_trained`,
    `gallery_training`, `models_differ`.
    """
    first = max(FIRST, PER_CANDIDATE * count)
    # So many vectors hold enough people, however many faces each has: all of them and the template.
    all_of_them = count * (MAX_FACES_PER_SUBJECT + 1)
    # In a gallery of people, a face that is nobody's stands for nobody.
    alone = gallery.holds == Gallery.Holds.FACES
    answers: list[list[Near]] = [[] for _ in probes]
    left = {number: text_of(probe) for number, probe in enumerate(probes)}
    for limit, exact in ((first, False), (first * WIDER, False), (all_of_them, True)):
        rows = _rows(gallery, left, sha256, most=most, limit=limit, exact=exact, among=among)
        for number in list(left):
            answers[number] = _each_once(rows[number], alone=alone)[:count]
            # Fewer than asked for: the others are further away than `most`, or there are none.
            if len(answers[number]) == count or len(rows[number]) < limit:
                del left[number]
        if not left:
            break
    return answers


def faces_near(
    *, gallery: Gallery, probe: Sequence[float], sha256: str, most: float, count: int
) -> list[Near]:
    """The nearest `count` enrolled faces within the distance `most`. Raises what `people_near` does."""
    left = {0: text_of(probe)}
    # Templates are fetched too, at most one for every two faces.
    for limit, exact in ((2 * count + FIRST, False), (4 * (2 * count + FIRST), True)):
        rows = _rows(gallery, left, sha256, most=most, limit=limit, exact=exact)[0]
        faces = [one for one in rows if one.face_id is not None]
        if len(faces) >= count or len(rows) < limit:
            break
    return faces[:count]


def enrolled_near(
    *, gallery: Gallery, probe: Sequence[float], sha256: str, most: float, count: int
) -> list[Near]:
    """The same among the faces that are enrolled now, without an index. Raises Refusal `models_differ`.

    Faces of people whose consent has ended are left out, as in trained states.
    """
    params: dict[str, Any] = {
        "gallery": gallery.pk,
        "sha256": sha256,
        "probe": text_of(probe),
        "most": most,
        "limit": count,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENROLLED, params)
        rows = cursor.fetchall()
    # One row without a face says that the gallery's model is the probe's and no face is near.
    if not rows:
        raise refuse("models_differ")
    return [Near(face_id, subject_id, distance) for face_id, subject_id, distance in rows if face_id]


def _each_once(rows: Sequence[Near], *, alone: bool) -> list[Near]:
    """The nearest of each person with their nearest face; rows of nobody are left out.

    alone: a face without a person is somebody too.
    """
    first: dict[UUID, Near] = {}
    for row in rows:
        who = row.subject_id or (row.face_id if alone else None)
        if who is None:
            continue
        known = first.setdefault(who, row)
        if known.face_id is None and row.face_id is not None:
            # The template was nearer; its place is kept.
            first[who] = Near(row.face_id, known.subject_id, known.distance)
    return list(first.values())


def _rows(
    gallery: Gallery,
    probes: dict[int, str],
    sha256: str,
    *,
    most: float,
    limit: int,
    exact: bool,
    among: Callable[[int], float] | None = None,
) -> dict[int, list[Near]]:
    """By the probe's number the nearest vectors within `most`, at most `limit`, the nearest first."""
    params = {
        "gallery": gallery.pk,
        "sha256": sha256,
        "probes": list(probes.values()),
        "numbers": list(probes),
        "most": most,
        "limit": limit,
    }
    state, rows = _answer(gallery, params, exact=exact)
    if state.model_sha256 != sha256:
        raise refuse("models_differ")
    if among is not None:
        alone = gallery.holds == Gallery.Holds.FACES
        most = among(state.face_count if alone else state.subject_count)
    found: dict[int, list[Near]] = {number: [] for number in probes}
    for number, near in rows:
        if near.distance <= most:
            found[number].append(near)
    return found


def _answer(
    gallery: Gallery, params: dict[str, Any], *, exact: bool
) -> tuple[_State, list[tuple[int, Near]]]:
    """What the gallery's current state says, wherever its vectors are."""
    for tried in range(TRIES):
        state, rows = _ask(gallery, None, params)
        if not state.own_table:
            break
        try:
            with transaction.atomic():
                _prepare(state.face_count, params["limit"], exact)
                return _ask(gallery, state, params)
        except ProgrammingError as error:
            # A training has put another state into its place, and the table is gone.
            if not isinstance(error.__cause__, UndefinedTable) or tried == TRIES - 1:
                raise
    return state, rows


def _prepare(faces: int, limit: int, exact: bool) -> None:
    """How the index of a state of so many faces is to be used, for the rest of the transaction."""
    effort = max(SEARCH_EFFORT if faces < LARGE else 2 * SEARCH_EFFORT, limit)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('hnsw.ef_search', %s, true),"
            " set_config('hnsw.iterative_scan', 'strict_order', true),"
            " set_config('enable_indexscan', %s, true)",
            [str(min(MOST_EFFORT, effort)), "off" if exact else "on"],
        )


def _ask(
    gallery: Gallery, state: _State | None, params: dict[str, Any]
) -> tuple[_State, list[tuple[int, Near]]]:
    """Ask the table that all share, or that of a large state."""
    if state is None:
        table, which = table_of(gallery.pk, own_table=False), sql.SQL("vectors.state_id = state.id")
    else:
        table, which = table_of(state.id, own_table=True), sql.SQL("true")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(_NEAR).format(table=table, which=which), params)
        rows = cursor.fetchall()
    if not rows:
        raise _no_state(gallery)
    return _State(*rows[0][:5]), list(_near_of(rows))


def _near_of(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Near]]:
    for *_, number, distance, face_id, subject_id in rows:
        if number is not None:
            yield number, Near(face_id, subject_id, distance)


def trained_check(gallery: Gallery) -> None:
    """Raises Refusal `gallery_not_trained`, `gallery_training` for a gallery that cannot answer."""
    if not TrainedState.objects.filter(gallery=gallery, is_current=True).exists():
        raise _no_state(gallery)


def _no_state(gallery: Gallery) -> Exception:
    busy = GalleryJob.objects.filter(gallery=gallery, kind=GalleryJob.Kind.TRAIN, status__in=OPEN).exists()
    return refuse("gallery_training" if busy else "gallery_not_trained")
