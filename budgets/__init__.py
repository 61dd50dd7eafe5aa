"""What one may spend: budgets, devices, prices."""
