"""What tests stand on: real servers, a real proxy, and a tap on every byte a client is sent."""
