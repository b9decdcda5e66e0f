"""What other libraries' losses compute, found by `unifocal.conformance`."""
