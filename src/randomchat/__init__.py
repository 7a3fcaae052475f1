"""A self-hosted, real-time random chat."""

from importlib.metadata import version

__version__ = version("randomchat")
