"""Text files that support leads write in, an immutable matcher out."""
