"""A Django application over the shop: its tables as they are, and one that migrations make."""
