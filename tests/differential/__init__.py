"""Differential testing: scenarios that are played to httplib2 and to asynchttp."""
