"""Dialects: programs written for other services work against this one unchanged.

Each dialect translates requests and answers, nothing else; the work is done by the services of the apps
below.
"""
