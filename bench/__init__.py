"""How fast it is: one table from one run on one machine (`make bench`), and programs that look at parts of it."""
