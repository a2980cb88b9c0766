"""A report of incidents for whoever reads it: a terminal, a page of text, a program, a picture.

`commands.report` picks one. Each module turns a `core.reports.Report` into one text; none of them asks or writes.
"""
