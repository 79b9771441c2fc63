"""Real drivers through a real proxy to real servers; every byte they are sent is searched for secrets."""
