"""Words and figures for the pages of galleries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.timesince import timesince

from galleries.erasure import ERASING
from galleries.models import EnrolledFace, Gallery, GalleryJob
from galleries.quality import REASONS

register = template.Library()

OPEN = {GalleryJob.Status.QUEUED, GalleryJob.Status.RUNNING}
KINDS = {
    GalleryJob.Kind.TRAIN: "Training",
    GalleryJob.Kind.REEMBED: "Moving to another model",
    GalleryJob.Kind.IMPORT: "Import",
    GalleryJob.Kind.EXPORT: "Export",
    GalleryJob.Kind.LABEL: "Looking for its people in photos",
    GalleryJob.Kind.CLUSTER: "Looking for people in photos",
    GalleryJob.Kind.SNAPSHOT: "Snapshot",
    GalleryJob.Kind.APPLY: "Gallery made of a snapshot",
}


#: Namespaces of galleries that programs make in other words than ours -> what they call such a gallery.
NAMESPACES = {
    "person_group": "Face API person group",
    "large_person_group": "Face API large person group",
    "face_list": "Face API face list",
    "large_face_list": "Face API large face list",
    ERASING: "Being erased",
}
#: Namespaces of galleries that are asked as they are.
NEVER_TRAINED = ("face_list",)


@register.filter
def made_as(gallery: Gallery) -> str:
    """What a gallery is in the dialect that made it: 'Face API person group'; '' for our own."""
    return NAMESPACES.get(gallery.namespace, gallery.namespace)


@dataclass(frozen=True)
class Training:
    """The state of a gallery's training for a badge.

    `kind` is running, failed, due, trained, none, or never where a gallery is not trained at all.
    """

    kind: str
    words: str
    at: datetime | None = None
    sentence: str = ""
    done: int = 0
    total: int = 0


@register.filter
def training(gallery: Any) -> Training:
    """The state of training of a gallery of `page_selectors.galleries`."""
    at = gallery.trained_at
    if gallery.namespace in NEVER_TRAINED:
        return Training("never", "needs no training")
    if gallery.work_status in OPEN:
        words = "training" if gallery.work_status == GalleryJob.Status.RUNNING else "waiting for training"
        return Training("running", words, at, "", gallery.work_done or 0, gallery.work_total or 0)
    if gallery.work_status == GalleryJob.Status.FAILED:
        return Training("failed", "training failed", at, gallery.work_error)
    if at is None:
        return Training("none", "not trained")
    if gallery.seen_change != gallery.changed_at or gallery.trained_by != gallery.model_sha256:
        return Training("due", "changes wait for training", at)
    return Training("trained", "trained", at)


@register.filter
def to_be_trained(gallery: Any) -> bool:
    """Whether there is something in a gallery of `page_selectors.galleries` that training is for."""
    return gallery.namespace not in NEVER_TRAINED and bool(gallery.face_count or gallery.trained_at)


@register.filter
def job_title(job: GalleryJob) -> str:
    """What a job does, in words."""
    return KINDS[GalleryJob.Kind(job.kind)]


@register.filter
def in_percent(confidence: float | None) -> str:
    """0.934 -> '93%'; nothing for None. Nobody is entirely sure, so more than 99% is '>99%'."""
    if confidence is None:
        return ""
    return ">99%" if confidence > 0.99 else f"{100 * confidence:.0f}%"


@register.filter
def ago(moment: datetime) -> str:
    """'5 minutes ago', and 'just now' within the first minute."""
    if timezone.now() - moment < timedelta(minutes=1):
        return "just now"
    return f"{timesince(moment).split(',')[0]} ago"


@register.filter
def job_note(note: Any) -> str:
    """What went wrong with one entry of an import: 'Ada/summer.jpg: No face was found ...'."""
    return f"{note.get('entry', '')}: {note.get('message', '')}" if isinstance(note, dict) else str(note)


@register.filter
def quality_word(quality: str) -> str:
    """'high' -> 'good quality'."""
    return {"high": "good quality", "medium": "fair quality", "low": "poor quality"}[quality]


@register.filter
def reasons_in_words(face: EnrolledFace) -> list[str]:
    """Why a face is not of high quality, as sentences."""
    return [REASONS[code] for code in face.quality_reasons if code in REASONS]


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: object) -> str:
    """The query of this page's address with some values changed."""
    asked = context["request"].GET.copy()
    for name, value in changes.items():
        asked[name] = str(value)
    return str(asked.urlencode())


@register.filter
def has_picture(face: EnrolledFace) -> bool:
    """Whether something can be shown of an enrolled face: its own crop, or that of the photo it is from."""
    return bool(face.crop or face.source_id)


@register.filter
def has_ended(moment: datetime | None) -> bool:
    """Whether a moment is past; False for None."""
    return moment is not None and moment <= timezone.now()


@register.simple_tag
def galleries_to_name_in() -> list[Gallery]:
    """The galleries of people in which a face can be given a name, by name."""
    return list(Gallery.objects.filter(holds=Gallery.Holds.SUBJECTS).only("pk", "name").order_by("name"))
