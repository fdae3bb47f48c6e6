"""The example morning: customers send messages through the real channels, agents answer through the APIs."""
