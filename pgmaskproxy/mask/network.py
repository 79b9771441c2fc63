"""`ip`: the network that an address is in."""

from __future__ import annotations

import ipaddress
from typing import Final, final

from pgmaskproxy.mask.masker import REDACTED, Kind, Masker

_IPV4: Final = 2  # PGSQL_AF_INET, src/include/utils/inet.h
_IPV6: Final = 3
_HEADER: Final = 4


@final
class Ip(Kind):
    """An address cut to so many bits of its network; what is no address is hidden whole."""

    def __init__(self, v4: int, v6: int) -> None:
        self.v4: Final = v4
        self.v6: Final = v6

    def show(self, text: str) -> str | None:
        """`203.0.113.0/24`."""
        shown = self.network(text.strip())
        return REDACTED if shown is None else shown

    def network(self, text: str) -> str | None:
        """The same; None for what is no address."""
        quick = self._dotted(text)
        if quick:
            return quick
        # A zone ("fe80::1%eth0") would be shown with the address.
        if "%" in text:
            return None
        try:
            found = ipaddress.ip_interface(text)
        except ValueError:
            return None
        bits = min(self.v4 if found.version == 4 else self.v6, found.network.prefixlen)
        return str(ipaddress.ip_network((found.ip, bits), strict=False))

    def _dotted(self, text: str) -> str:
        """The network of four plain numbers; '' for everything that has to be looked at more closely."""
        parts = text.split(".")
        if len(parts) != 4:
            return ""
        address = 0
        for part in parts:
            if not 1 <= len(part) <= 3 or not part.isdecimal() or not part.isascii():
                return ""
            number = int(part)
            if number > 255 or (len(part) > 1 and part[0] == "0"):
                return ""
            address = address << 8 | number
        hidden = 32 - self.v4
        address = address >> hidden << hidden
        return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}/{self.v4}"

    def recognises(self, text: str) -> bool:
        """Only what stands for no address: a network may be a value."""
        return text.strip() == REDACTED


@final
class InetTextMasker(Masker):
    """For inet and cidr in text format."""

    def __init__(self, kind: Ip) -> None:
        super().__init__(fixed=False)
        self.kind: Final = kind

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        shown = self.kind.network(value.decode("ascii", errors="replace"))
        return None if shown is None else shown.encode("ascii")


@final
class InetBinaryMasker(Masker):
    """For inet and cidr in binary format: family, bits, whether it is a cidr, the address's length, the address
    (inet_send, src/backend/utils/adt/network.c)."""

    def __init__(self, kind: Ip) -> None:
        super().__init__(fixed=False)
        self.kind: Final = kind

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        size = len(value) - _HEADER
        if size == 4 and value[0] == _IPV4:
            most = self.kind.v4
        elif size == 16 and value[0] == _IPV6:
            most = self.kind.v6
        else:
            return None
        bits = min(most, value[1])
        hidden = 8 * size - bits
        address = int.from_bytes(value[_HEADER:], "big") >> hidden << hidden
        return bytes([value[0], bits, value[2], size]) + address.to_bytes(size, "big")
