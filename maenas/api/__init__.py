"""The functions of the Python API; `import maenas` offers them all."""
