"""Functions of the Python API; `import maenas` exports all of them."""
