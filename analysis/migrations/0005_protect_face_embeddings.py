"""The fence between teams."""

from django.db import migrations

from accounts.row_security import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("analysis", "0004_add_face_embeddings")]

    operations = [ProtectRows("analysis_faceembedding")]
