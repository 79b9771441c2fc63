"""The driver matrix: every task by every driver, through the proxy with masking on, compared with the same directly."""
