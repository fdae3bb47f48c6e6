"""Delivery of replies: kept when they are asked for, attempted until the other side takes them or somebody must decide."""
