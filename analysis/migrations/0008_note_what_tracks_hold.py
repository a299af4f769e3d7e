"""What the samples of tracks still hold of what a team can switch off, with indexes to find them by."""

from django.db import migrations, models


def _holds(name: str) -> migrations.AddField:
    field = models.BooleanField(db_default=True, default=True)
    return migrations.AddField(model_name="videotrack", name=name, field=field)


def _index(name: str, **condition: bool) -> migrations.AddIndex:
    index = models.Index(condition=models.Q(**condition), fields=["team"], name=name)
    return migrations.AddIndex(model_name="videotrack", index=index)


class Migration(migrations.Migration):
    dependencies = [("analysis", "0007_protect_videos")]

    operations = [
        _holds("holds_emotion"),
        _holds("holds_age"),
        _holds("holds_gender"),
        _index("video_track_with_emotion", holds_emotion=True),
        _index("video_track_with_age", holds_age=True),
        _index("video_track_with_gender", holds_gender=True),
        _index("video_track_with_vector", embedding__isnull=False),
    ]
