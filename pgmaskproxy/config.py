"""Typed settings: pgmaskproxy.yaml, the environment and flags -> Config.

Flag beats environment beats file beats default. The environment is `PGMASKPROXY_` and the path with
`__` (`PGMASKPROXY_UPSTREAM__HOST`), or the same with `_FILE` for a file that holds the value. In the
file `${env:NAME}` and `${file:/path}` stand for a value kept elsewhere. Of libpq's environment
PGHOST, PGPORT, PGUSER, PGPASSWORD and TLS's (PGSSLMODE and so on) are honoured, for `upstream` only, where nothing else
says so.
Every problem is reported at once, with its place.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError

from pgmaskproxy.config_keys import Keys
from pgmaskproxy.config_peers import Listen, Upstream
from pgmaskproxy.config_types import (
    Extensions,
    FilePath,
    FilePaths,
    Names,
    Port,
    Seconds,
    Section,
    Signatures,
    Size,
    Views,
    Workers,
)
from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.policy import yaml
from pgmaskproxy.policy.fields import Problems, did_you_mean, header
from pgmaskproxy.policy.schema import draft7

PREFIX: Final = "PGMASKPROXY_"
LIBPQ: Final = {
    "PGHOST": ("upstream", "host"),
    "PGPORT": ("upstream", "port"),
    "PGUSER": ("upstream", "user"),
    "PGPASSWORD": ("upstream", "password"),
    "PGSSLMODE": ("upstream", "sslmode"),
    "PGSSLROOTCERT": ("upstream", "sslrootcert"),
    "PGSSLCERT": ("upstream", "sslcert"),
    "PGSSLKEY": ("upstream", "sslkey"),
    "PGSSLNEGOTIATION": ("upstream", "sslnegotiation"),
    "PGCHANNELBINDING": ("upstream", "channel_binding"),
}
LATER: Final = {
    ("audit", "checkpoint"): "the log is chained, and not signed so far",
    ("notify",): "no notice about masks is sent so far",
}
"""Documented settings that nothing enforces yet: an error, never ignored."""

_REFERENCE: Final = re.compile(r"\$\{(file|env):([^}]*)\}")

Path_ = tuple[str | int, ...]


class Trusted(Section):
    """Functions outside PostgreSQL itself that pass as its own safe ones do, and views that compare labelled columns.

    The results of functions count as clean: name none that reads labelled columns. Views may hold labelled columns
    against columns without a label: name none where an agent may write those. When first seen, functions are pinned by
    a hash of their source, binary, settings, security mode and owner, views by one of their definition and those below.
    What is not as pinned is trusted no more, which the log and `pgmaskproxy_trust_broken` say, until somebody has
    looked at it and run `pgmaskproxy check --pin`.
    """

    extensions: Extensions = Field(default=(), description="Extensions: all their functions, operators and types.")
    functions: Signatures = Field(
        default=(), description="Functions as schema.name(types), the types as PostgreSQL prints them."
    )
    views: Views = Field(default=(), description="Views as schema.name, also materialized ones.")
    lock: FilePath | None = Field(
        default=None, description="The file of pins; where there is none, it is trust.lock beside the state."
    )


class Audit(Section):
    """The hash-chained log."""

    directory: FilePath = Field(description="Where the log is written.")


class Web(Section):
    """The page and the REST interface where people decide."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.", min_length=1)
    port: Port = Field(default=8432, description="Port to listen on; 0 takes a free one.")
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = Field(
        default=None,
        description="How people reach it, without a path: links in notices and channels start with it, and where it is "
        "https, cookies are for that alone.",
    )

    def link(self, port: int, request: str) -> str:
        """Where a request can be decided; `port` is where it really listens."""
        base = self.public_url or f"http://{self.host}:{port}"
        return f"{base.rstrip('/')}/requests/{request}"


class Metrics(Section):
    """Metrics and health, for machines."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.", min_length=1)
    port: Port = Field(default=9432, description="Port to listen on; 0 takes a free one.")


class Channel(Section):
    """Where approvers are told of requests."""

    kind: Literal["webhook", "teams", "teams-legacy"] = Field(
        description="webhook: a POST signed as Standard Webhooks says. teams: an Adaptive Card to the address of a "
        "Workflows flow. teams-legacy: a MessageCard, by the extra `teams-legacy`."
    )
    url: SecretStr = Field(description="The address; https, or http to this machine.", min_length=1)
    secret: SecretStr | None = Field(
        default=None,
        description="webhook only, and required there: the signing key, whsec_ and the base64 of 24 to 64 bytes.",
        min_length=1,
    )
    groups: Names = Field(description="Told of requests that ask one of these groups.")


class Limits(Section):
    """Bounds; what is beyond them is refused."""

    connections: Annotated[int, Field(ge=1)] = Field(default=500, description="Client connections at once (53300).")
    statement_bytes: Size = Field(default=256 << 10, description="The longest statement (54000).")
    row_bytes: Size = Field(default=64 << 20, description="The longest row that is masked (54000).")
    held_bytes: Size = Field(default=1 << 20, description="What a client may send while its statement is held (53400).")
    held_requests: Annotated[int, Field(ge=1)] = Field(
        default=5, description="Requests one principal may have open (53400)."
    )
    names: Annotated[int, Field(ge=1)] = Field(default=1000, description="Statements and portals of a session (53400).")
    login_seconds: Seconds = Field(default=10.0, description="Time to log in, and to reach the server.")
    idle_seconds: Seconds = Field(
        default=28_800.0, description="Time between two statements outside a transaction, 8h unless said (57P05)."
    )
    idle_in_transaction_seconds: Seconds = Field(
        default=3600.0, description="Time between two statements inside one, with the locks it holds (25P03)."
    )


class Hold(Section):
    """What a client sees while its statement is held."""

    heartbeat: Seconds = Field(default=15.0, description="Time between notices.")


class Config(Section):
    """Everything. Paths are absolute or relative to the file they were read from."""

    listen: Listen = Field(default_factory=Listen, description="Where clients connect.")
    upstream: Upstream = Field(description="The PostgreSQL behind the proxy.")
    policies: FilePaths = Field(
        default=(Path("policies"),),
        description="Policy files, or directories of them (*.yaml without *.test.yaml, in order).",
    )
    principals: FilePath = Field(default=Path("principals.yaml"), description="The file of people and users.")
    workers: Workers = Field(
        default=1,
        description="Processes that take clients, sharing the port; auto: as many as there are cores that the proxy "
        "may use. See workers.md.",
    )
    state: Annotated[str, Field(pattern=r"^sqlite:///.+")] = Field(
        description="Where requests are kept: sqlite:/// and a path."
    )
    trust: Trusted = Field(default_factory=Trusted, description="Functions that are trusted.")
    audit: Audit = Field(description="The hash-chained log.")
    keys: Keys = Field(description="The proxy's own keys.")
    web: Web = Field(default_factory=Web, description="The page and the REST interface where people decide.")
    metrics: Metrics = Field(default_factory=Metrics, description="Metrics and health.")
    channels: dict[str, Channel] = Field(default_factory=dict, description="Where approvers are told of requests.")
    limits: Limits = Field(default_factory=Limits, description="Bounds.")
    hold: Hold = Field(default_factory=Hold, description="While a statement is held.")


def find_config(environ: Mapping[str, str]) -> Path | None:
    """Where the configuration file is when no flag says so; None when there is none."""
    if PREFIX + "CONFIG" in environ:
        return Path(environ[PREFIX + "CONFIG"])
    home = Path(environ.get("HOME", "/"))
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    for path in (Path("pgmaskproxy.yaml"), user / "pgmaskproxy/config.yaml", Path("/etc/pgmaskproxy/config.yaml")):
        if path.is_file():
            return path
    return None


def state_directory(environ: Mapping[str, str]) -> Path:
    """Where state is kept by default: systemd's, root's or the user's own."""
    if given := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/pgmaskproxy")
    home = Path(environ.get("HOME", "/"))
    return Path(environ.get("XDG_STATE_HOME") or home / ".local/state") / "pgmaskproxy"


def load_config(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, str | int | bool] | None = None
) -> Config:
    """The configuration in `path`, or where `find_config` finds it, or of environment and flags alone.

    `overrides` are flags by dotted path (`listen.port`). Raises ConfigError with every problem.
    """
    found = path or find_config(environ)
    return _Loading(found, environ).load(overrides or {})


class _Loading:
    """One run of `load_config`: the values so far, and where each came from."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self.file = str(path) if path is not None else ""
        self.base = path.absolute().parent if path is not None else Path.cwd()
        self.environ = environ
        self.problems = Problems()
        self.root: yaml.Node = yaml.Mapping((), self.file, 0)
        self.origins: dict[Path_, str] = {}
        """Paths whose value is not the file's -> the variable or flag it is from."""

    def load(self, overrides: Mapping[str, str | int | bool]) -> Config:
        values = self._read_file() if self.file else {}
        self._environment(values)
        for dotted, value in overrides.items():
            self._put(values, tuple(dotted.split(".")), value, f"--{dotted.replace('.', '-').replace('_', '-')}")
        self._defaults(values)
        config: Config | None = None
        try:
            config = Config.model_validate(values, context={"base": self.base})
        except ValidationError as error:
            for item in error.errors(include_url=False, include_input=False, include_context=True):
                self._report(item["loc"], item["type"], item["msg"])
        problems = self.problems.all()
        if problems or config is None:
            raise ConfigError(problems)
        return config

    def _read_file(self) -> dict[str, Any]:
        self.root = yaml.compose(self.file, read_text(Path(self.file)))
        header(self.root, "Config", self.problems)
        if not isinstance(self.root, yaml.Mapping):
            return {}
        values = {key.text: self._resolve(node) for key, node in self.root.entries}
        return {key: value for key, value in values.items() if key not in {"apiVersion", "kind"}}

    def _resolve(self, node: yaml.Node) -> Any:
        match node:
            case yaml.Sequence():
                return [self._resolve(item) for item in node.items]
            case yaml.Mapping():
                return {key.text: self._resolve(value) for key, value in node.entries}
            case yaml.Scalar():
                value = node.value
                if not isinstance(value, str):
                    return value
                return _REFERENCE.sub(lambda match: self._refer(node, match[1], match[2]), value)

    def _refer(self, node: yaml.Node, kind: str, name: str) -> str:
        if kind == "env":
            if name not in self.environ:
                self.problems.add(node, f"the environment has no {name}")
            return self.environ.get(name, "")
        try:
            return read_secret(self.base / name)
        except ConfigError as error:
            for problem in error.problems:
                self.problems.add(node, f"{problem.file}: {problem.message}", problem.hint)
            return ""

    def _environment(self, values: dict[str, Any]) -> None:
        for variable, path in LIBPQ.items():
            section = values.get(path[0])
            if self.environ.get(variable) and not (isinstance(section, dict) and path[1] in section):
                self._put(values, path, self.environ[variable], variable)
        for variable in sorted(name for name in self.environ if name.startswith(PREFIX)):
            parts = variable[len(PREFIX) :].lower().split("__")
            # One word may be a flag of the command line: only what is a setting here is one.
            if len(parts) == 1 and parts[0].removesuffix("_file") not in {"policies", "principals", "state", "workers"}:
                continue
            value: str = self.environ[variable]
            if parts[-1].endswith("_file"):
                parts[-1] = parts[-1].removesuffix("_file")
                try:
                    value = read_secret(Path(value))
                except ConfigError as error:
                    self.problems.extend(
                        Problem(f"{variable}: {problem.message}", problem.file, hint=problem.hint)
                        for problem in error.problems
                    )
                    continue
            self._put(values, self._spelled(values, parts), value, variable)

    @staticmethod
    def _spelled(values: Mapping[str, Any], parts: Sequence[str]) -> Path_:
        """`parts` with a channel's name as the file spells it: a variable's name has no `-`."""
        if parts[0] != "channels" or len(parts) < 2:
            return tuple(parts)
        channels = values.get("channels")
        for name in channels if isinstance(channels, dict) else ():
            if str(name).lower().replace("-", "_") == parts[1]:
                return ("channels", name, *parts[2:])
        return tuple(parts)

    def _put(self, values: dict[str, Any], path: Path_, value: str | int | bool, origin: str) -> None:
        at = values
        for step in path[:-1]:
            inner = at.setdefault(str(step), {})
            if not isinstance(inner, dict):
                return  # the file has something else there, which validation reports
            at = inner
        at[str(path[-1])] = value
        self.origins[path] = origin

    def _defaults(self, values: dict[str, Any]) -> None:
        directory = state_directory(self.environ)
        values.setdefault("state", f"sqlite:///{directory}/state.db")
        values.setdefault("audit", {"directory": str(directory / "audit")})
        keys = values.setdefault("keys", {})
        if isinstance(keys, dict):
            keys.setdefault("directory", str(directory / "keys"))

    def _report(self, loc: Path_, kind: str, message: str) -> None:
        names = tuple(step for step in loc if step != "[key]")
        dotted = ".".join(str(step) for step in names)
        hint = ""
        if kind == "extra_forbidden":
            later = LATER.get(tuple(str(step) for step in names))
            if later is not None:
                message, hint = f'"{dotted}" is not enforced by this version yet', later
            else:
                message, hint = f'unknown setting "{dotted}"', did_you_mean(str(names[-1]), _known(names[:-1]))
        elif kind == "missing":
            message = f'"{dotted}" is missing'
        elif kind == "literal_error" and names[-1] == "sslmode":
            message, hint = f'"{dotted}": {_lower(message)}', "allow and prefer end without TLS when somebody wants so"
        elif kind == "literal_error" and names[-1] in {"attestation", "kind"}:
            message, hint = f'"{dotted}": {_lower(message)}', "the others are not enforced by this version yet"
        else:
            message = f'"{dotted}": {_lower(message)}'
        origin = self._origin(names)
        if origin:
            self.problems.extend([Problem(f"{origin}: {message}", hint=hint)])
        else:
            self.problems.extend([Problem(message, self.file, self._line(names), hint)])

    def _origin(self, names: Path_) -> str:
        """The variable or flag that the value at `names`, or all that is in it, is from; '' for the file."""
        above = [names[:end] for end in range(len(names), 0, -1)]
        found = next((self.origins[path] for path in above if path in self.origins), "")
        if found or self._key(names) is not None:
            return found
        return next((origin for path, origin in self.origins.items() if path[: len(names)] == names), "")

    def _key(self, names: Path_) -> yaml.Scalar | None:
        """The key in the file that makes the value at `names`."""
        parent = yaml.locate(self.root, names[:-1])
        if len(names) > 1 and parent is yaml.locate(self.root, names[:-2]):
            return None  # the mapping it would be in is not there either
        if isinstance(parent, yaml.Mapping):
            return next((key for key, _ in parent.entries if key.text == names[-1]), None)
        return None

    def _line(self, names: Path_) -> int:
        above = (self._key(names[:end]) for end in range(len(names), 0, -1))
        return next((key.line for key in above if key is not None), self.root.line)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _known(path: Path_) -> Iterable[str]:
    """The settings in the section at `path`."""
    model: type[BaseModel] = Config
    for step in path:
        annotation = model.model_fields[str(step)].annotation if str(step) in model.model_fields else None
        if step == "channels":
            annotation = Channel
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return model.model_fields


def read_text(path: Path) -> str:
    """The text of a file the operator edits. ConfigError when it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("is not UTF-8", str(path))]) from None


def read_secret(path: Path) -> str:
    """The secret in a file, without its last line end. Like libpq, refuses a file that everybody can read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
    if stat.S_ISREG(mode) and mode & stat.S_IRWXO:
        raise ConfigError([Problem("is a secret and everybody may read or write it", str(path), hint="chmod o-rwx")])
    return read_text(path).removesuffix("\n").removesuffix("\r")


def policy_files(config: Config) -> tuple[tuple[str, str], ...]:
    """The policies' (name, text), for `policy.loader`. ConfigError when one cannot be read or there is none."""
    found: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for path in config.policies:
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.glob("*.yaml") if not file.name.endswith(".test.yaml"))
            if not files:
                problems.append(Problem("has no policy files (*.yaml)", str(path)))
        for file in files:
            try:
                found.append((str(file), read_text(file)))
            except ConfigError as error:
                problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return tuple(found)


def pins_path(config: Config) -> Path:
    """Where the pins of what is trusted are kept."""
    return config.trust.lock or Path(config.state.removeprefix("sqlite:///")).with_name("trust.lock")


def config_schema() -> dict[str, Any]:
    """The JSON Schema, draft-07, of pgmaskproxy.yaml."""
    schema = Config.model_json_schema()
    # These have defaults that depend on who runs it (`state_directory`).
    schema["required"] = [name for name in schema["required"] if name not in {"state", "audit", "keys"}]
    return draft7(schema, "Config")
