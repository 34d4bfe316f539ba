#!/bin/sh
# As the official image: the command is what runs.
exec "$@"
