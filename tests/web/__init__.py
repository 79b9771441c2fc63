"""The REST interface over a real store, audit log and broker."""
