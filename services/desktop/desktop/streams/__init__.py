"""What goes on to the services, and comes back."""
