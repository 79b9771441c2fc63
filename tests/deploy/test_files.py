"""The container and service files agree with the code and with each other. No engine runs here: they are read."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from argon2 import PasswordHasher

from pgmaskproxy.config import load_config
from pgmaskproxy.keyring.document import read_document
from pgmaskproxy.keyring.file import read_file
from pgmaskproxy.keyring.source import Source
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.policy.principals import load_principals

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
UNIT = DEPLOY / "systemd" / "pgmaskproxy.service"
USER = "10001"


@cache
def compose() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest), lines that go on joined, comments dropped."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word
    ]


def named(word: str) -> list[str]:
    return [rest for found, rest in instructions() if found == word]


# -- the image --------------------------------------------------------------------------------------------------


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    sources = [each for rest in named("COPY") if "--from" not in rest for each in rest.split()[:-1]]
    assert {"pyproject.toml", "setup.py", "pgmaskproxy", "policies"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source
    assert ignored[0] == "*", "everything else stays out: .git, .venv, secrets"
    assert any(fnmatch("pgmaskproxy/x.so", each) for each in ignored)


def test_what_the_build_needs_is_copied() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    copied = " ".join(named("COPY"))
    for name in (build["readme"], *build["license-files"]):
        assert name in copied, name
    for link in (path for path in (ROOT / "pgmaskproxy").iterdir() if path.is_symlink()):
        assert link.resolve().name in copied, link


def test_it_runs_as_a_fixed_user_without_root_and_without_secrets() -> None:
    assert named("USER") == [f"{USER}:{USER}"]
    assert [each for each, _ in instructions()].index("USER") > DOCKERFILE.count("FROM")
    assert not named("ARG")
    assert not re.search(r"(?i)password|secret|token", " ".join(named("ENV") + named("RUN")))
    assert named("ADD") == []


def test_its_commands_exist() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    (entry,) = (json.loads(rest) for rest in named("ENTRYPOINT"))
    (command,) = (json.loads(rest) for rest in named("CMD"))
    assert entry[0] in scripts
    assert _pgmaskproxy(*command, "--help").returncode == 0
    # The build fails where nothing was compiled: this is the word it looks for.
    assert "grep -w compiled" in DOCKERFILE
    said = _pgmaskproxy("--version").stdout
    assert re.search(r"\b(compiled|interpreted)\b", said), said


def test_its_health_check_is_on_the_metrics_port() -> None:
    (rest,) = named("HEALTHCHECK")
    assert "127.0.0.1:9432/healthz" in rest
    probe = json.loads(rest.partition("CMD ")[2])
    compile(probe[2], "HEALTHCHECK", "exec")
    assert set(named("EXPOSE")[0].split()) == {"6432", "8432", "9432"}


# -- compose ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(compose()["services"]))
def test_every_service_is_hardened(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service["healthcheck"]
    # Either by the compose file, or by the image: ours is.
    assert service.get("user", f"{USER}:{USER}").split(":")[0] != "0" or name == "setup"
    assert not [key for key, value in service.get("environment", {}).items() if "PASSWORD" in key and "FILE" not in key]
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:"), "nothing is published beyond this machine"


def test_the_one_that_is_root_has_no_network_and_may_only_give_files_away() -> None:
    setup = compose()["services"]["setup"]
    assert (setup["network_mode"], setup["cap_add"], setup["restart"]) == ("none", ["CHOWN"], "no")


def test_what_is_mounted_is_there() -> None:
    volumes = compose()["volumes"]
    for name, service in compose()["services"].items():
        for mount in service.get("volumes", ()):
            source, target, *mode = mount.split(":")
            assert target.startswith("/"), mount
            if source.startswith("./"):
                assert (ROOT / source).exists(), mount
                assert mode == ["ro"], mount
            else:
                assert source in volumes, mount
            if source == "secrets" and name != "setup":
                assert mode == ["ro"], mount


def test_services_wait_for_what_they_need_and_reach_it() -> None:
    services = compose()["services"]
    waits = {
        (name, other, how["condition"])
        for name, s in services.items()
        for other, how in s.get("depends_on", {}).items()
    }
    assert ("proxy", "postgres", "service_healthy") in waits
    assert ("proxy", "setup", "service_completed_successfully") in waits
    assert ("prometheus", "proxy", "service_healthy") in waits
    assert ("grafana", "prometheus", "service_healthy") in waits
    for name, other, _ in waits:
        assert other == "setup" or set(services[name]["networks"]) & set(services[other]["networks"]), (name, other)
    assert services["postgres"]["networks"] == ["upstream"]
    assert compose()["networks"]["upstream"]["internal"] is True
    assert "ports" not in services["postgres"], "nobody reaches it but through the proxy"


def test_the_configuration_is_right_and_its_ports_are_the_published_ones(tmp_path: Path) -> None:
    text = (DEPLOY / "compose" / "config.yaml").read_text(encoding="utf-8")
    secret = tmp_path / "upstream.password"
    secret.touch(mode=0o600)
    secret.write_text("x")
    assert "${file:/run/secrets/upstream.password}" in text
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("/run/secrets/upstream.password", str(secret)))
    config = load_config(path, {})
    published = {port.split(":")[-1] for port in compose()["services"]["proxy"]["ports"]}
    assert {str(config.listen.port), str(config.web.port)} == published
    assert config.upstream.host in compose()["services"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["static_configs"][0]["targets"] == [f"proxy:{config.metrics.port}"]
    assert config.principals == Path("/run/secrets/principals.yaml")
    assert Source(config.keys).file == Path("/run/secrets/masking.keys")
    state = "/var/lib/pgmaskproxy"
    assert config.state.startswith(f"sqlite:///{state}/")
    assert config.audit.directory.is_relative_to(state)
    assert f"state:{state}" in compose()["services"]["proxy"]["volumes"], "all that it writes is in a volume"
    assert config.web.public_url == f"http://127.0.0.1:{config.web.port}"


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
def test_the_secrets_are_made_once_and_whoever_needs_one_can_read_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    call = ["sh", str(DEPLOY / "compose" / "setup.sh"), str(tmp_path)]
    subprocess.run(call, env=environment, check=True, capture_output=True)
    made = {path.name: path for path in tmp_path.iterdir()}
    owners = {name: path.stat().st_uid for name, path in made.items()}
    users = {name: int(s["user"].split(":")[0]) for name, s in compose()["services"].items() if "user" in s}
    assert owners["postgres.password"] == owners["upstream.password"] == users["postgres"]
    assert made["upstream.password"].stat().st_gid == owners["principals.yaml"] == int(USER)
    assert owners["grafana.password"] == users["grafana"]
    assert all(path.stat().st_mode & 0o777 == 0o440 for name, path in made.items() if name != "complete")
    key = made["masking.keys"]
    assert (key.stat().st_uid, key.stat().st_gid) == (0, int(USER)), "root's, who may rotate it, and ours to read"
    assert read_document("K", read_file(key)).keyring().versions() == (("masking", 1),)
    directory = load_principals("principals.yaml", made["principals.yaml"].read_text())
    assert {"alice", "bob"} <= set(directory.people)
    hashed = yaml.safe_load(made["principals.yaml"].read_text())["people"][1]["password"]
    assert PasswordHasher().verify(hashed, made["bob.password"].read_text())
    before = {name: path.read_bytes() for name, path in made.items()}
    subprocess.run(call, env=environment, check=True, capture_output=True)
    assert {name: path.read_bytes() for name, path in made.items()} == before
    for service in compose()["services"].values():
        for value in service.get("environment", {}).values():
            if str(value).startswith("/run/secrets/"):
                assert Path(value).name in made, value


# -- metrics ----------------------------------------------------------------------------------------------------


def exported() -> set[str]:
    """Every name that a scrape has, those of histograms in full."""
    metrics = Metrics(version="x", compiled=False)
    found = set(re.findall(r"^# TYPE (\S+) (?!histogram)", metrics.exposition("")[0].decode(), re.MULTILINE))
    for name in re.findall(r"^# TYPE (\S+) histogram", metrics.exposition("")[0].decode(), re.MULTILINE):
        found |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return found


def queries() -> list[str]:
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "pgmaskproxy.json").read_text())
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())] + [
        r["expr"] for r in rules
    ]


def test_every_query_names_metrics_and_labels_that_there_are() -> None:
    names = exported()
    labels = re.compile(r"`(\w+)`")
    known = set(labels.findall((ROOT / "docs" / "metrics.md").read_text())) | {"job", "le"}
    for query in queries():
        used = set(re.findall(r"\bpgmaskproxy_\w+", query))
        assert used <= names, query
        assert used or "up{" in query, query
        by = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")}
        assert by | set(re.findall(r"(\w+)\s*[!=]~?\"", query)) <= known, query
        assert query.count("(") == query.count(")"), query


def test_the_dashboard_shows_what_an_operator_asks_first() -> None:
    everything = " ".join(queries())
    for name in ("statements_total", "approvals_pending", "approval_wait_seconds", "statement_duration_seconds"):
        assert f"pgmaskproxy_{name}" in everything
    assert "pgmaskproxy_cells_masked_total" in everything
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "pgmaskproxy.json").read_text())
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in board["panels"] if "datasource" in panel} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/pgmaskproxy.yml").read_text())["providers"]
    mounts = compose()["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts


# -- systemd ----------------------------------------------------------------------------------------------------


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_runs_what_there_is_and_is_told_how_it_goes() -> None:
    settings = unit()
    for key in ("ExecStart", "ExecStartPre"):
        arguments = shlex.split(settings[key][0])
        assert Path(arguments[0]).name == "pgmaskproxy"
        words = [each for each in arguments[1:] if not each.startswith("/") and each != "--config"]
        assert _pgmaskproxy(*words, "--help").returncode == 0, words
    assert settings["Type"] == ["notify"]
    assert settings["RestartPreventExitStatus"] == ["78"]
    assert settings["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    for key in ("DynamicUser", "NoNewPrivileges", "MemoryDenyWriteExecute", "PrivateDevices", "RestrictNamespaces"):
        assert settings[key] == ["yes"], key
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["StateDirectory"] == ["pgmaskproxy"]
    assert settings["CapabilityBoundingSet"] == [""]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_unit_and_finds_nothing_wrong(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/pgmaskproxy/bin/pgmaskproxy", "/bin/true"))
    said = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")


def _pgmaskproxy(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from pgmaskproxy.cli import main; main()", *arguments],
        env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
