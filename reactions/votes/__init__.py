"""Votes: the subject of the service. Every change of a vote goes through `ballot_box`, in one transaction of `counting`."""
