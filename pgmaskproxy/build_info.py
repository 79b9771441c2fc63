"""What this installation is: its version, and whether its data plane was compiled."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES

from pgmaskproxy import __version__
from pgmaskproxy.mask import kernel


def compiled() -> bool:
    """Whether the row kernel is mypyc's. All modules that setup.py compiles are, or none is."""
    return kernel.__file__.endswith(tuple(EXTENSION_SUFFIXES))


def description() -> str:
    """What `pgmaskproxy --version` says."""
    return f"pgmaskproxy {__version__} ({'compiled' if compiled() else 'interpreted'})"
