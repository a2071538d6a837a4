"""What manifests may not ask for: the words of a policy, where they apply, and what violates them."""
