"""Transcripts: the protocol logic of a session, specified line by line."""
