#!/bin/sh
# Makes or renews the environment; does nothing (in a tenth of a second) when it is up to date.
here=$(dirname "$0")
environment="$here/../.venv/bin/python"
if [ -x "$environment" ] && "$environment" "$here/setup.py" --check 2>/dev/null; then
    exit 0
fi
python=$("$here/python.sh") || exit 1
exec "$python" "$here/setup.py" "$@"
