"""WhatsApp as a linked device: neonize in a child process."""
