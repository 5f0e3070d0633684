"""The DuckDB warehouse: its tables, its transactions, and the ledger of what is current."""
