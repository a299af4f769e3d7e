"""The four collections of Face API: groups of persons and lists of faces, each also as a large one."""

from dataclasses import dataclass

from galleries.models import Gallery


@dataclass(frozen=True)
class Kind:
    """A kind of collection, each of which is a gallery in its namespace.

    `code` begins the codes of its errors, `word` its sentences, `field` names its id in JSON, `path` its
    address. `most`, `most_persons`, `most_faces` are the limits of Face API: of these in a team, of persons
    and of faces in one (None: no limit). `trained` says whether it has to be trained before it is asked.
    """

    namespace: str
    code: str
    word: str
    field: str
    path: str
    holds: str
    trained: bool
    most: int
    most_persons: int = 0
    most_faces: int | None = None


PERSON_GROUP = Kind(
    namespace="person_group",
    code="PersonGroup",
    word="Person group",
    field="personGroupId",
    path="persongroups",
    holds=Gallery.Holds.SUBJECTS,
    trained=True,
    most=1_000_000,
    most_persons=10_000,
)
LARGE_PERSON_GROUP = Kind(
    namespace="large_person_group",
    code="LargePersonGroup",
    word="Large person group",
    field="largePersonGroupId",
    path="largepersongroups",
    holds=Gallery.Holds.SUBJECTS,
    trained=True,
    most=1_000_000,
    most_persons=1_000_000,
)
FACE_LIST = Kind(
    namespace="face_list",
    code="FaceList",
    word="Face list",
    field="faceListId",
    path="facelists",
    holds=Gallery.Holds.FACES,
    trained=False,
    most=64,
    most_faces=1_000,
)
LARGE_FACE_LIST = Kind(
    namespace="large_face_list",
    code="LargeFaceList",
    word="Large face list",
    field="largeFaceListId",
    path="largefacelists",
    holds=Gallery.Holds.FACES,
    trained=True,
    most=64,
    most_faces=1_000_000,
)
KINDS = (PERSON_GROUP, LARGE_PERSON_GROUP, FACE_LIST, LARGE_FACE_LIST)
