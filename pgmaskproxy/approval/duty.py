"""Separation of duty: who may decide, and when enough have.

There are no exceptions and no administrators: the person whose login asked, and the person who
answers for the login, never decide, whatever their groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pgmaskproxy.approval.refusals import NotAllowed
from pgmaskproxy.approval.request import ApprovalRequest, Vote
from pgmaskproxy.model import ApprovalTerms


class Person(Protocol):
    """Someone who has proven who they are; the directory of people is the policy's."""

    @property
    def id(self) -> str:
        """As in principals.yaml."""

    @property
    def groups(self) -> Iterable[str]:
        """The groups they are in now."""


def authors(request: ApprovalRequest) -> frozenset[str]:
    """The ids that may never decide this request: the login's name, its person and its owner."""
    return frozenset(each for each in (request.principal, request.person, request.owner) if each)


def counts_for(person: Person, request: ApprovalRequest) -> tuple[str, ...]:
    """The asked groups that `person` is in, sorted."""
    return tuple(sorted(set(person.groups) & set(request.groups)))


def may_decide(person: Person, request: ApprovalRequest) -> None:
    """Return if `person` may approve or reject `request`; raise NotAllowed saying why not."""
    if not person.id:
        raise NotAllowed("nobody is signed in")
    if person.id in (request.principal, request.person):
        raise NotAllowed(f"{person.id} asked for this and cannot decide it", hint=_others(request))
    if person.id == request.owner:
        raise NotAllowed(
            f"{person.id} answers for {request.principal} and cannot decide what it asks", hint=_others(request)
        )
    if not counts_for(person, request):
        raise NotAllowed(f"{person.id} is in none of the groups that are asked", hint=_others(request))


def _others(request: ApprovalRequest) -> str:
    return f"ask somebody else in {' or '.join(request.groups)}" if request.groups else ""


def missing(term: ApprovalTerms, votes: Iterable[Vote], barred: frozenset[str] = frozenset()) -> int:
    """How many more people must agree to `term`.

    A person counts once in a term, and in every term that asks one of their groups. A term with a
    quorum below 1 still wants one.
    """
    agreed = {
        vote.person
        for vote in votes
        if vote.approve and vote.person not in barred and not set(vote.groups).isdisjoint(term.groups)
    }
    return max(0, max(1, term.quorum) - len(agreed))


def agreed(request: ApprovalRequest, votes: Iterable[Vote]) -> bool:
    """Whether `votes` are enough: no rejection, every term met, none of them an author's. No terms: never."""
    cast = tuple(votes)
    barred = authors(request)
    if not request.terms or any(not vote.approve for vote in cast):
        return False
    return all(missing(term, cast, barred) == 0 for term in request.terms)
