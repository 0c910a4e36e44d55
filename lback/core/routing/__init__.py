"""URL patterns, the tree of routes, and how a view is called."""
