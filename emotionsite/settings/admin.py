"""The admin panel's look (django-unfold). Its colours are in static/css/admin.css."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "EmotionSite",
    "SITE_HEADER": "EmotionSite",
    "SITE_SUBHEADER": "Admin panel",
    "SITE_ICON": "emotionsite.admin_site.logo",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "emotionsite.admin_site.logo"},
    ],
    "STYLES": ["emotionsite.admin_site.style_sheet"],
    "SHOW_BACK_BUTTON": True,
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "emotionsite.admin_site.sidebar",
    },
    # A search over all models would answer from a cache; each list has its search, with the list's rights.
    "COMMAND": {"search_models": False, "show_history": False},
}
