"""libpq's connection string for the proxy's own connections: the catalog's, the watch's, `check`'s."""

from __future__ import annotations

from psycopg.conninfo import make_conninfo

from pgmaskproxy.config_peers import Upstream
from pgmaskproxy.proxy.certificates import root_file


def conninfo(upstream: Upstream, database: str, application: str, *, seconds: int = 10) -> str:
    """To `database`, the server's name, as `application`, with the encryption that clients' connections have too.

    Raises ConfigError where the system's roots are wanted and it keeps none.
    """
    roots = root_file(upstream)
    encrypted = upstream.tls != "disable"
    return make_conninfo(
        host=upstream.host,
        port=upstream.port,
        user=upstream.user,
        password=upstream.password.get_secret_value() if upstream.password is not None else None,
        dbname=database,
        sslmode=upstream.tls,
        sslrootcert=str(roots) if roots is not None else None,
        sslcert=str(upstream.sslcert) if upstream.sslcert is not None else None,
        sslkey=str(upstream.sslkey) if upstream.sslkey is not None else None,
        sslnegotiation=upstream.sslnegotiation if encrypted else None,
        channel_binding=upstream.channel_binding if encrypted else None,
        gssencmode="disable",
        application_name=application,
        connect_timeout=seconds,
    )
