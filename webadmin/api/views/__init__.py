"""The interface's views, one module for each area; `answers` is what they share."""
