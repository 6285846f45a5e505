"""A page in the browser that follows running searches, from their folders alone, which it never writes to."""
