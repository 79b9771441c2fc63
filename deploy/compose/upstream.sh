#!/bin/sh
# Run once by the postgres image, after the shop is there: the proxy's own login gets its password.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname="$POSTGRES_DB" \
    --set=password="$(cat /run/secrets/upstream.password)" <<'SQL'
SET password_encryption = 'scram-sha-256';
SET log_statement = 'none';
ALTER ROLE pgmaskproxy PASSWORD :'password';
ALTER DATABASE shop SET search_path = shop;
SQL
