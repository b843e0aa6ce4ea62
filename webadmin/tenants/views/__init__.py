"""The views of a tenant's pages, one module for each tab."""
