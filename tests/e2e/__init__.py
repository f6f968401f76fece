"""The deployed system as a whole, in a cloud on this machine: `make test-e2e`."""
