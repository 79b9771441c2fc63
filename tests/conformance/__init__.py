"""Other people's test suites, directly and through the proxy: `make conformance`."""
