"""The GraphQL API: translates input to commands and rows to types."""
