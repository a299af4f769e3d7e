"""Removals of people and of galleries."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("media_jobs", "0003_protect_rows_and_count_bytes")]

    operations = [
        migrations.AddField(
            model_name="removal",
            name="with_photos",
            field=models.BooleanField(
                db_default=False, default=False, help_text="the photos go on which its people are"
            ),
        ),
        migrations.AlterField(
            model_name="removal",
            name="kind",
            field=models.CharField(
                choices=[
                    ("team", "Team"),
                    ("user", "User"),
                    ("media", "Media"),
                    ("subject", "Subject"),
                    ("gallery", "Gallery"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="removal",
            name="part_ids",
            field=models.JSONField(default=list, help_text="things to erase, or teams that go with a user"),
        ),
    ]
