"""Workers: the parts that need no process of their own; what they do together is in e2e."""
