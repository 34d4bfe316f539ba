#!/bin/sh
# As the official image: the first start makes the data folder and the database POSTGRES_DB, every start runs the server
# as the user postgres.
set -eu

if [ "$(id -u)" = 0 ]; then
    chown postgres:postgres "$PGDATA" /run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --clear-groups /bin/sh "$0" "$@"
fi
umask 077

first_start() {
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    initdb --auth=scram-sha-256 --username="$POSTGRES_USER" --pwfile=/tmp/password --encoding=UTF8 --locale=C.UTF-8 "$PGDATA"
    rm /tmp/password
    # What is reachable by the socket is this container only; the network asks for the password.
    printf 'local all all trust\nhost all all all scram-sha-256\n' >"$PGDATA/pg_hba.conf"
    printf "listen_addresses = '*'\n" >>"$PGDATA/postgresql.conf"
    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses='' -k /run/postgresql" start
    export PGHOST=/run/postgresql
    psql --set=ON_ERROR_STOP=1 --quiet --username="$POSTGRES_USER" --dbname=postgres --command="CREATE DATABASE $POSTGRES_DB"
    unset PGHOST
    pg_ctl -D "$PGDATA" -m fast -w stop
}

[ -s "$PGDATA/PG_VERSION" ] || first_start
exec "$@" -k /run/postgresql
