"""Synthetic music in ten genres, made from a seed."""
