"""Pure measuring: each probe returns what it saw, and a refused, late or garbled answer is something seen."""
