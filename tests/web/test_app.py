"""The application as a whole: its OpenAPI document is whole."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from pgmaskproxy.web.app import create_app
from tests.web.stage import Stage


@pytest.fixture
def document(stage: Stage) -> dict[str, Any]:
    return create_app(stage.services).openapi()


async def test_it_is_served_without_sign_in(web: httpx2.AsyncClient, document: dict[str, Any]) -> None:
    assert (await web.get("/api/v1/openapi.json")).json() == json.loads(json.dumps(document))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                found.append(node["$ref"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(found) <= schemas
    assert "#/components/schemas/ProblemDetails" in found


def test_every_operation_says_who_and_what_can_go_wrong(document: dict[str, Any]) -> None:
    assert document["security"] == [{"token": []}, {"password": []}]
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert len(operations) == 8
    assert len({each["operationId"] for each in operations}) == len(operations)
    for each in operations:
        assert {"400", "401", "403", "404", "409", "413", "415", "422", "429", "503"} <= set(each["responses"])
        assert each["summary"]
    assert document["paths"]["/api/v1/tokens"]["post"]["security"] == [{"password": []}]
    approve = document["paths"]["/api/v1/requests/{request_id}/approve"]["post"]
    assert "Idempotency-Key".lower() in {each["name"].lower() for each in approve["parameters"]}
    assert approve["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("RequestDetail")
