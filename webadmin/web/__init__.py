"""What every page goes through, and the pages that belong to no area."""
