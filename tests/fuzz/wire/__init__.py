"""Scripts of raw protocol messages, to the server itself and through the proxy: message for message the same answer."""
