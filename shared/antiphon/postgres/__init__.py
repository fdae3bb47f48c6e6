"""A service's database: engine, statements, set-based writes, migrations, and what its columns hold of people."""
