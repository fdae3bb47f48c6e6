"""The pages, and all APIs under one address."""
