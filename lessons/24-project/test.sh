#!/bin/sh
# test.sh OUT: looks whether each page has a title.
for page in "$1"/*.html; do
  if grep -q '<title></title>' "$page"; then
    echo "$page has no title"
    exit 1
  fi
done
echo "all pages have titles"
