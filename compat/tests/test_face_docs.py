"""docs/moving-from-azure-face.md: what it promises is so, and what is so stands in it."""

import ast
import difflib
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cognitive_face
import pytest
import requests
from cognitive_face import util
from django.urls import Resolver404, resolve

from accounts.models import Scope
from compat.face_v1.attributes import ATTRIBUTES
from compat.face_v1.errors import _OF_SERVICES, ERRORS, kind_error, pascal, training_error
from compat.face_v1.kinds import KINDS, LARGE_FACE_LIST
from compat.face_v1.urls import urlpatterns
from emotionsite.api.catalogue import ERRORS as OF_SERVICES
from emotionsite.api.catalogue import codes_of
from emotionsite.errors import SENTENCES

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "moving-from-azure-face.md"
TEXT = PAGE.read_text(encoding="utf-8")
ID = "00000000-0000-4000-8000-000000000000"
METHODS = ("get", "post", "put", "patch", "delete")


def part(heading: str) -> str:
    """A section of the page, with those below it."""
    level, _, _ = heading.partition(" ")
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL
    )
    assert found, f"there is no {heading!r}"
    return found.group(1)


def rows_of(text: str) -> list[list[str]]:
    """The cells of all tables of a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    heads = {number - 1 for number, line in enumerate(lines) if re.fullmatch(r"[|\s:-]+", line)}
    return [row for number, row in enumerate(cells) if number not in heads and number - 1 not in heads]


# --- Two lines of code ----------------------------------------------------------------------------------
SNIPPETS: dict[str, str] = dict(
    re.findall(
        r"^### ([^\n]+)\n\n```diff\n(.*?)^```", part("## Two lines of code"), flags=re.MULTILINE | re.DOTALL
    )
)


def before_and_after(snippet: str) -> tuple[str, str]:
    lines = snippet.splitlines(keepends=True)
    return tuple(
        "".join(line[1:] for line in lines if line[0] in f" {sign}" or line == "\n") for sign in "-+"
    )  # type: ignore[return-value]


def test_each_language_that_is_promised_is_there() -> None:
    assert list(SNIPPETS) == [
        "Python: azure-cognitiveservices-vision-face",
        "Python: cognitive-face",
        "C#: Microsoft.Azure.CognitiveServices.Vision.Face",
        "JavaScript: @azure/cognitiveservices-face",
        "curl",
    ]


@pytest.mark.parametrize("name", SNIPPETS)
def test_two_lines_are_changed_the_endpoint_and_the_key(name: str) -> None:
    before, after = (text.splitlines() for text in before_and_after(SNIPPETS[name]))
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    gone, come = ([line[2:] for line in changes if line[0] == sign] for sign in "-+")
    assert (len(gone), len(come)) == (2, 2)
    assert "api.cognitive.microsoft.com" in gone[0]
    assert "https://faces.example.org" in come[0]
    assert "es_k3v7mqda_" in come[1]
    # Nothing else on these lines differs.
    assert [re.split(r"https|es_|\d{4}", line)[0] for line in gone] == [
        re.split(r"https|es_", line)[0] for line in come
    ]


class Sent(Exception):
    """A request that was about to leave."""


@pytest.fixture()
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which the snippets run."""
    (tmp_path / "photo.jpg").write_bytes(b"picture")
    monkeypatch.chdir(tmp_path)


@pytest.fixture()
def sent(photo: None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Requests of Python clients, none of which leaves."""
    found: list[Any] = []

    def send(session: requests.Session, request: Any, **options: Any) -> Any:
        found.append(request)
        raise Sent

    monkeypatch.setattr(requests.Session, "send", send)
    return found


@pytest.mark.parametrize("name", [name for name in SNIPPETS if name.startswith("Python")])
def test_the_python_snippets_ask_this_server_with_the_key(name: str, sent: list[Any]) -> None:
    before, after = before_and_after(SNIPPETS[name])
    ast.parse(before)
    try:
        with pytest.raises(Sent):
            exec(compile(after, str(PAGE), "exec"), {})  # noqa: S102
    finally:
        cognitive_face.BaseUrl.set(util.DEFAULT_BASE_URL)
        cognitive_face.Key.set(None)
    (request,) = sent
    address = urlsplit(request.url)
    assert (address.scheme, address.netloc) == ("https", "faces.example.org")
    assert request.headers["Ocp-Apim-Subscription-Key"] == "es_k3v7mqda_..."
    assert routed(request.method, address.path) == "face_detect"
    check_attributes(address.query)


def routed(method: str, path: str) -> str:
    """The name of the route that takes this."""
    match = resolve(path)
    assert hasattr(match.func.view_class, method.lower())  # type: ignore[attr-defined]
    return str(match.url_name)


def check_attributes(query: str) -> None:
    wanted = re.search(r"returnFaceAttributes=([\w%,]+)", query)
    assert wanted
    assert set(re.split(r",|%2C", wanted.group(1))) <= set(ATTRIBUTES)


def test_the_curl_snippet_asks_this_server_with_the_key(photo: None) -> None:
    _, after = before_and_after(SNIPPETS["curl"])
    # The shell says how curl would be called.
    shell = f'curl() {{ for word in "$@"; do printf "%s\\n" "$word"; done; }}\n{after}'
    words = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    address = urlsplit(words[-1])
    assert address.netloc == "faces.example.org"
    assert routed("POST", address.path) == "face_detect"
    check_attributes(address.query)
    assert "Ocp-Apim-Subscription-Key: es_k3v7mqda_..." in words
    assert {"Content-Type: application/octet-stream", "--data-binary", "@photo.jpg"} <= set(words)


def test_the_javascript_snippet_can_be_read() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    for text in before_and_after(SNIPPETS["JavaScript: @azure/cognitiveservices-face"]):
        run = subprocess.run([node, "--check", "-"], input=text, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr


def test_every_path_of_a_shell_example_is_routed() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    paths = [
        urlsplit(word.replace("$ENDPOINT", "")).path
        for block in blocks
        for word in shlex.split(block)
        if "/face/v1.0" in word
    ]
    assert len(paths) >= 2
    assert {routed("GET", path) for path in paths} == {"face_person_group", "face_person_group_persons"}


# --- Operations -----------------------------------------------------------------------------------------
def documented_routes() -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Name of a route -> methods with the right that each needs, and the path that is named for it."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for paths, methods, _ in rows_of(part("## All operations")):
        rights = set(re.findall(r"`([A-Z]+)` (\w+)", methods))
        for path in re.findall(r"`([^`]+)`", paths):
            name = str(resolve("/face/v1.0" + re.sub(r"\{\w+\}", ID, path)).url_name)
            assert name not in {known for known, _ in found}, path
            found[name, path] = rights
    return found


def test_every_operation_is_documented_with_its_path_and_the_right_it_needs() -> None:
    real = {
        str(pattern.name): {
            (method.upper(), right_of(pattern.callback.view_class, method.upper()))  # type: ignore[attr-defined]
            for method in METHODS
            if hasattr(pattern.callback.view_class, method)  # type: ignore[attr-defined]
        }
        for pattern in urlpatterns
        if pattern.name != "face_unknown"
    }
    assert {name: rights for (name, _), rights in documented_routes().items()} == real
    # Four addresses take a picture's bytes or its address, a fifth detects, and verify has two forms.
    assert sum(len(rights) for rights in real.values()) + 6 == 69


def right_of(view: Any, method: str) -> str:
    usual = Scope.READ if method == "GET" else Scope.ANALYZE
    return str(view.required_scopes.get(method, usual))


def test_a_path_that_is_none_would_be_noticed() -> None:
    assert resolve("/face/v1.0/persongroup").url_name == "face_unknown"
    with pytest.raises(Resolver404):
        resolve("/face/v1.1-preview/detect")


# --- Errors ---------------------------------------------------------------------------------------------
def error_rows(heading: str) -> list[list[str]]:
    return rows_of(part(heading))


def said_here() -> set[tuple[str, str, str]]:
    """Code, status and sentence of each row of the first table of errors."""
    rows = error_rows("## Errors")
    return {(row[0].strip("`"), row[1], row[2]) for row in rows if len(row) == 4}


def blanked(sentence: str) -> str:
    return re.sub(r"\{\w*\}", "…", sentence)


def test_every_error_of_the_table_is_documented_with_status_and_sentence() -> None:
    wanted = {(code, str(status), blanked(message)) for status, code, message in ERRORS.values()}
    assert wanted - said_here() == set()


def kind_rows() -> set[tuple[str, int, str]]:
    """Errors whose code begins with the kind of collection, with their statuses."""
    found = set()
    for kind in KINDS:
        errors = [
            kind_error(kind, "NotFound", 404),
            kind_error(kind, "NotFound", 400),
            kind_error(kind, "Exists", 409),
        ]
        if kind.trained:
            errors += [
                kind_error(kind, "NotTrained", 400),
                kind_error(kind, "NotTrained", 404),
                training_error(kind),
            ]
        found |= {(error.code, error.status, error.message) for error in errors}
    return found


def test_every_error_of_a_kind_of_collection_is_documented() -> None:
    said = {
        (code, int(status), message)
        for code, cell, message in said_here()
        for status in re.findall(r"\d{3}", cell)
        if code.startswith(("PersonGroup", "LargePersonGroup", "FaceList", "LargeFaceList"))
        and "BothN" not in code
        and code != "FaceListNotReady"
    }
    assert said == kind_rows()
    assert LARGE_FACE_LIST.trained


def test_no_error_is_documented_that_nothing_answers() -> None:
    real = {(code, blanked(message)) for _, code, message in ERRORS.values()}
    real |= {(code, message) for code, _, message in kind_rows()}
    assert {(code, message) for code, _, message in said_here()} == real


def passed_on() -> dict[str, str]:
    """Errors of the services that the dialect passes on in its own spelling, with their status."""
    return {
        row[0].strip("`"): row[1]
        for row in error_rows("### Errors of this server")
        if row[0].strip("`") not in ("Forbidden", "InvalidImageSize")
    }


def test_errors_that_only_this_server_has_are_those_of_its_services() -> None:
    services = {pascal(code): str(status) for code, (status, _) in OF_SERVICES.items()}
    assert {code: services.get(code) for code in passed_on()} == passed_on()
    # What is translated is not passed on.
    assert not set(passed_on()) & {pascal(code) for code in _OF_SERVICES}


#: What the native operations can answer and these cannot.
ELSEWHERE = {
    # Ways of asking that Face API does not have.
    *("compared_missing", "probe_missing", "face_source_missing", "picture_missing", "body_too_large"),
    *("photo_face_without_vector", "identity_switched_off", "subject_id_taken"),
    *("idempotency_in_progress", "idempotency_key_invalid", "idempotency_mismatch"),
    # Said by the frame of the native API; here it is BadArgument, Unspecified or ResourceNotFound.
    *("content_type_not_supported", "invalid", "not_acceptable", "not_authenticated", "not_found"),
    *("parameter_unknown", "method_not_allowed"),
    # A key is nobody with a second factor, and a kind of collection holds what it holds.
    *("mfa_required", "gallery_holds_faces", "gallery_holds_subjects"),
}
#: Translated with the kind of collection that was asked for.
OF_KINDS = {
    *("gallery_unknown", "gallery_key_taken", "gallery_not_trained", "gallery_training"),
    *("galleries_full", "gallery_people_full"),
}
NATIVE = [
    ("POST", "/api/v1/detect"),
    ("POST", "/api/v1/galleries"),
    ("PATCH", f"/api/v1/galleries/{ID}"),
    ("DELETE", f"/api/v1/galleries/{ID}"),
    ("POST", f"/api/v1/galleries/{ID}/subjects"),
    ("PATCH", f"/api/v1/galleries/{ID}/subjects/{ID}"),
    ("POST", f"/api/v1/galleries/{ID}/faces"),
    ("POST", f"/api/v1/galleries/{ID}/subjects/{ID}/faces"),
    ("DELETE", f"/api/v1/galleries/{ID}/faces/{ID}"),
    ("POST", f"/api/v1/galleries/{ID}/train"),
    ("POST", f"/api/v1/galleries/{ID}/identify"),
    ("POST", "/api/v1/galleries/verify"),
    ("POST", "/api/v1/galleries/find-similar"),
    ("POST", "/api/v1/galleries/group"),
]


def test_what_the_services_below_can_refuse_is_translated_or_documented() -> None:
    refused = {code for code, _ in SENTENCES.values()}
    for method, path in NATIVE:
        match = resolve(path)
        refused |= set(codes_of(match.func.view_class, method, addressed=bool(match.kwargs)))  # type: ignore[attr-defined]
    left = refused - set(_OF_SERVICES) - OF_KINDS - ELSEWHERE - {"forbidden"}
    assert {pascal(code) for code in left} - set(passed_on()) == set()
    assert ELSEWHERE - refused <= {"method_not_allowed"}


# --- Limits ---------------------------------------------------------------------------------------------
def test_the_limits_are_those_of_the_code() -> None:
    limits = {row[0]: row[1] for row in rows_of(part("## Limits"))}
    most = {kind.namespace: kind for kind in KINDS}
    groups, large = most["person_group"], most["large_person_group"]
    lists, large_lists = most["face_list"], most["large_face_list"]
    assert f"{groups.most:,} of each kind" in limits["person groups and large ones"]
    assert limits["persons"].startswith(f"{groups.most_persons:,} in")
    assert f"{large.most_persons:,}" in limits["persons"]
    assert groups.most == large.most
    assert limits["face lists and large ones"].startswith(f"{lists.most} of each kind")
    assert lists.most == large_lists.most
    assert limits["faces of a list"] == f"{lists.most_faces:,}, in a large one {large_lists.most_faces:,}"


def test_the_page_says_how_many_attributes_there_are() -> None:
    assert f"{len(ATTRIBUTES)} attributes" in part("## All operations")
