"""What holds for every test."""

from hypothesis import settings

# How long an example takes says something about the machine and nothing about the promise.
settings.register_profile("engine", deadline=None)
settings.load_profile("engine")
