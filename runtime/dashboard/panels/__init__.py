"""The dashboards as data: each page has panels, and each panel its SQL, its columns and what fills it."""
