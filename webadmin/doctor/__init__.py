"""What `skerry doctor` and `skerry quickstart` look at, each check with its remedy."""
