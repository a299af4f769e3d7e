"""Moving a gallery to another recognition model, without downtime.

New vectors are made of the pictures of its faces beside the old ones, and a state is trained of them. Until
both are ready, the old ones answer; then model, vectors and state are exchanged in one transaction. A job
that was stopped goes on with the faces that have no new vector yet.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.audit import record
from accounts.models import User
from media_jobs import files
from media_jobs.engine import BoxEngine, PictureError, worker_engine
from media_jobs.intake import decode_original
from media_jobs.leases import LeaseLost
from ml_models.recognition import RecognitionModel

from . import search_tables, training
from .archive_rows import Note
from .erasure import FACES_CHUNK, enrolled_faces_erase
from .job_files import job_lock
from .jobs import OPEN, Progress, job_start
from .models import EnrolledFace, Gallery, GalleryJob, TrainedState
from .refusals import Refusal, refuse
from .services import model_named

# Faces that the engine looks at together, and rows whose new vectors are wiped together.
LOOK_AT = 16
WIPED_AT_ONCE = 5000
MOST_NOTES = 1000


# --- Starting -----------------------------------------------------------------------------------------
@transaction.atomic
def gallery_reembed(
    *, gallery: Gallery, model: str, drop_missing: bool = False, user: User | None = None
) -> GalleryJob:
    """Queue the move of a gallery to another installed model.

    drop_missing: erase the faces of which no picture is kept; without it, the move fails when there are any.
    Raises Refusal `model_unknown`, `reembed_same_model`, `reembed_in_progress`. The caller is inside the
    team's scope.
    """
    wanted = model_named(model)
    row = Gallery.objects.select_for_update().get(pk=gallery.pk)
    if wanted.sha256 == row.model_sha256:
        raise refuse("reembed_same_model", model=wanted.name)
    if row.jobs.filter(kind=GalleryJob.Kind.REEMBED, status__in=OPEN).exists():
        raise refuse("reembed_in_progress")
    options = {"model": wanted.name, "sha256": wanted.sha256, "drop_missing": drop_missing}
    return job_start(
        team=row.team,
        kind=GalleryJob.Kind.REEMBED,
        gallery=row,
        user=user,
        options=options,
        total=row.faces.count(),
    )


# --- Running ------------------------------------------------------------------------------------------
def reembed_steps(job: GalleryJob) -> Iterator[Progress]:
    """Move the gallery of a job to the model that its options name."""
    gallery = job.gallery
    if gallery is None:
        raise LeaseLost
    if gallery.model_sha256 == job.options["sha256"]:
        # Done by a worker that died right after it.
        return
    model = model_named(job.options["model"])
    if model.sha256 != job.options["sha256"]:
        raise refuse("model_of_worker_differs", model=model.name)
    yield from _leavings_wiped(job, gallery)
    work = _Work(job, gallery, model)
    yield from work.embed()
    with training.alone(gallery):
        yield from _trained_and_switched(work)


def _leavings_wiped(job: GalleryJob, gallery: Gallery) -> Iterator[Progress]:
    """Wipe new vectors that an earlier job made for a third model."""
    before = gallery.jobs.filter(kind=GalleryJob.Kind.REEMBED).exclude(pk=job.pk)
    last = before.order_by("-created_at", "-id").first()
    if job.options.get("wiped") or (last is not None and last.options.get("sha256") == job.options["sha256"]):
        return
    left = EnrolledFace.objects.filter(gallery=gallery, next_embedding__isnull=False).order_by("id")
    while ids := list(left.values_list("pk", flat=True)[:WIPED_AT_ONCE]):
        EnrolledFace.objects.filter(pk__in=ids).update(next_embedding=None)
        yield Progress(0, job.total)
    job.options = {**job.options, "wiped": True}
    GalleryJob.objects.filter(pk=job.pk).update(options=job.options)


def _trained_and_switched(work: "_Work") -> Iterator[Progress]:
    """Build the state of the new vectors and exchange all in one transaction. The caller alone builds one."""
    training.states_clear(gallery=work.gallery)
    state = training.state_begin(gallery=work.gallery, model=work.model, embedding="next_embedding")
    try:
        vectors = training.state_fill(state=state, embedding="next_embedding")
        yield work.progress()
        if state.own_table and vectors:
            with transaction.atomic():
                search_tables.table_index(state, vectors=vectors)
        while True:
            work.missing_settle()
            if _switch(work, state):
                break
            # Enrolled in the meantime. They are not in the state, as always until the next training.
            yield from work.embed()
    finally:
        TrainedState.objects.filter(pk=state.pk, is_current=False).delete()
    yield work.progress()


@transaction.atomic
def _switch(work: "_Work", state: TrainedState) -> bool:
    """Exchange model, vectors and state; False when there are faces without a new vector."""
    row = job_lock(work.job)
    gallery = Gallery.objects.select_for_update().get(pk=work.gallery.pk)
    faces = EnrolledFace.objects.filter(gallery=gallery)
    if faces.filter(next_embedding__isnull=True).exists():
        return False
    faces.update(embedding=F("next_embedding"), next_embedding=None)
    before, gallery.model, gallery.model_sha256 = gallery.model, work.model.name, work.model.sha256
    gallery.save(update_fields=["model", "model_sha256"])
    training.state_use(state=state)
    record(
        "gallery.reembedded",
        team=row.team,
        obj=gallery,
        before=before,
        after=gallery.model,
        faces=state.face_count,
        dropped=work.dropped,
    )
    return True


class _Work:
    """The new vectors of one job: which faces have theirs, and of which no picture is kept."""

    def __init__(self, job: GalleryJob, gallery: Gallery, model: RecognitionModel) -> None:
        self.job, self.gallery, self.model = job, gallery, model
        self.missing: dict[UUID, Refusal] = {}
        self.dropped = 0
        self._engine: BoxEngine | None = None

    @property
    def engine(self) -> BoxEngine:
        """An engine that was asked for this model. Raises Refusal when the worker has other weights."""
        if self._engine is None:
            engine: BoxEngine = worker_engine(parts=["embedding"], recognition=self.model.name)
            if engine.model_versions.get("recognition") != self.model.version:
                raise refuse("model_of_worker_differs", model=self.model.name)
            self._engine = engine
        return self._engine

    def left(self) -> QuerySet[EnrolledFace]:
        """Faces without a new vector, in the order of their ids."""
        faces = EnrolledFace.objects.filter(gallery=self.gallery, next_embedding__isnull=True)
        return faces.select_related("source__media").order_by("id")

    def progress(self) -> Progress:
        total = EnrolledFace.objects.filter(gallery=self.gallery).count()
        without = EnrolledFace.objects.filter(gallery=self.gallery, next_embedding__isnull=True).count()
        # After the switch no face has a second vector any more.
        open_ones = without if self.gallery_is_old() else 0
        return Progress(total - open_ones + len(self.missing), max(total, 1), len(self.missing))

    def gallery_is_old(self) -> bool:
        rows = Gallery.objects.filter(pk=self.gallery.pk, model_sha256=self.model.sha256)
        return not rows.exists()

    def embed(self) -> Iterator[Progress]:
        """Make the new vectors of all faces that have none, those too that come in meanwhile."""
        while True:
            known, after = len(self.missing), UUID(int=0)
            found = 0
            while some := list(self.left().filter(pk__gt=after).defer("embedding")[:LOOK_AT]):
                found += self._look_at([face for face in some if face.pk not in self.missing])
                after = some[-1].pk
                yield self.progress()
            if not found and len(self.missing) == known:
                return

    def _look_at(self, faces: Sequence[EnrolledFace]) -> int:
        """Make the new vectors of some faces; returns how many could be made."""
        seen: list[tuple[EnrolledFace, Any, tuple[float, ...]]] = []
        for face in faces:
            try:
                picture, box = picture_of(face)
            except Refusal as refusal:
                self.missing[face.pk] = refusal
                continue
            seen.append((face, self.engine.as_array(picture), box))
        if not seen:
            return 0
        boxes: Any = [[box] for _, _, box in seen]
        answers = self.engine.analyze([array for _, array, _ in seen], boxes=boxes)
        vectors = {}
        for (face, _, _), answer in zip(seen, answers, strict=True):
            vector = vector_of(answer)
            if vector is None:
                self.missing[face.pk] = refuse("face_not_looked_at")
            else:
                vectors[face.pk] = vector
        self._keep(vectors)
        return len(vectors)

    @transaction.atomic
    def _keep(self, vectors: dict[UUID, list[float]]) -> None:
        rows = EnrolledFace.objects.select_for_update().filter(pk__in=vectors).order_by("id").only("pk")
        for row in rows:
            row.next_embedding = vectors[row.pk]
            row.save(update_fields=["next_embedding"])

    def missing_settle(self) -> None:
        """Note the faces that got no new vector, and erase them where that was asked for.

        Raises Refusal `reembed_pictures_missing` otherwise.
        """
        gone = self.missing.keys() - set(self.left().filter(pk__in=self.missing).values_list("pk", flat=True))
        for pk in gone:
            del self.missing[pk]
        if not self.missing:
            return
        notes = [Note.of(str(pk), why).as_json() for pk, why in self.missing.items()][:MOST_NOTES]
        GalleryJob.objects.filter(pk=self.job.pk).update(notes=notes)
        if not self.job.options["drop_missing"]:
            raise refuse("reembed_pictures_missing", count=len(self.missing))
        ids = list(self.missing)
        for start in range(0, len(ids), FACES_CHUNK):
            self.dropped += enrolled_faces_erase(
                team=self.job.team, face_ids=ids[start : start + FACES_CHUNK]
            )
        self.missing = {}


def picture_of(face: EnrolledFace) -> tuple[Any, tuple[float, ...]]:
    """A picture that shows an enrolled face, and its box in it: the crop, or the photo it came from.

    Raises Refusal `face_without_picture` when neither is kept, and what is wrong with a file.
    """
    try:
        if face.crop and face.crop_box:
            return decode_original(files.fetch(face.crop)), tuple(face.crop_box)
        source = face.source
        if source is not None and source.media.original:
            box = (source.left, source.top, source.width, source.height)
            return decode_original(files.fetch(source.media.original)), box
    except FileNotFoundError as error:
        raise refuse("face_without_picture") from error
    raise refuse("face_without_picture")


def vector_of(answer: Any) -> list[float] | None:
    """The vector of the one face that the engine was asked about; None when it failed on the picture."""
    if isinstance(answer, PictureError) or not answer or answer[0].embedding is None:
        return None
    return [float(value) for value in answer[0].embedding]
