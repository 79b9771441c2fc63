"""What every session asks the server for in its own name (DESIGN 3a): a list that is written out twice on purpose."""

from __future__ import annotations

from pgmaskproxy.policy.settings import Startup
from pgmaskproxy.proxy.upstream import pinned_parameters
from tests.proxy import known


def test_the_parameters_without_which_no_tree_comes_or_a_parameter_is_quoted() -> None:
    asked = dict(pinned_parameters(Startup("agent", "shop", ()), known.principal(), "ses_1", "required"))
    assert asked.items() >= {
        ("debug_print_rewritten", "on"),
        ("debug_pretty_print", "off"),
        ("client_min_messages", "log"),
        ("log_parameter_max_length_on_error", "0"),
    }
