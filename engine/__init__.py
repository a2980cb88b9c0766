"""A WhatsApp support router: rules decide, the client is acknowledged, the on-call engineer gets one post."""

__version__ = "0.5.0"
