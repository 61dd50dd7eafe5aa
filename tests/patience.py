"""How long a test waits for a process before it calls it hung."""

# Far beyond what a slow or busy machine needs: a test that fails here has found a process that
# never ends, not a slow one.
PATIENCE_S = 900.0
