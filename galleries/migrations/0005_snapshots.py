"""Tables of snapshots, behind the fence between teams; two more kinds of jobs."""

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import pgvector.django.halfvec
from django.db import migrations, models

from accounts.row_security import ProtectRows


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_redact_mentions"),
        ("galleries", "0004_aliases_and_order"),
    ]

    operations = [
        migrations.AlterField(
            model_name="galleryjob",
            name="kind",
            field=models.CharField(
                choices=[
                    ("train", "Train"),
                    ("reembed", "Reembed"),
                    ("import", "Import"),
                    ("export", "Export"),
                    ("label", "Label"),
                    ("cluster", "Cluster"),
                    ("snapshot", "Snapshot"),
                    ("apply", "Apply"),
                ],
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="GallerySnapshot",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("source_id", models.UUIDField()),
                ("namespace", models.CharField(max_length=20)),
                ("name", models.CharField(max_length=128)),
                ("notes", models.TextField(blank=True, db_default="", default="", max_length=16384)),
                (
                    "holds",
                    models.CharField(choices=[("subjects", "Subjects"), ("faces", "Faces")], max_length=8),
                ),
                ("model", models.CharField(max_length=80)),
                ("model_sha256", models.CharField(max_length=64)),
                ("model_alias", models.CharField(blank=True, db_default="", default="", max_length=20)),
                ("threshold", models.FloatField(blank=True, null=True)),
                (
                    "quality_policy",
                    models.CharField(
                        choices=[
                            ("warn", "Enrol poor pictures and say why they are poor"),
                            ("refuse", "Refuse poor pictures"),
                        ],
                        max_length=6,
                    ),
                ),
                ("allow_duplicates", models.BooleanField(default=False)),
                ("erase_without_consent", models.BooleanField(default=True)),
                ("trained", models.BooleanField(default=False)),
                ("subject_count", models.PositiveIntegerField(default=0)),
                ("face_count", models.PositiveIntegerField(default=0)),
                (
                    "apply_scope",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                ),
                ("user_data", models.TextField(blank=True, db_default="", default="", max_length=16384)),
                ("ready", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("expires_at", models.DateTimeField()),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SnapshotSubject",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("subject_id", models.UUIDField(db_index=True)),
                ("name", models.CharField(max_length=128)),
                ("external_id", models.CharField(blank=True, db_default="", default="", max_length=128)),
                ("notes", models.TextField(blank=True, db_default="", default="", max_length=16384)),
                ("consent_by", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("consent_how", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("consent_at", models.DateTimeField(null=True)),
                ("consent_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(help_text="when the person was added to the gallery")),
                (
                    "snapshot",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subjects",
                        to="galleries.gallerysnapshot",
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
            name="SnapshotFace",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("face_id", models.UUIDField(db_index=True)),
                ("embedding", pgvector.django.halfvec.HalfVectorField()),
                ("left", models.FloatField(null=True)),
                ("top", models.FloatField(null=True)),
                ("width", models.FloatField(null=True)),
                ("height", models.FloatField(null=True)),
                ("picture_sha256", models.CharField(blank=True, db_default="", default="", max_length=64)),
                (
                    "quality",
                    models.CharField(
                        blank=True,
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")],
                        db_default="",
                        default="",
                        max_length=6,
                    ),
                ),
                (
                    "quality_reasons",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), blank=True, default=list, size=None
                    ),
                ),
                ("notes", models.TextField(blank=True, db_default="", default="", max_length=1024)),
                ("by_hand", models.BooleanField(default=False)),
                ("trained", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(help_text="when the face was enrolled in the gallery")),
                (
                    "snapshot",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="faces",
                        to="galleries.gallerysnapshot",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="faces",
                        to="galleries.snapshotsubject",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="gallerysnapshot",
            index=models.Index(fields=["expires_at"], name="snapshot_age"),
        ),
        migrations.AddIndex(
            model_name="gallerysnapshot",
            index=models.Index(fields=["source_id"], name="snapshot_by_source"),
        ),
        migrations.AddIndex(
            model_name="gallerysnapshot",
            index=django.contrib.postgres.indexes.GinIndex(fields=["apply_scope"], name="snapshot_by_scope"),
        ),
        migrations.AddIndex(
            model_name="snapshotsubject",
            index=models.Index(fields=["snapshot", "id"], name="snapshot_subject_in_order"),
        ),
        migrations.AddIndex(
            model_name="snapshotface",
            index=models.Index(fields=["snapshot", "trained", "id"], name="snapshot_face_in_order"),
        ),
        ProtectRows("galleries_gallerysnapshot", "galleries_snapshotsubject", "galleries_snapshotface"),
    ]
