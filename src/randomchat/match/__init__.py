"""Pairs people who wait."""
