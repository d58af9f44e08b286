"""Files, processes, memory and the machine: nothing of music, nothing of networks."""
