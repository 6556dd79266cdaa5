"""What TLS and DTLS terminators ask: may this device come in, and whom to trust by themselves."""
