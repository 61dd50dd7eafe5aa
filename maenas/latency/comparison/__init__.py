"""Networks side by side: costs, latency on several devices, and the page of `compare`."""
