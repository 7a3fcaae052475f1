"""The composition root: from settings to a running process, by plain constructor calls. One module a mode."""
