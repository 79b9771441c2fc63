from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy import config, config_keys, config_peers
from pgmaskproxy.config import Config, find_config, load_config, policy_files, read_secret, state_directory
from pgmaskproxy.errors import ConfigError

HEADER = "apiVersion: pgmaskproxy/v1\nkind: Config\n"
UPSTREAM = "upstream: {user: proxy, databases: [shop]}\n"
SECRET = "hunter2-very-secret"


def write(directory: Path, text: str) -> Path:
    path = directory / "pgmaskproxy.yaml"
    path.write_text(HEADER + text)
    return path


def load(
    directory: Path, text: str = UPSTREAM, /, environ: dict[str, str] | None = None, **flags: str | int | bool
) -> Config:
    overrides = {name.replace("__", "."): value for name, value in flags.items()}
    return load_config(write(directory, text), {"HOME": "/h", **(environ or {})}, overrides)


def problems(directory: Path, text: str, environ: dict[str, str] | None = None, **flags: str | int | bool) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(directory, text, environ, **flags)
    return [str(problem).replace(str(directory), "D") for problem in caught.value.problems]


def test_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    found = load(tmp_path, environ={"STATE_DIRECTORY": "/state"})
    assert (found.listen.host, found.listen.port) == ("127.0.0.1", 6432)
    assert (found.web.port, found.metrics.port, found.upstream.port) == (8432, 9432, 5432)
    assert found.upstream.databases == {"shop": "shop"}
    assert found.upstream.password is None
    assert (found.state, found.audit.directory, found.keys.directory) == (
        "sqlite:////state/state.db",
        Path("/state/audit"),
        Path("/state/keys"),
    )
    assert (found.principals, found.policies) == (tmp_path / "principals.yaml", (tmp_path / "policies",))
    assert found.limits == config.Limits()
    assert (found.limits.connections, found.limits.statement_bytes, found.limits.row_bytes) == (500, 262144, 67108864)
    assert (found.limits.held_bytes, found.limits.held_requests, found.limits.login_seconds) == (1048576, 5, 10.0)
    assert found.hold.heartbeat == 15.0


def test_trust_and_where_its_pins_are(tmp_path: Path) -> None:
    found = load(tmp_path, environ={"STATE_DIRECTORY": "/state"})
    assert (found.trust.extensions, found.trust.functions) == ((), ())
    assert config.pins_path(found) == Path("/state/trust.lock")
    written = 'trust: {extensions: [citext, pg_trgm], functions: ["shop.f(integer, text)"], lock: pins.json}\n'
    found = load(tmp_path, UPSTREAM + written)
    assert found.trust.extensions == ("citext", "pg_trgm")
    assert found.trust.functions == ("shop.f(integer, text)",)
    assert config.pins_path(found) == tmp_path / "pins.json"
    environ = {
        "PGMASKPROXY_TRUST__EXTENSIONS": "citext,hstore",
        "PGMASKPROXY_TRUST__FUNCTIONS": "shop.f(integer, text); shop.g()",
    }
    found = load(tmp_path, UPSTREAM, environ)
    assert found.trust.extensions == ("citext", "hstore")
    assert found.trust.functions == ("shop.f(integer, text)", "shop.g()")


def test_everything_can_be_written(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
listen: {host: 0.0.0.0, port: 0}
upstream: {host: db, port: 5433, user: p, password: x, databases: {shop: shop_v2}, sslmode: disable, attestation: off}
policies: [a.yaml, /etc/b.yaml]
principals: who.yaml
state: sqlite:///s.db
audit: {directory: log}
keys: {directory: keys}
web: {port: 1, public_url: "https://approvals.example.com"}
metrics: {port: 2}
channels: {dba-hook: {kind: webhook, url: "https://x", secret: whsec_x, groups: [dba]}}
limits: {statement_bytes: 64KiB, row_bytes: 1 GiB, held_bytes: 12, login_seconds: 2m, names: 3}
hold: {heartbeat: 1m}
""",
    )
    assert found.upstream.databases == {"shop": "shop_v2"}
    assert found.policies == (tmp_path / "a.yaml", Path("/etc/b.yaml"))
    assert (found.audit.directory, found.keys.directory) == (tmp_path / "log", tmp_path / "keys")
    assert (found.limits.statement_bytes, found.limits.row_bytes, found.limits.held_bytes) == (65536, 1 << 30, 12)
    assert (found.limits.login_seconds, found.hold.heartbeat) == (120.0, 60.0)
    assert found.channels["dba-hook"].groups == ("dba",)


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    text = UPSTREAM + "listen: {port: 1, host: file}\n"
    environ = {"PGMASKPROXY_LISTEN__PORT": "2", "PGMASKPROXY_WEB__PORT": "4"}
    found = load(tmp_path, text, environ, listen__port=3)
    assert (found.listen.port, found.listen.host, found.web.port) == (3, "file", 4)
    assert load(tmp_path, text, environ).listen.port == 2


def test_lists_and_channels_from_the_environment(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_abc\n")
    secret.chmod(0o600)
    found = load(
        tmp_path,
        'upstream: {user: p}\nchannels: {dba-hook: {kind: webhook, url: "https://x"}}\n',
        {
            "PGMASKPROXY_UPSTREAM__DATABASES": "shop,hr",
            "PGMASKPROXY_POLICIES": "a.yaml,b.yaml",
            "PGMASKPROXY_CHANNELS__DBA_HOOK__SECRET_FILE": str(secret),
            "PGMASKPROXY_CHANNELS__DBA_HOOK__GROUPS": "dba,ops",
            "PGMASKPROXY_TOKEN": "not a setting",
            "PGMASKPROXY_LOG_LEVEL": "info",
        },
    )
    assert found.upstream.databases == {"shop": "shop", "hr": "hr"}
    assert found.policies == (tmp_path / "a.yaml", tmp_path / "b.yaml")
    key = found.channels["dba-hook"].secret
    assert key is not None
    assert key.get_secret_value() == "whsec_abc"
    assert found.channels["dba-hook"].groups == ("dba", "ops")


def test_libpqs_environment_is_for_the_upstream_and_comes_last(tmp_path: Path) -> None:
    environ = {"PGHOST": "h", "PGPORT": "7", "PGUSER": "u", "PGPASSWORD": SECRET, "PGDATABASE": "ignored"}
    found = load(tmp_path, "upstream: {databases: [shop]}\n", environ).upstream
    assert (found.host, found.port, found.user) == ("h", 7, "u")
    assert found.password is not None
    assert found.password.get_secret_value() == SECRET
    assert load(tmp_path, UPSTREAM, {**environ, "PGMASKPROXY_UPSTREAM__HOST": "mine"}).upstream.host == "mine"
    assert load(tmp_path, UPSTREAM, environ).upstream.user == "proxy"


def test_secrets_may_be_kept_elsewhere_and_are_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o640)
    for value in ("${file:secret}", f"${{file:{secret}}}", "${env:MY_SECRET}", SECRET):
        found = load(
            tmp_path, f'upstream: {{user: p, databases: [shop], password: "{value}"}}\n', {"MY_SECRET": SECRET}
        )
        assert found.upstream.password is not None
        assert found.upstream.password.get_secret_value() == SECRET
        assert SECRET not in repr(found) + str(found) + found.model_dump_json()


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    text = (
        f"upstream: {{user: p, databases: [shop], password: [{SECRET}]}}\n"
        f"channels: {{a: {{kind: webhook, url: {{x: {SECRET}}}, secret: 5, groups: {SECRET}}}}}\n"
    )
    found = problems(tmp_path, text, {"PGMASKPROXY_LISTEN__PORT": SECRET})
    assert len(found) >= 3
    assert SECRET not in "".join(found)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
def test_a_secret_that_everybody_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(mode)
    wanted = "secret: is a secret and everybody may read or write it (chmod o-rwx)"
    assert problems(tmp_path, "upstream: {user: p, databases: [shop], password: '${file:secret}'}\n") == [
        f"D/pgmaskproxy.yaml:3: D/{wanted}"
    ]
    (said,) = problems(tmp_path, UPSTREAM, {"PGMASKPROXY_UPSTREAM__PASSWORD_FILE": str(secret)})
    assert "PGMASKPROXY_UPSTREAM__PASSWORD_FILE: is a secret" in said
    assert SECRET not in said


def test_a_secrets_last_line_end_is_not_its(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    for content, wanted in (("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")):
        secret.write_bytes(content.encode())
        secret.chmod(0o600)
        assert read_secret(secret) == wanted


def test_every_problem_at_once_with_its_place(tmp_path: Path) -> None:
    text = """listen: {host: 127.0.0.1, port: 99999, tls: {cert: x}}
upstream:
  prot: 5
  password: ${env:NOPE}
  sslmode: prefer
  attestation: requird
  accept_role: [root]
  databases: []
trust: {extensions: [citext], functions: ["f(int)"]}
audit: {directory: x, checkpoint: {records: 1}}
state: postgresql://db
channels:
  teams: {kind: fax, url: "x", groups: []}
limits: {statement_bytes: 256KB, connections: 0}
hold: {heartbeat: soon}
lisen: {}
"""
    environ = {
        "PGMASKPROXY_WEB__PORT": "x",
        "PGMASKPROXY_WEP__PORT": "1",
        "PGMASKPROXY_UPSTREAM__PASSWORD_FILE": "/nowhere/at/all",
    }
    found = problems(tmp_path, text, environ, metrics__port="m")
    at = "D/pgmaskproxy.yaml:"
    later = "is not enforced by this version yet"
    assert [line.partition(" (")[0] for line in found] == [
        f'{at}3: "listen.port": input should be less than or equal to 65535',
        f'{at}3: "listen.tls.key" is missing',
        f'{at}4: "upstream.user" is missing',
        f'{at}5: unknown setting "upstream.prot"',
        f"{at}6: the environment has no NOPE",
        f"{at}7: \"upstream.sslmode\": input should be 'disable', 'require', 'verify-ca' or 'verify-full'",
        f"{at}8: \"upstream.attestation\": input should be 'required', 'preferred' or 'off'",
        f'{at}9: "upstream.accept_role.0": string should match pattern '
        "'^(superuser|createrole|replication|bypassrls|owner|pg_[a-z_]+)$'",
        f'{at}10: "upstream.databases": dictionary should have at least 1 item after validation, not 0',
        f"{at}11: \"trust.functions.0\": string should match pattern '^[^.()]+\\.[^()]+\\(.*\\)$'",
        f'{at}12: "audit.checkpoint" {later}',
        f"{at}13: \"state\": string should match pattern '^sqlite:///.+'",
        f'{at}15: "channels.teams.groups": tuple should have at least 1 item after validation, not 0',
        f"{at}15: \"channels.teams.kind\": input should be 'webhook', 'teams' or 'teams-legacy'",
        f'{at}16: "limits.connections": input should be greater than or equal to 1',
        f'{at}16: "limits.statement_bytes": must be a size like 65536, 256KiB or 64MiB',
        f'{at}17: "hold.heartbeat": must be a time like 30s, 15m or 2h',
        f'{at}18: unknown setting "lisen"',
        "/nowhere/at/all: PGMASKPROXY_UPSTREAM__PASSWORD_FILE: cannot be read: No such file or directory",
        '--metrics-port: "metrics.port": input should be a valid integer, unable to parse string as an integer',
        'PGMASKPROXY_WEB__PORT: "web.port": input should be a valid integer, unable to parse string as an integer',
        'PGMASKPROXY_WEP__PORT: unknown setting "wep"',
    ]
    hints = "".join(found)
    for hint in ('did you mean "port"?', 'did you mean "listen"?', 'did you mean "web"?', "not signed so far"):
        assert hint in hints


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("upstream: [\n", "D/pgmaskproxy.yaml:4: expected the node content"),
        ("listen: {port: 1, port: 2}\n" + UPSTREAM, 'D/pgmaskproxy.yaml:3: key "port" twice'),
        ("listen: 5\n" + UPSTREAM, 'D/pgmaskproxy.yaml:3: "listen": input should be a valid dictionary'),
        ("", '"upstream" is missing'),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, text: str, wanted: str) -> None:
    assert wanted in problems(tmp_path, text, {"PGMASKPROXY_LISTEN__HOST": "x"} if "listen: 5" in text else None)[0]


def test_a_wrong_header_a_missing_file_and_bad_bytes(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("kind: Policy\n" + UPSTREAM)
    with pytest.raises(ConfigError, match='"kind" must be "Config"'):
        load_config(path, {})
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "nothing.yaml", {})
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_config(path, {})


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert find_config(environ) in (None, Path("/etc/pgmaskproxy/config.yaml"))
    user = tmp_path / "xdg" / "pgmaskproxy" / "config.yaml"
    user.parent.mkdir(parents=True)
    user.write_text("")
    assert find_config(environ) == user
    Path("pgmaskproxy.yaml").write_text("")
    assert find_config(environ) == Path("pgmaskproxy.yaml")
    assert find_config({**environ, "PGMASKPROXY_CONFIG": "/x.yaml"}) == Path("/x.yaml")


def test_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"HOME": str(tmp_path), "PGUSER": "u", "PGMASKPROXY_UPSTREAM__DATABASES": "shop"}
    if find_config(environ) is None:
        assert load_config(None, environ).principals == tmp_path / "principals.yaml"


def test_state_is_systemds_or_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_directory({"STATE_DIRECTORY": "/a:/b"}) == Path("/a")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert state_directory({}) == Path("/var/lib/pgmaskproxy")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert state_directory({"XDG_STATE_HOME": "/s"}) == Path("/s/pgmaskproxy")
    assert state_directory({"HOME": "/h"}) == Path("/h/.local/state/pgmaskproxy")


def test_policies_are_files_or_directories_in_order(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    for name in ("b.yaml", "a.yaml", "a.test.yaml", "notes.txt"):
        (policies / name).write_text(name)
    (tmp_path / "z.yaml").write_text("z")
    found = policy_files(load(tmp_path, UPSTREAM + "policies: [z.yaml, policies]\n"))
    assert [(Path(name).name, text) for name, text in found] == [
        ("z.yaml", "z"),
        ("a.yaml", "a.yaml"),
        ("b.yaml", "b.yaml"),
    ]


def test_missing_policies_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError) as caught:
        policy_files(load(tmp_path, UPSTREAM + "policies: [a.yaml, empty, b.yaml]\n"))
    assert [Path(problem.file).name for problem in caught.value.problems] == ["a.yaml", "empty", "b.yaml"]


def test_every_setting_is_described() -> None:
    for model in (
        Config,
        config_peers.Listen,
        config_peers.ListenTls,
        config_peers.Upstream,
        config.Audit,
        config_keys.Keys,
        config_keys.KeySource,
        config.Web,
        config.Metrics,
        config.Channel,
        config.Limits,
        config.Hold,
    ):
        assert [name for name, field in model.model_fields.items() if not field.description] == []
