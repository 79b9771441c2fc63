"""The page, the REST interface, metrics and health as servers: loaded when the port for clients is open already."""

from __future__ import annotations

from pgmaskproxy.web.app import create_app
from pgmaskproxy.web.health import Page, Ready, create_health_app
from pgmaskproxy.web.server import EmbeddedServer, server_of
from pgmaskproxy.web.services import Services


def make_servers(services: Services, ready: Ready, page: Page | None) -> tuple[EmbeddedServer, EmbeddedServer]:
    """The one for people, and the one for machines."""
    health = create_health_app(services.metrics, ready, page)
    closing = services.pulse.close
    return server_of(create_app(services), closing), server_of(health, closing)
