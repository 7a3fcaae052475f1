"""Technical ports and their adapters. Nothing here knows what a chat is."""
