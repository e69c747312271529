"""What must outlive a published mirror: conversation threads and the evidence behind every answer."""
