"""Questions to the model: the ledger of exits, explanations, differences between specs, and what runs recorded."""
