"""Rows of the table for taking videos in, for their files and their uploads."""

from .rows import api, page

VIDEO_TABLE = [
    api("GET", "api_video_list", "read", other=200),
    # Of an upload of the first team: nobody else's video can be made of it.
    api("POST", "api_video_list", "analyze", ok=202),
    api("GET", "api_video", "read"),
    api("DELETE", "api_video", "analyze", ok=204),
    api("POST", "api_video_cancel", "analyze"),
    api("POST", "api_video_analyze", "analyze", ok=202),
    api("GET", "api_video_file", "read"),
    page("GET", "team_video_file", "read"),
    # --- Uploads --------------------------------------------------------------------------------
    api("GET", "api_upload_list", "read", other=200),
    api("POST", "api_upload_list", "analyze", ok=201, other=201),
    api("GET", "api_upload", "read"),
    api("PATCH", "api_upload", "analyze", ok=204),
    api("POST", "api_upload", "analyze", ok=204),
    api("DELETE", "api_upload", "analyze", ok=204),
    page("POST", "team_video_uploads", "analyze", ok=201, other=201),
    page("HEAD", "team_video_upload", "analyze"),
    page("PATCH", "team_video_upload", "analyze", ok=204),
    page("DELETE", "team_video_upload", "analyze", ok=204),
    page("POST", "team_video_upload_use", "analyze", ok=202),
]
