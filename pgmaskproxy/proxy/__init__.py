"""The asyncio shell around the pure packages: listener, connections, judge, catalog, cancel routing."""
