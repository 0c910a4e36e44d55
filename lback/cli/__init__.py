"""The command line: a person's whole life with a project, from an empty folder to production."""
