"""The object types of the API, one module per subject: what a row looks like to a caller."""
