"""Who is called: every source answers from memory, so that nobody's lookup delays a post."""
