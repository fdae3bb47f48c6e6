"""The HTTP entry point of a service: its application, problem details, pages of lists, live changes."""
