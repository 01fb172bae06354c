"""The platform `local`: the whole system as real processes of one machine, without containers and without root."""
