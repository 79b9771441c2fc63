"""What `makemigrations` would write."""
