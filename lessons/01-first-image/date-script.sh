#!/bin/sh
echo "Todays date is $(date)"
