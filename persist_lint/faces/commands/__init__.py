"""What the commands do; imported by the command line when a command is run. Each ``run`` returns the exit status."""
