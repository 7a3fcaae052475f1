"""The engines of distributed mode as processes of this machine, for tests and for trying it out. Never for production."""
