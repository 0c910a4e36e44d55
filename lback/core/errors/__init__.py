"""Error pages and responses, suggestions for mistyped names, and what is masked in them."""
