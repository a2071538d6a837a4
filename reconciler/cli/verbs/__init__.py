"""One file per verb, imported only when the verb runs."""
