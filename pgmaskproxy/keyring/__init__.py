"""Where the keys of masks come from: a file, a variable or a command, and the document that all three hold."""
