"""Tests of the rules as their leads wrote them: examples and scenarios, and what these would not notice.

`cases` says which tests there are and how each went; `plays` plays a scenario; `verdicts` compares; `coverage` and
`mutants` look at what the tests are worth. Everything is pure: no clock, no disk, no network. Called by `engine test`.
"""
