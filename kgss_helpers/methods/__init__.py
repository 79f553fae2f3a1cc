"""Everything that answers a question, in one protocol: see `kgss_helpers.methods.protocol`."""
