"""What is read of a video, what is refused, and with which words."""

import builtins
import io
import struct
import time
from fractions import Fraction
from pathlib import Path

import av
import pytest
from pytest_django import Settings

from media_jobs.refusals import REFUSALS, Refusal
from media_jobs.tests.pictures import encoded, noise
from media_jobs.video.containers import FORMATS, View, open_video
from media_jobs.video.facts import VideoFacts, read_facts
from tests.videos import KINDS, cut_short, make_video, sound_only, spoilt, three_hours, without_cues

from .cases import NAMES, UNEVEN, content_of, file_of

STATE_NO_END = ("mpg", "ts", "m2v")


def facts_of(content: bytes) -> VideoFacts:
    return read_facts(io.BytesIO(content))


def code_of(content: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        facts_of(content)
    status, _ = REFUSALS[caught.value.code]
    assert caught.value.status == status
    assert "{" not in caught.value.message
    return caught.value.code


def small(kind: str, **options: object) -> bytes:
    size = (352, 288) if kind in ("3gp", "mpg", "m2v") else (160, 120)
    return make_video(kind=kind, size=size, fps=25, seconds=2, gop=12, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "container", "content_type", "extension", "codec", "shown"),
    [
        ("mp4", "mp4", "video/mp4", "mp4", "h264", True),
        ("mov", "mov", "video/quicktime", "mov", "h264", True),
        ("3gp", "3gp", "video/3gpp", "3gp", "mpeg4", False),
        ("webm", "webm", "video/webm", "webm", "vp8", True),
        ("mkv", "mkv", "video/x-matroska", "mkv", "h264", False),
        ("avi", "avi", "video/x-msvideo", "avi", "mpeg4", False),
        ("flv", "flv", "video/x-flv", "flv", "flv1", False),
        ("wmv", "wmv", "video/x-ms-wmv", "wmv", "wmv2", False),
        ("mpg", "mpeg", "video/mpeg", "mpg", "mpeg2video", False),
        ("ts", "mpeg", "video/mp2t", "ts", "h264", False),
        ("m2v", "mpeg", "video/mpeg", "mpg", "mpeg2video", False),
    ],
)
def test_every_container_is_told_by_its_content(
    kind: str, container: str, content_type: str, extension: str, codec: str, shown: bool
) -> None:
    facts = facts_of(small(kind, audio=kind != "m2v"))
    assert (facts.container, facts.content_type, facts.extension) == (container, content_type, extension)
    assert (facts.codec, facts.shown_by_browsers, facts.has_audio) == (codec, shown, kind != "m2v")


@pytest.mark.parametrize("name", NAMES)
def test_frames_and_length_are_those_of_the_file(name: str) -> None:
    facts = read_facts(file_of(name))
    if name == "variable rate":
        assert (facts.frame_count, facts.variable_rate) == (len(UNEVEN), True)
        assert facts.duration_ms == pytest.approx(UNEVEN[-1] - UNEVEN[0], abs=250)
        return
    # The edit list cuts out 15 frames, of 0.6 s.
    frames = 85 if "edit list" in name else 100
    assert (facts.frame_count, facts.duration_ms, facts.variable_rate) == (frames, frames * 40, False)
    assert facts.frame_rate == pytest.approx(25, abs=0.01)
    assert facts.keyframes_ms[0] == 0
    assert list(facts.keyframes_ms) == sorted(facts.keyframes_ms)


def test_facts_come_back_from_json() -> None:
    facts = facts_of(small("mp4"))
    assert VideoFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize(
    ("rotation", "size"), [(0, (160, 120)), (90, (120, 160)), (180, (160, 120)), (270, (120, 160))]
)
def test_a_phone_video_has_the_size_that_it_is_seen_with(rotation: int, size: tuple[int, int]) -> None:
    facts = facts_of(small("mp4", rotation=rotation))
    assert (facts.rotation, (facts.width, facts.height)) == (rotation, size)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(Fraction(4, 3), (213, 120)), (Fraction(1, 2), (160, 240)), (Fraction(90, 1), (160, 120))],
)
def test_pixels_that_are_not_square_are_stretched(aspect: Fraction, size: tuple[int, int]) -> None:
    facts = facts_of(small("mp4", aspect=aspect))
    assert (facts.width, facts.height) == size


def test_the_time_of_the_first_frame_in_a_player_is_told() -> None:
    early_sound = make_video(times_ms=tuple(range(500, 1500, 40)), audio=True, gop=12)
    assert facts_of(early_sound).player_offset_ms == pytest.approx(500, abs=50)
    assert facts_of(small("mp4")).player_offset_ms == 0


def test_ten_bit_h264_is_not_left_to_browsers() -> None:
    assert not facts_of(small("mp4", pixels="yuv420p10le")).shown_by_browsers


def test_three_hours_are_read_in_a_moment() -> None:
    content = three_hours()
    began = time.monotonic()
    facts = facts_of(content)
    assert time.monotonic() - began < 5
    assert (facts.duration_ms, facts.frame_count) == (3 * 3600 * 1000, 2700)


def test_a_longer_video_than_allowed_is_refused(settings: Settings) -> None:
    settings.MAX_VIDEO_SECONDS = 3 * 3600 - 100
    assert code_of(three_hours()) == "video_too_long"


def test_frames_of_more_pixels_than_allowed_are_refused(settings: Settings) -> None:
    settings.MAX_VIDEO_PIXELS = 160 * 120
    assert facts_of(small("mp4")).width == 160
    settings.MAX_VIDEO_PIXELS = 160 * 120 - 1
    assert code_of(small("mp4")) == "video_too_many_pixels"


def test_a_size_that_only_the_stream_itself_tells_is_held_to_the_limit(settings: Settings) -> None:
    """The container says 16 x 16, the pictures in it are larger."""
    content = bytearray(make_video(kind="avi", size=(320, 240), seconds=1))
    at = content.index(b"strf") + 8
    content[at + 4 : at + 12] = struct.pack("<II", 16, 16)
    settings.MAX_VIDEO_PIXELS = 300 * 200
    assert code_of(bytes(content)) == "video_too_many_pixels"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in STATE_NO_END])
@pytest.mark.parametrize("share", [0.97, 0.5])
def test_a_file_that_is_cut_off_is_refused(kind: str, share: float) -> None:
    assert code_of(cut_short(small(kind), share)) == "video_truncated"


def test_a_web_mp4_whose_index_came_whole_is_refused_when_cut() -> None:
    content = make_video(size=(160, 120), index_first=True)
    assert facts_of(content).frame_count == 20
    assert code_of(cut_short(content, 0.8)) == "video_truncated"


def test_fragments_are_refused_when_the_last_is_cut() -> None:
    assert code_of(cut_short(content_of("mp4 in fragments"), 0.8)) == "video_truncated"


def test_media_that_lacks_its_end_without_any_length_of_its_own_is_found_by_the_stated_length() -> None:
    """The box of the media says that it goes on to the end of the file, wherever that is."""
    content = bytearray(make_video(size=(160, 120), seconds=10, index_first=True))
    at = content.index(b"mdat") - 4
    content[at : at + 4] = bytes(4)
    assert facts_of(bytes(content)).frame_count == 100
    assert code_of(cut_short(bytes(content), 0.6)) == "video_truncated"


@pytest.mark.parametrize("kind", STATE_NO_END)
def test_a_stream_that_states_no_end_is_taken_as_far_as_it_goes(kind: str) -> None:
    whole, part = facts_of(small(kind)), facts_of(cut_short(small(kind), 0.6))
    assert 0.4 < part.frame_count / whole.frame_count < 0.8


def test_a_live_recording_is_whole_although_it_states_no_end() -> None:
    content = content_of("webm as recorded live")
    assert facts_of(content).duration_ms == 4000
    assert 1500 < facts_of(cut_short(content, 0.6)).duration_ms < 3500


def test_cues_are_not_needed() -> None:
    with_cues = content_of("webm with cues")
    assert facts_of(without_cues(with_cues)) == facts_of(with_cues)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "m2v"])
def test_sound_alone_is_no_video(kind: str) -> None:
    assert code_of(sound_only(kind)) == "video_no_stream"


def test_a_cover_picture_is_no_video() -> None:
    out = io.BytesIO()
    with av.open(io.BytesIO(sound_only("mp4")), "r") as read, av.open(out, "w", format="mp4") as written:
        sound = written.add_stream_from_template(read.streams.audio[0])
        cover = written.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        written.mux(cover.encode(av.VideoFrame(64, 48, "yuvj420p")))
        written.mux(cover.encode(None))
        for packet in read.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                written.mux(packet)
    assert code_of(out.getvalue()) == "video_no_stream"


def test_a_codec_that_is_not_read_is_named() -> None:
    with pytest.raises(Refusal, match="'ffv1'") as caught:
        facts_of(make_video(kind="mkv", codec="ffv1", size=(64, 48), seconds=1))
    assert caught.value.code == "video_codec_not_supported"


def test_a_codec_without_any_decoder_is_refused() -> None:
    content = small("mp4").replace(b"avc1", b"zzzz")
    assert code_of(content) == "video_codec_not_supported"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "HEIF"])
def test_a_picture_renamed_to_mp4_is_sent_to_the_photos(form: str) -> None:
    assert code_of(encoded(noise(64, 48), form)) == "video_is_a_picture"


def test_a_drawing_is_a_picture() -> None:
    assert code_of(b'<svg xmlns="http://www.w3.org/2000/svg"></svg>') == "video_is_a_picture"


@pytest.mark.parametrize(
    "text",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n",
        b"\xef\xbb\xbf#EXTM3U\nhttp://127.0.0.1/secret\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"file '/etc/hostname'\nfile 'other.mp4'\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5000 RTP/AVP 96\r\n",
        b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        b'<asx version="3.0"><entry><ref href="http://127.0.0.1/"/></entry></asx>',
        b"[playlist]\nFile1=http://127.0.0.1/\n",
        b"[Reference]\nRef1=http://127.0.0.1/\n",
        b"concat:/etc/hostname|/etc/passwd\n",
    ],
)
def test_a_playlist_that_names_other_files_is_refused(text: bytes) -> None:
    assert code_of(text) == "video_is_a_playlist"


@pytest.mark.parametrize(
    "content", [b"hello", bytes(9000), b"BMW is a car", b"%PDF-1.7\n", b"PK\x03\x04" + bytes(99)]
)
def test_anything_else_is_no_video(content: bytes) -> None:
    assert code_of(content) == "video_format_not_supported"


def test_nothing_is_no_video() -> None:
    assert code_of(b"") == "video_empty"


def test_a_video_without_a_frame_is_empty() -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        container.start_encoding()
    assert code_of(out.getvalue()) == "video_empty"


def test_headers_with_noise_behind_them_are_damaged() -> None:
    assert code_of(b"\x1a\x45\xdf\xa3" + bytes(300)) == "video_damaged"
    content = small("mp4")
    begin, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    assert code_of(content[:begin] + bytes(end - begin) + content[end:]) == "video_damaged"


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_bad_part_in_the_middle_does_not_lose_the_rest(kind: str) -> None:
    facts = facts_of(spoilt(small(kind)))
    assert 30 <= facts.frame_count <= 50
    # AVI counts frames, and those that are lost make it shorter.
    assert facts.duration_ms == pytest.approx(2000, abs=400 if kind == "avi" else 200)


def test_a_clock_that_jumps_back_is_refused() -> None:
    later = make_video(kind="ts", size=(160, 120), start_ms=60_000, gop=10)
    earlier = make_video(kind="ts", size=(160, 120), start_ms=0, gop=10)
    assert code_of(later + earlier) == "video_time_jumps"


def _with_external_media(path: str) -> bytes:
    """An MP4 whose media is said to be in another file (`dref` of type `url `, not self-contained)."""
    content = make_video(size=(160, 120), index_first=True)
    own = struct.pack(">I4sI", 12, b"url ", 1)
    name = path.encode() + b"\0"
    other = struct.pack(">I4sI", 12 + len(name), b"url ", 0) + name
    grown = len(other) - len(own)
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = content.index(box) - 4
        (length,) = struct.unpack(">I", content[at : at + 4])
        content = content[:at] + struct.pack(">I", length + grown) + content[at + 4 :]
    return content.replace(own, other, 1)


def test_nothing_but_the_file_itself_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(make_video(size=(160, 120)))
    opened: list[str] = []
    real = builtins.open

    def watched(file: str, *rest: object, **options: object) -> object:
        opened.append(str(file))
        return real(file, *rest, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "open", watched)
    before = secret.stat().st_atime_ns
    for path in (str(secret), f"file://{secret}", secret.name):
        container = open_video(io.BytesIO(_with_external_media(path)))
        assert container.open_files == {}
        container.close()
    assert opened == []
    assert secret.stat().st_atime_ns == before


def test_only_listed_demuxers_are_used() -> None:
    assert {form.demuxer for form in FORMATS} == {
        *("mov", "matroska", "avi", "flv", "asf", "mpeg", "mpegts", "mpegvideo")
    }


def test_two_views_of_a_file_do_not_move_each_other() -> None:
    file = io.BytesIO(b"0123456789")
    first, second = View(file), View(file)
    assert (first.read(3), second.read(2), first.read(2), second.seek(-1, io.SEEK_END)) == (
        b"012",
        b"01",
        b"34",
        9,
    )
    assert second.read() == b"9"
