"""Drivers of other languages: a small program for each, and what starts them and talks to them."""
