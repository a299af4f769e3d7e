#!/bin/sh
# Prints the path of a Python that EmotionSite's environment can be made with: 3.11 or newer.
# Every candidate is run, because a version manager leaves names on PATH that do not work.
for name in ${PYTHON_FOR_SETUP:-python3.11 python3.12 python3.13 python3.14 python3}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        command -v "$name"
        exit 0
    fi
done
echo "EmotionSite needs Python 3.11 or newer and found none: install it (Debian and Ubuntu: apt install python3" \
    "python3-venv; macOS: brew install python@3.11), then run make again." >&2
exit 1
