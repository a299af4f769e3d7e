"""The fence between teams for the faces of videos."""

from django.db import migrations

from accounts.row_security import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("analysis", "0006_add_videos")]

    operations = [ProtectRows("analysis_videoperson", "analysis_videotrack")]
