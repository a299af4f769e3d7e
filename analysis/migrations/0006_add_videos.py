"""Tracks and people of videos."""

import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.datetime
import pgvector.django.halfvec
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_redact_mentions"),
        ("analysis", "0005_protect_face_embeddings"),
        ("media_jobs", "0005_add_videos"),
    ]

    operations = [
        migrations.CreateModel(
            name="VideoPerson",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("number", models.PositiveIntegerField()),
                ("name", models.CharField(blank=True, default="", max_length=120)),
                ("excluded", models.BooleanField(default=False)),
                ("by_hand", models.BooleanField(default=False)),
                ("first_ms", models.PositiveIntegerField()),
                ("last_ms", models.PositiveIntegerField()),
                ("sample_count", models.PositiveIntegerField()),
                (
                    "age",
                    models.FloatField(
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(100.0),
                        ],
                    ),
                ),
                (
                    "gender",
                    models.CharField(
                        blank=True, choices=[("female", "female"), ("male", "male")], default="", max_length=6
                    ),
                ),
                ("metrics", models.JSONField(default=dict)),
                ("portrait", models.BinaryField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
                    ),
                ),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="people",
                        to="media_jobs.video",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "video people",
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="VideoTrack",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("chunk", models.PositiveIntegerField()),
                ("number", models.PositiveIntegerField()),
                ("start_ms", models.PositiveIntegerField()),
                ("end_ms", models.PositiveIntegerField()),
                ("sample_count", models.PositiveIntegerField()),
                (
                    "first_box",
                    django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=4),
                ),
                (
                    "last_box",
                    django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=4),
                ),
                ("samples", models.BinaryField()),
                ("embedding", pgvector.django.halfvec.HalfVectorField(null=True)),
                ("embedding_count", models.PositiveIntegerField(default=0)),
                ("model", models.CharField(blank=True, default="", max_length=80)),
                ("model_sha256", models.CharField(blank=True, default="", max_length=64)),
                ("portrait", models.BinaryField(null=True)),
                (
                    "portrait_score",
                    models.FloatField(
                        default=0.0, help_text="how good the portrait is; the larger the better"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="tracks",
                        to="analysis.videoperson",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
                    ),
                ),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tracks",
                        to="media_jobs.video",
                    ),
                ),
            ],
            options={
                "ordering": ["chunk", "number"],
            },
        ),
        migrations.AddConstraint(
            model_name="videoperson",
            constraint=models.UniqueConstraint(
                deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                fields=("video", "number"),
                name="video_person_number_once",
            ),
        ),
        migrations.AddIndex(
            model_name="videotrack",
            index=models.Index(fields=["person", "start_ms"], name="video_track_by_person"),
        ),
        migrations.AddConstraint(
            model_name="videotrack",
            constraint=models.UniqueConstraint(
                fields=("video", "chunk", "number"), name="video_track_once_per_chunk"
            ),
        ),
    ]
