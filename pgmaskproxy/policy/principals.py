"""Who can log in, and who can approve: principals.yaml -> Directory."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.model import Principal, PrincipalKind
from pgmaskproxy.policy import fields, yaml
from pgmaskproxy.policy.fields import Fields, Problems, did_you_mean

_IDENTITIES: Final = ("database", "email", "slack", "teams")
_VERIFIER: Final = re.compile(r"SCRAM-SHA-256\$([0-9]{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_ARGON2ID: Final = re.compile(r"\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
LEAST_ITERATIONS: Final = 4096
"""RFC 7677, section 4."""
_MOST_MET: Final = 4096


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can approve, own and be asked. One person, all their identities."""

    id: str
    groups: frozenset[str] = frozenset()
    identities: tuple[tuple[str, str], ...] = ()
    """(kind, value), sorted; kinds are database, email, slack, teams."""
    password_hash: str | None = None
    """argon2id, as argon2-cffi writes it."""

    def identity(self, kind: str) -> str | None:
        """The identity of this kind, if there is one."""
        return dict(self.identities).get(kind)

    def __repr__(self) -> str:
        return f"Person(id={self.id!r}, groups={sorted(self.groups)})"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate a user logs in by: everything that is said here has to be so, and something is."""

    cn: str | None = None
    """The subject's common name, where it has just one."""
    dn: str | None = None
    """The whole subject, as RFC 4514 writes it."""
    uri: str | None = None
    """One of its alternative names: a SPIFFE ID, for one."""
    sha256: str | None = None
    """The certificate's own fingerprint, 64 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody or something that can log in to the proxy."""

    name: str
    kind: PrincipalKind
    verifier: str | None
    """RFC 5803 in PostgreSQL's form: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`. None for who logs in by
    certificate alone."""
    groups: frozenset[str] = frozenset()
    owner: str | None = None
    certificate: Certificate | None = None
    """Without this one there is no login, whatever the password."""

    def __repr__(self) -> str:
        return f"User(name={self.name!r}, kind={self.kind.value}, owner={self.owner!r})"


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody. People by id, users by name."""

    people: Mapping[str, Person]
    users: Mapping[str, User]
    _met: dict[tuple[str, str, str], Principal] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Principals as they were made last: each is asked for with every statement, and what is kept for one is found
    sooner by the same object."""

    def principal(self, name: str, address: str = "", authenticated_by: str = "scram-sha-256") -> Principal | None:
        """The principal who logs in as `name`; None when there is none."""
        key = (name, address, authenticated_by)
        found = self._met.get(key)
        if found is not None:
            return found
        user = self.users.get(name)
        if user is None:
            return None
        person = self.person_of(name)
        if len(self._met) >= _MOST_MET:
            self._met.clear()
        found = self._met[key] = Principal(
            name=user.name,
            kind=user.kind,
            groups=user.groups,
            owner=user.owner,
            person=person.id if person is not None else None,
            authenticated_by=authenticated_by,
            address=address,
        )
        return found

    def verifier(self, name: str) -> str | None:
        """The SCRAM verifier of the login `name`."""
        user = self.users.get(name)
        return user.verifier if user is not None else None

    def certificate(self, name: str) -> Certificate | None:
        """The certificate without which `name` does not log in."""
        user = self.users.get(name)
        return user.certificate if user is not None else None

    def person(self, id: str) -> Person | None:  # noqa: A002
        """The person with this id."""
        return self.people.get(id)

    def person_of(self, login: str) -> Person | None:
        """The person whose database identity this login is."""
        for person in self.people.values():
            if person.identity("database") == login:
                return person
        return None

    def members(self, group: str) -> frozenset[str]:
        """The ids of the people in `group`."""
        return frozenset(person.id for person in self.people.values() if group in person.groups)


def load_principals(file: str, content: str) -> Directory:
    """The directory in `content`. ConfigError with every problem at once."""
    problems = Problems()
    node = yaml.compose(file, content)
    fields.header(node, "Principals", problems)
    top = Fields(node, "the file", ("apiVersion", "kind", "people", "users"), problems)
    people: dict[str, Person] = {}
    identities: dict[tuple[str, str], str] = {}
    for item in _list(top, "people"):
        person = _person(item, problems)
        if person is None:
            continue
        if person.id in people:
            problems.add(item, f'person "{person.id}" twice')
        for pair in person.identities:
            other = identities.setdefault(pair, person.id)
            if other != person.id:
                problems.add(item, f'{pair[0]} identity "{pair[1]}" belongs to both "{other}" and "{person.id}"')
        people.setdefault(person.id, person)
    users: dict[str, User] = {}
    for item in _list(top, "users"):
        user = _user(item, people, identities, problems)
        if user is None:
            continue
        if user.name in users:
            problems.add(item, f'user "{user.name}" twice')
        users.setdefault(user.name, user)
    if found := problems.all():
        raise ConfigError(found)
    return Directory(people, users)


def _list(top: Fields, key: str) -> tuple[yaml.Node, ...]:
    node = top.get(key)
    if node is None:
        return ()
    if isinstance(node, yaml.Sequence):
        return node.items
    top.problems.add(node, f'"{key}" must be a list')
    return ()


def _person(node: yaml.Node, problems: Problems) -> Person | None:
    own = Fields(node, "a person", ("id", "groups", "identities", "password"), problems)
    name = own.read("id", fields.identifier, required=True)
    groups = own.read("groups", fields.each(fields.identifier)) or ()
    password = own.read("password", fields.text)
    if password is not None and not _ARGON2ID.fullmatch(password):
        problems.add(
            own.get("password") or node,
            f'password of person "{name}" must be an argon2id hash',
            "make one with `pgmaskproxy user add --person`",
        )
    found: list[tuple[str, str]] = []
    identities = own.get("identities")
    if identities is not None:
        each = Fields(identities, "identities", _IDENTITIES, problems)
        for kind in _IDENTITIES:
            value = each.read(kind, fields.text)
            if value is not None:
                found.append((kind, value))
    if name is None:
        return None
    return Person(name, frozenset(groups), tuple(sorted(found)), password)


def _user(
    node: yaml.Node, people: Mapping[str, Person], identities: Mapping[tuple[str, str], str], problems: Problems
) -> User | None:
    own = Fields(node, "a user", ("name", "kind", "owner", "groups", "verifier", "certificate"), problems)
    name = own.read("name", fields.text, required=True)
    kind = own.read("kind", fields.member(PrincipalKind), required=True)
    owner = own.read("owner", fields.identifier)
    groups = own.read("groups", fields.each(fields.identifier)) or ()
    given = own.get("certificate")
    certificate = _certificate(given, problems) if given is not None else None
    verifier = own.read("verifier", _verifier, required=given is None)
    if owner is not None and owner not in people:
        problems.add(own.get("owner") or node, f'owner "{owner}" is not a person', did_you_mean(owner, people))
    # Without one of these nobody could tell that the requester and an approver are the same person.
    if name is not None and own.get("owner") is None and isinstance(node, yaml.Mapping):
        if kind is PrincipalKind.AGENT:
            problems.add(node, f'agent "{name}" needs "owner": the person who answers for it')
        elif ("database", name) not in identities:
            problems.add(
                node,
                f'user "{name}" needs "owner", or a person whose identities say "database: {name}"',
                "else that person could approve their own request",
            )
    if name is None or kind is None or (verifier is None and certificate is None):
        return None
    return User(name, kind, verifier, frozenset(groups), owner, certificate)


def _certificate(node: yaml.Node, problems: Problems) -> Certificate | None:
    own = Fields(node, "certificate", ("cn", "dn", "uri", "sha256"), problems)
    cn, dn, uri = (own.read(name, fields.text) for name in ("cn", "dn", "uri"))
    fingerprint = own.read("sha256", fields.text)
    if fingerprint is not None:
        fingerprint = fingerprint.replace(":", "").lower()
        if not _FINGERPRINT.fullmatch(fingerprint):
            problems.add(own.get("sha256") or node, "sha256 must be a fingerprint: 64 hexadecimal digits")
    if (cn, dn, uri, fingerprint) == (None, None, None, None):
        problems.add(node, "certificate must say which: cn, dn, uri or sha256")
        return None
    return Certificate(cn, dn, uri, fingerprint)


def _verifier(node: yaml.Node, what: str, problems: Problems) -> str | None:
    value = fields.text(node, what, problems)
    if value is None:
        return None
    if not valid_verifier(value):
        problems.add(
            node, f"{what} must be a SCRAM-SHA-256 verifier", "make one with `pgmaskproxy user scram-verifier`"
        )
        return None
    return value


def valid_verifier(value: str) -> bool:
    """Whether `value` is `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` with keys of 32 bytes."""
    match = _VERIFIER.fullmatch(value)
    if match is None or int(match[1]) < LEAST_ITERATIONS:
        return False
    try:
        salt, stored, server = (base64.b64decode(part, validate=True) for part in match.groups()[1:])
    except binascii.Error:
        return False
    return len(salt) >= 8 and len(stored) == 32 and len(server) == 32
