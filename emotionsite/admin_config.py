"""The app of Django's admin, with our site in place of its own."""

from django.contrib.admin.apps import AdminConfig


class EmotionSiteAdminConfig(AdminConfig):
    default_site = "emotionsite.admin_site.EmotionSiteAdmin"
