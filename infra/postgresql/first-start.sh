#!/bin/sh
# Run once by the database's image when its folder is empty: makes the database of this cell.
set -eu
psql --no-psqlrc --username=postgres --set=cell="$SKERRY_CELL" --set=password="$DATABASE_PASSWORD" --file=/skerry/cell.sql
