"""What operators ask of the running daemon: JSON over HTTP on a Unix socket that only the daemon's user can open.

`routes` is what the daemon serves on `state/control.sock`, `client` is how the commands ask, `statuses` what both know.
Keys are camelCase. The journal belongs to the daemon: while it runs no command opens its file.
"""
