"""Pages of signing in, proving it is still you, and looking after one's own account."""
