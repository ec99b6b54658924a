"""What `report` is made of: measuring without truth, judging, and the page that shows it."""
