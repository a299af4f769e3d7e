"""How often a worker began to fetch or to link a video, so that one that kills its workers is given up."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("media_jobs", "0008_count_only_changed_bytes")]

    operations = [
        migrations.AddField(
            model_name="video",
            name="attempts",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
