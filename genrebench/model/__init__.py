"""Trained models: saved, read, and used on recordings."""
