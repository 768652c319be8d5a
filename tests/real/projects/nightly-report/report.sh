#!/bin/bash
# Not expanded here: $TEAM
printf '%s\n' "the figures: $(< /srv/sum)" "$(sort /srv/names)"
