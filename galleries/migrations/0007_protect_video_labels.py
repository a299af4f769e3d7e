"""The fence between teams for who the people of videos are."""

from django.db import migrations

from accounts.row_security import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("galleries", "0006_add_video_labels")]

    operations = [ProtectRows("galleries_videolabel")]
