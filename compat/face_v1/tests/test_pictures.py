"""Which pictures the dialect takes: formats, sizes, addresses; and what it says of the others."""

import io
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from PIL import Image
from pytest_django import Settings

from compat.face_v1.detect import rectangle_of
from compat.face_v1.errors import ERRORS, FaceError, of_refusal
from conftest import People
from emotionsite import fetching
from emotionsite.fetching import refusals as fetching_refusals
from emotionsite.tests.local_servers import LocalServer, Request, answer, serving
from media_jobs.containers import first_frame_of_gif, frame_count_of_gif
from media_jobs.tests.pictures import encoded, noise
from tests.fakes import EngineWithoutNets

from .detect_helpers import PICTURE, Refused, answer_with, as_file, of_size, pictures_used
from .helpers import Program

SMALLEST, LARGEST = 1024, 6_291_456
DECODING = ERRORS["image_broken"][2].format(why="").strip()
DOWNLOAD = "Failed to download image from the specified URL."
REMOTE = f"{DOWNLOAD} Remote server error returned."
BAD_URL = "Invalid image format or URL. Supported formats include JPEG, PNG, GIF(the first frame) and BMP."


@pytest.fixture()
def looking() -> EngineWithoutNets:
    """Finds one face in every picture, and remembers the sizes of what it saw."""
    return EngineWithoutNets()


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, looking: EngineWithoutNets) -> list[dict[str, Any]]:
    return answer_with(monkeypatch, looking)


def detect(program: Program, content: bytes, **options: Any) -> Any:
    return program.picture("/detect", content, returnFaceId="false", **options)


def detect_url(program: Program, url: Any) -> Any:
    return program.post("/detect", {"url": url}, returnFaceId="false")


# --- Formats --------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP"])
def test_the_four_formats_are_taken(program: Program, looking: EngineWithoutNets, form: str) -> None:
    answered = detect(program, encoded(noise(160, 120), form))
    assert answered.status_code == 200, answered.content
    assert answered.json() == [{"faceRectangle": {"width": 80, "height": 60, "left": 40, "top": 30}}]
    assert looking.seen == [(160, 120)]


@pytest.mark.parametrize("form", ["WEBP", "HEIF", "TIFF", "ICO", "PPM"])
def test_other_formats_of_pictures_are_refused(refused: Refused, program: Program, form: str) -> None:
    content = of_size(20_000, encoded(noise(60, 40), form))
    assert refused(lambda: detect(program, content), 400, "InvalidImage") == DECODING


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'>" + b" " * 2000 + b"</svg>",
        b"%PDF-1.7" + b"x" * 2000,
        b"hello " * 400,
        b"\0" * 2000,
    ],
    ids=["svg", "pdf", "text", "zeros"],
)
def test_what_is_no_picture_is_refused(refused: Refused, program: Program, content: bytes) -> None:
    assert refused(lambda: detect(program, content), 400, "InvalidImage") == DECODING


def cut_in_half() -> bytes:
    content = encoded(noise(200, 150), "JPEG")
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    "content",
    [
        cut_in_half(),
        b"\xff\xd8\xff" + encoded(noise(200, 150), "JPEG")[3:40] + b"\xff" * 4000,
        b"\xff\xd8\xff\xe0" + b"\0" * 4000,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 4000,
        PICTURE[: len(PICTURE) // 2],
        b"GIF89a" + b"\xff" * 4000,
        encoded(noise(60, 40), "GIF")[:1500],
        encoded(noise(60, 40), "BMP")[:2000],
        b"BM" + b"\xff" * 4000,
        encoded(noise(15, 300), "PNG"),
    ],
    ids=[
        *("jpeg-half", "jpeg-header", "jpeg-zeros", "png-zeros", "png-half", "gif-noise", "gif-half"),
        *("bmp-half", "bmp-noise", "narrow"),
    ],
)
def test_a_broken_picture_is_no_fault_of_the_server(
    refused: Refused, program: Program, content: bytes
) -> None:
    assert refused(lambda: detect(program, content), 400, "InvalidImage").startswith(DECODING)


def test_a_picture_of_too_many_pixels_is_refused(refused: Refused, program: Program) -> None:
    content = encoded(Image.new("L", (8000, 7000)), "PNG")
    message = refused(lambda: detect(program, content), 400, "InvalidImage")
    assert message.startswith(DECODING)
    assert "megapixels" in message


def test_the_picture_is_turned_upright_before_it_is_looked_at(
    program: Program, looking: EngineWithoutNets
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert detect(program, encoded(noise(60, 40), "JPEG", exif=exif)).status_code == 200
    assert looking.seen == [(40, 60)]


# --- Animations -----------------------------------------------------------------------------------
def animation(frames: int) -> bytes:
    """A GIF whose first picture is red and all others are blue."""
    red, blue = Image.new("P", (32, 32), 1), Image.new("P", (32, 32), 2)
    for image in (red, blue):
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    # Two that differ in one place, so that the writer joins none of them.
    other = blue.copy()
    other.putpixel((0, 0), 0)
    rest = [(blue, other)[number % 2] for number in range(frames - 1)]
    return as_file(red, "GIF", save_all=True, append_images=rest, duration=20)


class Colours(EngineWithoutNets):
    """Remembers the colour in the middle of every picture."""

    def _answer(self, picture: Image.Image) -> Any:
        self.colours = picture.getpixel((16, 16))
        return super()._answer(picture)


@pytest.mark.parametrize("frames", [3, 1000, 1001, 3000])
def test_of_a_gif_the_first_frame_counts_however_many_follow(
    program: Program, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    engine = Colours()
    answer_with(monkeypatch, engine)
    content = of_size(max(SMALLEST, len(animation(frames))), animation(frames))
    answered = detect(program, content)
    assert answered.status_code == 200, answered.content
    assert engine.colours == (255, 0, 0)


def test_the_native_api_still_refuses_a_long_animation(program: Program) -> None:
    headers = {"Authorization": f"Bearer {program.key}"}
    answered = program.send(
        "POST", "/api/v1/detect", content=animation(1001), kind="image/gif", base="", headers=headers
    )
    assert (answered.status_code, answered.json()["code"]) == (422, "too_many_frames")


def test_a_gif_is_cut_after_its_first_frame_and_a_single_one_is_left_as_it_is() -> None:
    one, many = animation(1), animation(5)
    assert first_frame_of_gif(one) == one
    cut = first_frame_of_gif(many)
    assert frame_count_of_gif(io.BytesIO(cut), 10) == 1
    assert many.startswith(cut[:-1])
    assert len(cut) < len(many)
    for end in range(0, len(many), 7):
        # Whatever is missing, it comes back a beginning of what there was.
        assert many.startswith(first_frame_of_gif(many[:end]).removesuffix(b";"))


# --- Sizes ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [0, 1, SMALLEST - 1])
def test_less_than_a_kilobyte_is_too_small(refused: Refused, program: Program, size: int) -> None:
    content = as_file(Image.new("L", (20, 20)), "PNG").ljust(SMALLEST, b"\0")[:size]
    # Said by hand: the test client leaves it out where there is no body.
    kind = {"Content-Type": "application/octet-stream"}
    assert refused(lambda: detect(program, content, headers=kind), 400, "InvalidImageSize") == (
        "Image size is too small. The valid image file size should be larger than or equal to 1KB."
    )


def test_more_than_six_megabytes_are_too_large(refused: Refused, program: Program) -> None:
    content = of_size(LARGEST + 1, PICTURE)
    assert refused(lambda: detect(program, content), 400, "InvalidImageSize") == (
        "Image size is too big. The valid image file size should be no larger than 6MB."
    )


@pytest.mark.parametrize("size", [SMALLEST, LARGEST])
def test_the_sizes_at_the_limits_are_taken(program: Program, size: int) -> None:
    small = as_file(Image.new("L", (20, 20)), "PNG")
    assert detect(program, of_size(size, small)).status_code == 200


# --- Addresses ------------------------------------------------------------------------------------
Reply = Callable[[Request, socket.socket, LocalServer], None]


def reply_with(data: bytes) -> Reply:
    return lambda request, connection, server: connection.sendall(data)


@pytest.fixture()
def open_here(settings: Settings) -> None:
    """The operator lets this machine be fetched from."""
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]


@pytest.mark.usefixtures("open_here")
def test_a_picture_is_fetched_from_an_address(people: People, program: Program) -> None:
    with serving(reply_with(answer(PICTURE, headers={"Content-Type": "text/plain"}))) as server:
        answered = detect_url(program, f" {server.url}/a.png\n")
        assert answered.status_code == 200, answered.content
        assert len(answered.json()) == 1
        assert [request.path for request in server.requests] == ["/a.png"]
    assert pictures_used(people.team) == 1


@pytest.mark.usefixtures("open_here")
def test_the_name_of_the_field_counts_in_any_letter_case_and_what_is_not_known_does_not(
    program: Program,
) -> None:
    with serving(reply_with(answer(PICTURE))) as server:
        body = {"URL": server.url, "more": [1, 2]}
        assert program.post("/detect", body, returnFaceId="false").status_code == 200


@pytest.mark.usefixtures("open_here")
@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (answer(status="404 Not Found"), "InvalidURL", REMOTE),
        (answer(status="500 Oops"), "InvalidURL", REMOTE),
        (answer(status="204 No Content"), "InvalidImageSize", "Image size is too small."),
        (b"this is not HTTP\r\n\r\n", "InvalidURL", REMOTE),
        (answer(PICTURE)[:-100], "InvalidURL", REMOTE),
        (answer(status="302 Found", headers={"Location": "/again"}), "InvalidURL", REMOTE),
        (answer(status="302 Found", headers={"Location": "http://10.0.0.1/a"}), "InvalidURL", DOWNLOAD),
        (answer(status="302 Found", headers={"Location": "ftp://a.example/a"}), "InvalidURL", BAD_URL),
        (answer(b"<html>" + b"x" * 2000), "InvalidURL", BAD_URL),
        (answer(encoded(noise(60, 40), "WEBP")), "InvalidURL", BAD_URL),
        (answer(PICTURE[:1000]), "InvalidImageSize", "Image size is too small."),
        (answer(of_size(LARGEST + 1, PICTURE)), "InvalidImageSize", "Image size is too big."),
        (answer(cut_in_half()), "InvalidImage", DECODING),
    ],
    ids=[
        *("404", "500", "204", "no-http", "broken-off", "loop", "leads-inside", "leads-to-ftp", "html"),
        *("webp", "small", "large", "half"),
    ],
)
def test_what_an_address_answers_wrongly_is_said_in_the_words_of_the_table(
    refused: Refused, program: Program, data: bytes, code: str, message: str
) -> None:
    with serving(reply_with(data)) as server:
        assert refused(lambda: detect_url(program, f"{server.url}/a"), 400, code).startswith(message)


@pytest.mark.usefixtures("open_here")
def test_an_address_that_drips_is_given_up_while_time_is_left(
    refused: Refused, program: Program, settings: Settings
) -> None:
    settings.DETECT_DEADLINE_SECONDS = 0.5

    def drip(request: Request, connection: socket.socket, server: LocalServer) -> None:
        connection.sendall(answer(PICTURE)[:200])
        server.over.wait(5)

    with serving(drip) as server:
        message = refused(lambda: detect_url(program, server.url), 400, "InvalidURL")
    assert message.startswith(REMOTE)
    assert "0.4 seconds" in message


@pytest.mark.usefixtures("open_here")
def test_an_address_where_nobody_answers(refused: Refused, program: Program) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.png"
        assert refused(lambda: detect_url(program, url), 400, "InvalidURL").startswith(REMOTE)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org/a.png", "example.org/a.png", "file:///etc/passwd", "http://", "http://a b/"),
        *("javascript:1", "http://user:word@example.org/a", "http://example.org:99999/", "http://[::1/"),
        "http://example.org/" + "a" * 5000,
    ],
)
def test_what_is_no_address_is_refused(refused: Refused, program: Program, url: str) -> None:
    assert refused(lambda: detect_url(program, url), 400, "InvalidURL") == BAD_URL


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/a.png", "http://169.254.169.254/latest/meta-data", "http://localhost/a"),
        *("http://[::1]/a", "http://2130706433/", "http://10.0.0.1:22/"),
    ],
)
def test_an_address_inside_the_network_is_refused_and_the_message_says_so(
    refused: Refused, program: Program, url: str
) -> None:
    message = refused(lambda: detect_url(program, url), 400, "InvalidURL")
    assert message.startswith(f"{DOWNLOAD} This server does not fetch from that address: ")


@pytest.mark.parametrize("code", sorted(fetching.REFUSALS))
def test_every_refusal_of_the_fetcher_has_an_answer_of_the_table(code: str) -> None:
    figures = {"host": "a.example", "why": "so", "limit": 5, "status": 404, "seconds": 8.0}
    said: FaceError = of_refusal(fetching_refusals.refuse(code, **figures), None)
    assert (said.status, said.code) == (
        400,
        "InvalidImageSize" if code == "url_too_large" else "InvalidURL",
    )


@pytest.mark.parametrize("url", [None, "", 5, ["http://a.example"], {"url": 1}, "a\x00b", "http://\ud83d/"])
def test_an_address_has_to_be_a_text(refused: Refused, program: Program, url: Any) -> None:
    message = refused(lambda: detect_url(program, url), 400, "BadArgument")
    assert message.startswith("Request body is invalid.")
    assert "'url'" in message


# --- Rectangles -----------------------------------------------------------------------------------
@pytest.mark.parametrize("left", [0.0, 0.49, 1.5, 2.5, 3.5, 3.51])
def test_a_rectangle_ends_where_the_picture_does(left: float) -> None:
    box = {"left": left, "top": left, "width": 101 - left, "height": 41 - left}
    rectangle = rectangle_of(box)
    assert rectangle["left"] + rectangle["width"] == 101
    assert rectangle["top"] + rectangle["height"] == 41
    assert {type(value) for value in rectangle.values()} == {int}


def test_a_rectangle_is_never_empty() -> None:
    assert rectangle_of({"left": 5.2, "top": 5.2, "width": 0.1, "height": 0.1}) == {
        "width": 1,
        "height": 1,
        "left": 5,
        "top": 5,
    }
