"""The example morning: customers speak through the real channels, agents answer through the APIs."""
