"""Pages of the documentation as programs: their blocks are run, their links and names checked."""
