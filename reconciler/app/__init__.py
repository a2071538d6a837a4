"""One file per verb: the only place where manifests, kinds, engine and adapters meet."""
