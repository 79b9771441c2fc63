#!/bin/sh
# Makes what docker-compose.yml's services log in with, once: a file each, readable by who needs it and nobody else.
#   setup.sh DIRECTORY
# Owners: 999 is the postgres image's user, 10001 ours, 472 Grafana's.
set -eu
directory=$1
umask 077
cd "$directory"
if [ ! -e masking.keys ]; then
    # Root's, and ours to read. Never made again: what it made would be read by nobody.
    pgmaskproxy key generate --file masking.keys
    chmod 0440 masking.keys
    chown 0:10001 masking.keys
fi
if [ -f complete ]; then
    echo "the secrets are there already"
    exit 0
fi
rm -f ./*.password principals.yaml

secret() {
    python -c 'import secrets; print(secrets.token_urlsafe(18), end="")' >"$1.password"
}

for name in postgres upstream agent alice bob grafana; do
    secret "$name"
done

printf 'apiVersion: pgmaskproxy/v1\nkind: Principals\n' >principals.yaml
for person in alice bob; do
    pgmaskproxy user add --person "$person" --group dba --password-stdin --write --principals principals.yaml \
        <"$person.password"
done
# alice answers for the agent, so bob has to approve what it asks.
pgmaskproxy user add agent --owner alice --group agents --password-stdin --write --principals principals.yaml \
    <agent.password

chmod 0440 ./*.password principals.yaml
chown 999:999 postgres.password
chown 999:10001 upstream.password
chown 10001:10001 agent.password alice.password bob.password principals.yaml
chown 472:472 grafana.password
: >complete
chmod 0755 .
echo "made: passwords of the agent, of alice and bob, of the proxy's own login, the file of principals, the key of masks"
