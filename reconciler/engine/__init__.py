"""Specs and observations in, a plan out. Knows no kind and touches nothing."""
