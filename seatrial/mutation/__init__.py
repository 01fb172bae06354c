"""Mutants: one wrong place at a time, deployed as a release, to see which share of them the checks notice."""

from seatrial.mutation._run import Run, drawn, tell

__all__ = ["Run", "drawn", "tell"]
