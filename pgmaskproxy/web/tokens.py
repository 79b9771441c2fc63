"""/api/v1/tokens: a person's bearer tokens. Made with the password only, shown once, kept as a hash."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from pgmaskproxy.audit.events import token_created, token_revoked
from pgmaskproxy.ids import new_id
from pgmaskproxy.logs import get_logger
from pgmaskproxy.store.protocol import Token
from pgmaskproxy.web.identity import TOKEN_BYTES, TOKEN_PREFIX, signed_in, signed_in_by_password, token_hash
from pgmaskproxy.web.problems import Rejected
from pgmaskproxy.web.services import Account, Services, services_of
from pgmaskproxy.web.shapes import NewToken, TokenInfo, TokenList, TokenWish, moment

TOKENS_PER_PERSON = 50
"""Valid at one time."""

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])

Signed = Annotated[Account, Depends(signed_in)]
SignedByPassword = Annotated[Account, Depends(signed_in_by_password)]
Serving = Annotated[Services, Depends(services_of)]


@router.post("", operation_id="createToken", summary="Make a token", status_code=201)
async def create_token(wish: TokenWish, person: SignedByPassword, services: Serving) -> NewToken:
    """A random token of 256 bits for the person whose password came with the request."""
    now = services.clock()
    valid = [each for each in await services.store.tokens_of(person.id) if each.revoked is None and now < each.expires]
    if len(valid) >= TOKENS_PER_PERSON:
        raise Rejected(
            409, "too_many_tokens", f"{person.id} has {len(valid)} valid tokens", hint="revoke one, or let one expire"
        )
    secret = TOKEN_PREFIX + base64.urlsafe_b64encode(services.randbytes(TOKEN_BYTES)).rstrip(b"=").decode()
    token = Token(
        id=new_id("tok", services.clock, services.randbytes),
        person=person.id,
        hash=token_hash(secret),
        created=now,
        expires=now + wish.expires_in,
        note=wish.note,
    )
    await services.record(token_created(person.id, token.id, token.expires), durable=True)
    await services.store.add_token(token)
    get_logger("web").info("token_created", person=person.id)
    return NewToken(id=token.id, person=token.person, token=secret, expires=moment(token.expires))


@router.get("", operation_id="listTokens", summary="List your tokens")
async def list_tokens(person: Signed, services: Serving) -> TokenList:
    """Your own, without what would let anybody use them."""
    return TokenList(tokens=[TokenInfo.of(each) for each in await services.store.tokens_of(person.id)])


@router.delete("/{token_id}", operation_id="revokeToken", summary="Revoke one of your tokens", status_code=204)
async def revoke_token(token_id: str, person: Signed, services: Serving) -> Response:
    """It stops working at once; another person's is 404."""
    own = next((each for each in await services.store.tokens_of(person.id) if each.id == token_id), None)
    if own is None or own.revoked is not None:
        raise _unknown(person)
    await services.record(token_revoked(person.id, token_id), durable=True)
    if not await services.store.revoke_token(token_id, person.id, services.clock()):
        raise _unknown(person)
    get_logger("web").info("token_revoked", person=person.id)
    return Response(status_code=204)


def _unknown(person: Account) -> Rejected:
    return Rejected(404, "no_such_token", f"{person.id} has no such valid token")
