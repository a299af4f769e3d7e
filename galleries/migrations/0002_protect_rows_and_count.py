"""The fence between teams, and the count of enrolled faces and of the bytes of their crops.

The functions are those that count the faces and the bytes of photos.
"""

from django.db import migrations

from accounts.row_security import ProtectRows

COUNT = """
CREATE TRIGGER galleries_count_new_faces AFTER INSERT ON galleries_enrolledface
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION analysis_count_faces();
CREATE TRIGGER galleries_count_gone_faces AFTER DELETE ON galleries_enrolledface
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION analysis_count_faces();
CREATE TRIGGER galleries_count_new_bytes AFTER INSERT ON galleries_enrolledface
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION media_jobs_count_bytes();
CREATE TRIGGER galleries_count_changed_bytes AFTER UPDATE ON galleries_enrolledface
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION media_jobs_count_bytes();
CREATE TRIGGER galleries_count_gone_bytes AFTER DELETE ON galleries_enrolledface
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION media_jobs_count_bytes();
"""
NO_COUNT = """
DROP TRIGGER galleries_count_new_faces ON galleries_enrolledface;
DROP TRIGGER galleries_count_gone_faces ON galleries_enrolledface;
DROP TRIGGER galleries_count_new_bytes ON galleries_enrolledface;
DROP TRIGGER galleries_count_changed_bytes ON galleries_enrolledface;
DROP TRIGGER galleries_count_gone_bytes ON galleries_enrolledface;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("galleries", "0001_initial"),
        ("analysis", "0005_protect_face_embeddings"),
        ("media_jobs", "0003_protect_rows_and_count_bytes"),
    ]

    operations = [
        migrations.RunSQL(COUNT, NO_COUNT),
        ProtectRows(
            "galleries_gallery",
            "galleries_subject",
            "galleries_enrolledface",
            "galleries_temporaryface",
            "galleries_trainedstate",
            "galleries_searchvector",
            "galleries_unnamedperson",
            "galleries_facelabel",
            "galleries_facerejection",
            "galleries_galleryjob",
        ),
    ]
