"""The approvals page, by HTTP; tests/e2e/test_browser.py has it in a real browser."""
