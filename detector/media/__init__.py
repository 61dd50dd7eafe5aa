"""Images and videos: reading, resizing and drawing."""
