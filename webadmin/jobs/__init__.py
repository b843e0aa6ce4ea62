"""What a cell does by itself: the kinds of jobs, how often each is done, and what is done."""
