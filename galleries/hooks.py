"""What galleries do when lower apps tell them of photos, faces and teams."""


def register() -> None:
    """Put the functions of galleries into the registries of the apps below, once, when Django starts."""
    from media_jobs.hooks import AFTER_ANALYSIS, DEMO
    from media_jobs.retention import EXPIRIES

    from . import demo, labelling, moving_hooks, recognising, temporary, training, unnamed_hooks
    from .jobs import RUNNERS, after_add
    from .models import GalleryJob

    moving_hooks.register()
    DEMO.append(demo.demo_gallery_make)
    temporary.register()
    RUNNERS[GalleryJob.Kind.TRAIN] = training.training_run
    unnamed_hooks.register()
    AFTER_ANALYSIS.append(recognising.photos_analyzed)
    EXPIRIES.append(labelling.identity_forget)
    RUNNERS[GalleryJob.Kind.LABEL] = recognising.labels_renew
    # Last: whoever else is told of a training has set its word before.
    after_add(GalleryJob.Kind.TRAIN, recognising.training_ended)
