"""Images and videos: read, resized, drawn on."""
