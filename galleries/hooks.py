"""What galleries do when lower apps tell them of photos, faces and teams."""


def register() -> None:
    """Put the functions of galleries into the registries of the apps below, once, when Django starts."""
    from media_jobs.hooks import AFTER_ANALYSIS, DEMO, GALLERY_CHOICES, GALLERY_FINDERS, VIDEO_LINKED
    from media_jobs.retention import EXPIRIES

    from . import demo, labelling, moving_hooks, recognising, temporary, training, unnamed_hooks, videos
    from .jobs import RUNNERS, after_add
    from .models import GalleryJob

    moving_hooks.register()
    DEMO.extend([demo.demo_gallery_make, demo.demo_video_make])
    temporary.register()
    RUNNERS[GalleryJob.Kind.TRAIN] = training.training_run
    unnamed_hooks.register()
    AFTER_ANALYSIS.append(recognising.photos_analyzed)
    GALLERY_FINDERS.append(videos.gallery_find)
    GALLERY_CHOICES.append(videos.gallery_choices)
    VIDEO_LINKED.append(videos.video_identify)
    EXPIRIES.append(labelling.identity_forget)
    RUNNERS[GalleryJob.Kind.LABEL] = recognising.labels_renew
    # Last: whoever else is told of a training has set its word before.
    after_add(GalleryJob.Kind.TRAIN, recognising.training_ended)
