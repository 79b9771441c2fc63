"""The mask package: maskers, plans and the row kernel."""
