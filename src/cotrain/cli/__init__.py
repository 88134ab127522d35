"""The command line; `main` holds the group and the error handling, one module each command."""
