"""What becomes of the machine's labels when a gallery begins or ceases to look for its people in photos."""

from accounts.models import Team, User

from .jobs import job_start
from .models import FaceLabel, Gallery, GalleryJob


def labelling_changed(*, gallery: Gallery) -> None:
    """After a gallery has begun or ceased to look for its people in photos, or judges otherwise now."""
    if gallery.label_photos:
        labels_renew_start(gallery=gallery)
    else:
        machine_labels_forget(gallery=gallery)


def labels_renew_start(*, gallery: Gallery, user: User | None = None) -> GalleryJob | None:
    """Queue the job that looks through the team's photos for the people of a gallery.

    None where it does not look for them, or was never trained. The caller is inside the team's scope.
    """
    if not gallery.label_photos or not gallery.states.filter(is_current=True).exists():
        return None
    if not Team.objects.filter(pk=gallery.team_id, analyze_identity=True).exists():
        return None
    return job_start(team=gallery.team, kind=GalleryJob.Kind.LABEL, gallery=gallery, user=user)


def machine_labels_forget(*, gallery: Gallery) -> int:
    """Take back what the machine said of a gallery's people in photos; returns of how many faces."""
    return FaceLabel.objects.filter(subject__gallery=gallery, by=FaceLabel.By.MACHINE).delete()[0]
