"""Digital Spiral: a live, provably correct copy of Jira Cloud sites in PostgreSQL."""
