"""Runs EmotionSite and its embedded PostgreSQL and Valkey on one machine, without containers or root.

This package imports neither Django nor the engine: Django is started as child processes, so that a broken
setting or migration ends in a sentence instead of taking the supervisor down.
"""
