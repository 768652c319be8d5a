#!/bin/sh
echo "hello from nothing"
