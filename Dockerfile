# pgmaskproxy: the proxy (6432), the approvals page and REST interface (8432), metrics and health (9432).
# Nothing secret is in a layer: configuration, policies and secrets are mounted (docker-compose.yml shows how).

FROM python:3.11-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml setup.py MANIFEST.in README.md CHANGELOG.md LICENSE ./
COPY pgmaskproxy pgmaskproxy
# pgmaskproxy/policies is a link to it.
COPY policies policies
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && python -m venv /opt/pgmaskproxy \
    && /opt/pgmaskproxy/bin/python -m pip install --no-cache-dir /wheels/*.whl \
    && /opt/pgmaskproxy/bin/pgmaskproxy --version | grep -w compiled

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 pgmaskproxy \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/pgmaskproxy \
        --shell /usr/sbin/nologin pgmaskproxy \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/pgmaskproxy
COPY --from=build /opt/pgmaskproxy /opt/pgmaskproxy
ENV PATH=/opt/pgmaskproxy/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STATE_DIRECTORY=/var/lib/pgmaskproxy \
    PGMASKPROXY_CONFIG=/etc/pgmaskproxy/config.yaml \
    PGMASKPROXY_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/pgmaskproxy
VOLUME /var/lib/pgmaskproxy
EXPOSE 6432 8432 9432
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9432/healthz', timeout=3)"]
ENTRYPOINT ["pgmaskproxy"]
CMD ["serve"]
