"""Videos, their uploads, chunks and previews."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import media_jobs.models.videos


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_redact_mentions"),
        ("media_jobs", "0004_add_removals_of_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="kind",
            field=models.CharField(
                choices=[("photos", "Photos"), ("batch", "Batch"), ("video", "Video")],
                db_default="photos",
                default="photos",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="Video",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("filename", models.CharField(max_length=255)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("fetching", "Fetching"),
                            ("analyzing", "Analyzing"),
                            ("linking", "Linking"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=10,
                    ),
                ),
                ("error_code", models.CharField(blank=True, default="", max_length=40)),
                ("error_message", models.CharField(blank=True, default="", max_length=300)),
                (
                    "sealed_source",
                    models.TextField(
                        blank=True, default="", help_text="address it is fetched from, encrypted"
                    ),
                ),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                ("size", models.PositiveBigIntegerField(default=0, help_text="bytes of the original")),
                ("container", models.CharField(blank=True, default="", max_length=10)),
                ("content_type", models.CharField(blank=True, default="", max_length=40)),
                ("codec", models.CharField(blank=True, default="", max_length=30)),
                ("width", models.PositiveIntegerField(default=0)),
                ("height", models.PositiveIntegerField(default=0)),
                ("rotation", models.PositiveSmallIntegerField(default=0)),
                ("duration_ms", models.PositiveIntegerField(default=0)),
                ("frame_count", models.PositiveIntegerField(default=0)),
                ("frame_rate", models.FloatField(default=0.0)),
                ("variable_rate", models.BooleanField(default=False)),
                ("has_audio", models.BooleanField(default=False)),
                ("shown_by_browsers", models.BooleanField(default=False)),
                (
                    "facts",
                    models.JSONField(
                        default=dict, help_text="media_jobs.video.facts.VideoFacts, for its readers"
                    ),
                ),
                ("parts", models.JSONField(default=media_jobs.models.videos.no_parts)),
                ("poster", models.CharField(blank=True, default="", max_length=200)),
                (
                    "stored_bytes",
                    models.PositiveBigIntegerField(
                        db_default=0,
                        default=0,
                        help_text="bytes of all files kept for it; counts against the plan",
                    ),
                ),
                ("pictures_erased_at", models.DateTimeField(blank=True, null=True)),
                ("faces_erased_at", models.DateTimeField(blank=True, null=True)),
                ("frames_per_second", models.FloatField(null=True)),
                ("gallery_id", models.UUIDField(blank=True, null=True)),
                ("model_versions", models.JSONField(default=dict)),
                ("analyzed_frames", models.PositiveIntegerField(default=0)),
                ("people_count", models.PositiveIntegerField(default=0)),
                (
                    "summary",
                    models.JSONField(
                        default=dict, help_text="what is said of the whole video: moments and means"
                    ),
                ),
                (
                    "live",
                    models.BooleanField(default=False, help_text="recorded from a camera on the live page"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("beat_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="videos",
                        to="media_jobs.job",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="VideoChunk",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("start_ms", models.PositiveIntegerField()),
                ("end_ms", models.PositiveIntegerField()),
                ("expected", models.PositiveIntegerField(help_text="frames that were counted for the plan")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(default=0, help_text="times a worker began with it"),
                ),
                (
                    "times",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveIntegerField(), null=True, size=None
                    ),
                ),
                ("error_code", models.CharField(blank=True, default="", max_length=40)),
                ("error_message", models.CharField(blank=True, default="", max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("sent_at", models.DateTimeField(help_text="when the broker last took it", null=True)),
                (
                    "beat_at",
                    models.DateTimeField(help_text="the last sign of the worker that has it", null=True),
                ),
                ("finished_at", models.DateTimeField(null=True)),
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
                        related_name="chunks",
                        to="media_jobs.video",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="VideoUpload",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("filename", models.CharField(max_length=255)),
                ("length", models.PositiveBigIntegerField(help_text="bytes of the whole file")),
                (
                    "received",
                    models.PositiveBigIntegerField(default=0, help_text="bytes that are stored; they count"),
                ),
                ("parts", models.JSONField(default=media_jobs.models.videos.no_parts)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("touched_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="VideoPreview",
            fields=[
                (
                    "video",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="preview",
                        serialize=False,
                        to="media_jobs.video",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("queued", "Queued"), ("ready", "Ready"), ("failed", "Failed")],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("progress", models.FloatField(default=0.0, help_text="0 to 1")),
                ("parts", models.JSONField(default=media_jobs.models.videos.no_parts)),
                ("stored_bytes", models.PositiveBigIntegerField(db_default=0, default=0)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("error_code", models.CharField(blank=True, default="", max_length=40)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("beat_at", models.DateTimeField(null=True)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(fields=["team", "-created_at", "-id"], name="video_newest_first"),
        ),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(fields=["team", "status", "-created_at", "-id"], name="video_by_status"),
        ),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(fields=["job"], name="video_by_job"),
        ),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(
                condition=models.Q(("status__in", ["fetching", "analyzing", "linking"])),
                fields=["created_at"],
                name="video_open",
            ),
        ),
        migrations.AddIndex(
            model_name="videochunk",
            index=models.Index(
                condition=models.Q(("status", "pending")), fields=["created_at"], name="video_chunk_pending"
            ),
        ),
        migrations.AddConstraint(
            model_name="videochunk",
            constraint=models.UniqueConstraint(fields=("video", "number"), name="video_chunk_once"),
        ),
        migrations.AddIndex(
            model_name="videoupload",
            index=models.Index(fields=["touched_at"], name="video_upload_by_age"),
        ),
        migrations.AddConstraint(
            model_name="videoupload",
            constraint=models.CheckConstraint(
                condition=models.Q(("received__lte", models.F("length"))), name="video_upload_within_length"
            ),
        ),
        migrations.AddIndex(
            model_name="videopreview",
            index=models.Index(
                condition=models.Q(("status", "queued")), fields=["created_at"], name="video_preview_queued"
            ),
        ),
    ]
