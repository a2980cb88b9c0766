"""Networks: each module or package turns one network into events and says things on it."""
