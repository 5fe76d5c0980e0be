"""What the product does: pure Python, without framework, SQL, network or clock."""
