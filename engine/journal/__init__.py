"""Durable memory: one SQL text, thin dialects."""
