"""The commands: through click's runner, and as real processes against a real REST interface."""
