"""JSON Schemas of the files of this project, derived from the code that reads and writes them."""
