#!/bin/sh
# build.sh PAGES OUT: makes an HTML page of each text.
set -e
mkdir -p "$2"
for page in "$1"/*.txt; do
  title=$(sed -n '1s/^# //p' "$page")
  {
    echo "<!DOCTYPE html><title>$title</title><h1>$title</h1>"
    sed -e 1d -e '/./s/.*/<p>&<\/p>/' "$page"
  } > "$2/$(basename "$page" .txt).html"
done
