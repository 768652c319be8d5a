#!/bin/sh
set -e
echo "starting $APP_NAME as $(id -un)" >&2
[ "${1#-}" = "$1" ] || set -- php "$@"
exec "$@"
