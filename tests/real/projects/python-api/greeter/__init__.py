"""Greets whoever comes."""
