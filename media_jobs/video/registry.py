"""Puts what is done with videos into the registries of this app, once, when Django starts."""


def register() -> None:
    """Let erasing, retention and exports reach videos."""
    from media_jobs.erasure import ERASERS
    from media_jobs.export_content import COUNTS, PARTS
    from media_jobs.retention import EXPIRIES, jobs_expire

    from . import erasure, retention, team_export

    ERASERS["video"] = erasure.video_erase
    # Before the jobs: a video goes with its job's name.
    EXPIRIES[EXPIRIES.index(jobs_expire) : EXPIRIES.index(jobs_expire)] = [
        retention.video_results_expire,
        retention.video_pictures_expire,
        retention.video_faces_expire,
        retention.video_switched_off_expire,
    ]
    PARTS.append(team_export.videos_write)
    COUNTS.append(team_export.videos_count)
