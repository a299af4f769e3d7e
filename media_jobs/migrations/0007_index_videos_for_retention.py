"""Indexes by which retention finds the videos that are past their day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("media_jobs", "0006_protect_videos_and_count_bytes")]

    operations = [
        migrations.AddIndex(
            model_name="video",
            index=models.Index(
                condition=models.Q(("pictures_erased_at", None)),
                fields=["team", "created_at"],
                name="video_with_pictures",
            ),
        ),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(
                condition=models.Q(("faces_erased_at", None)),
                fields=["team", "created_at"],
                name="video_with_faces",
            ),
        ),
    ]
