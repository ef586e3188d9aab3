"""Differential testing: play the same scenarios to httplib2 and to asynchttp."""
