"""The folder `oncall` of a rules folder: schedules of people, and whom to call when nobody takes care of an incident.

`folder` is the way in. `reading` and `policies` turn nodes into a typed document, `names` and `foresight` find what is
wrong with it, `building` makes a `core.rosters.Roster` of it; `importing` reads calendar files, in a process of its
own.
"""
