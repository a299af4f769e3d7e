"""Turns weight files of others into files of ours, once, for those who want to repeat it."""
