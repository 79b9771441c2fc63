"""Several processes that take clients behind one port, and one above them that people talk to.

line     the channel between the two: framed JSON over a socket pair
brief    what a worker is told before it begins
crowd    how many clients there are in all, in memory that all share
totals   the metrics of all as one
worker   a worker's own program: a `proxy.plane` and a line
crew     the workers as their parent sees them: started, watched, replaced
parent   the process above: a `front` and a crew
"""
